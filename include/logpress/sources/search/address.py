"""How a cluster, and a part of an index in it, is named: `opensearch+https://host:9200/index?hours=...&shard=0`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from logpress.errors import UsageError

_SCHEMES = {f"{name}+{scheme}": scheme for name in ("opensearch", "elasticsearch") for scheme in ("http", "https")}
_PORTS = {"http": 9200, "https": 443}


def is_cluster(uri: str) -> bool:
    """Whether a URI names a cluster."""
    return uri.startswith(("opensearch+", "opensearch:", "elasticsearch+", "elasticsearch:"))


@dataclass(frozen=True, slots=True)
class Hours:
    """A range of whole hours, UTC.

    Attributes:
        begin: first instant.
        end: first instant after it.
    """

    begin: datetime
    end: datetime

    @classmethod
    def of_day(cls, day: date) -> Hours:
        """All hours of a day."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return cls(midnight, midnight + timedelta(days=1))

    @classmethod
    def parse(cls, text: str) -> Hours:
        """Read what `str` gives; raises ValueError."""
        begin, _, end = text.partition("..")
        return cls(*(datetime.strptime(part, "%Y-%m-%dT%H").replace(tzinfo=UTC) for part in (begin, end)))

    def __str__(self) -> str:
        return f"{self.begin:%Y-%m-%dT%H}..{self.end:%Y-%m-%dT%H}"

    def query(self, field: str) -> dict[str, Any]:
        """The query that finds documents whose field lies inside."""
        form = "%Y-%m-%dT%H:%M:%SZ"
        bounds = {"gte": self.begin.strftime(form), "lt": self.end.strftime(form)}
        return {"range": {field: {**bounds, "format": "strict_date_optional_time"}}}


@dataclass(frozen=True, slots=True)
class Address:
    """A cluster, an index, alias or pattern in it, and which of its documents.

    Attributes:
        scheme: as it was written, such as `opensearch+https`.
        host: name or address.
        port: of the cluster's HTTP interface.
        index: empty where the contract says which.
        hours: only documents of these hours.
        rest: only documents that are not of these hours, or of no hour that the server can read.
        shard: only documents of this shard (of each index, where there are several).
    """

    scheme: str
    host: str
    port: int
    index: str = ""
    hours: Hours | None = None
    rest: Hours | None = None
    shard: int | None = None

    @classmethod
    def parse(cls, uri: str) -> Address:
        """Read a URI.

        Raises:
            UsageError: if it names no cluster, or a password stands in it; which the message does not repeat.
        """
        scheme, _, behind = uri.partition("://")
        if scheme in ("opensearch", "elasticsearch") and behind[:1] in ("", "/"):
            raise UsageError(
                f"{uri}: names no host, as only a run in Airflow may; write {scheme}+https://host:9200/index"
            )
        if scheme not in _SCHEMES:
            raise UsageError(f"{scheme}://...: is no kind of cluster; kinds are {', '.join(_SCHEMES)}")
        if "@" in uri:
            raise UsageError(
                f"{scheme}://...@...: a user or password must not stand in a URI, where it would be logged; "
                "set OPENSEARCH_USERNAME and OPENSEARCH_PASSWORD, or the Airflow connection opensearch_default"
            )
        try:
            parts = urlsplit(uri)
            port = parts.port or _PORTS[_SCHEMES[scheme]]
            query = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
            hours, rest = (Hours.parse(query.pop(name)) if name in query else None for name in ("hours", "rest"))
            shard = int(query.pop("shard")) if "shard" in query else None
        except ValueError as error:
            raise UsageError(f"{uri}: is no address of a cluster: {error}") from error
        index = unquote(parts.path.strip("/"))
        if not parts.hostname or "/" in index or query:
            raise UsageError(f"{uri}: is no address of a cluster; write it as {scheme}://host:9200/index")
        return cls(scheme, parts.hostname, port, index, hours, rest, shard)

    def __str__(self) -> str:
        query = {"hours": self.hours, "rest": self.rest, "shard": self.shard}
        given = "&".join(f"{name}={value}" for name, value in query.items() if value is not None)
        host = f"[{self.host}]" if ":" in self.host else self.host
        index = f"/{quote(self.index, safe='*,')}" if self.index else ""
        return f"{self.scheme}://{host}:{self.port}{index}{'?' if given else ''}{given}"

    @property
    def is_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return _SCHEMES[self.scheme] == "https"

    @property
    def whole(self) -> Address:
        """The index, with all its documents."""
        return replace(self, hours=None, rest=None, shard=None)

    def query(self, time_field: str) -> dict[str, Any]:
        """The query that finds the documents meant; without a score, so that they come in the index's own order."""
        chosen: dict[str, Any] = {"match_all": {}}
        if self.hours is not None:
            chosen = self.hours.query(time_field)
        elif self.rest is not None:
            chosen = {"bool": {"must_not": [self.rest.query(time_field)]}}
        return {"constant_score": {"filter": chosen}}
