"""Where the raw records of a contract come from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from logpress.contract.base import Model
from logpress.errors import UsageError
from logpress.uris import has_secret, refuse_secret


class ClusterSource(Model):
    """How a day is pulled from an OpenSearch or Elasticsearch cluster."""

    index: str = Field(default="", description="index, alias or pattern that holds a day, such as `log-{day}`")
    time_field: str = Field(default="", description="date field by whose hours a day is cut; empty: by shards only")
    missing_index: Literal["wait", "fail", "empty"] = Field(
        default="wait",
        description="waited for, refused, or published as a day of no records",
    )
    red_index: Literal["wait", "fail"] = Field(default="wait", description="an index that lacks shards")
    growing_index: Literal["wait", "fail", "go_on"] = Field(
        default="wait",
        description="documents that come while the day is planned: waited out, refused, or left out; later ones are "
        "refused or left out",
    )
    wait: timedelta = Field(
        default=timedelta(0), ge=timedelta(0), description="how long a run waits for what is to be waited for, as PT2H"
    )
    slice_documents: int = Field(default=2_000_000, ge=1, description="documents that plan puts into one slice")
    page_bytes: int = Field(default=8_000_000, ge=10_000, le=100_000_000, description="size of a response, about")
    scrolls_at_a_time: int = Field(default=2, ge=1, le=64, description="shards of a slice that are read side by side")
    slices_at_a_time: int = Field(
        default=4,
        ge=1,
        description="slices that Airflow presses side by side in a run; no more than an index has shards",
    )
    documents_per_second: float | None = Field(default=None, gt=0, description="most that a run asks a cluster for")
    pool: str = Field(default="default_pool", description="Airflow pool whose slots press tasks take")
    keep_alive: str = Field(default="5m", pattern=r"^[0-9]+[smh]$", description="how long a scroll waits to be asked")
    timeout_seconds: float = Field(default=120, gt=0, description="how long an answer may take")
    restarts: int = Field(default=5, ge=0, description="how often a slice begins again before its task fails")
    compressed: bool = Field(default=False, description="whether responses come as gzip; pays on slow networks")
    aws: bool = Field(default=False, description="whether requests are signed with AWS credentials (SigV4)")
    connection: str = Field(
        default="opensearch_default",
        pattern=r"^[\w.-]+$",
        description="Airflow connection with user and password; and with the host, where an input leaves it out",
    )
    hit_version: bool = Field(default=False, description="whether hits carry `_version`")
    hit_fields: tuple[str, ...] = Field(default=(), description="fields that hits repeat under `fields`")


class Source(ClusterSource):
    """Where a day's raw records come from."""

    inputs: tuple[str, ...] = Field(
        default=(), description="paths, folders, globs or URIs; {day}, {year}, {month} and {day_of_month} are filled in"
    )
    use: Literal["all", "first"] = Field(
        default="all",
        description="whether all inputs together are the day, or the first of them that has anything of it",
    )
    lateness: timedelta = Field(
        default=timedelta(hours=1), description="how long after the end of a day its records still arrive"
    )
    path_time_zone: str = Field(
        default="UTC",
        description="the time zone of folders that name a time, as Firehose's custom time zone: Asia/Seoul",
    )
    skip: tuple[str, ...] = Field(
        default=(), description="globs of folders or objects that are left out, as errors/ or **/processing-failed/**"
    )
    storage_options: dict[str, Any] = Field(
        default_factory=dict, description="what fsspec's file system takes, as requester_pays: true; no secrets"
    )
    duplicates: Literal["reject", "keep"] = Field(
        default="reject", description="whether a record equal to an earlier one of its slice is a row or a reject"
    )

    @model_validator(mode="after")
    def _sensible(self) -> Source:
        try:
            ZoneInfo(self.path_time_zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"`path_time_zone` {self.path_time_zone!r} is no time zone, as Asia/Seoul is") from error
        if self.use == "first" and self.missing_index == "empty":
            raise ValueError("`use: first` passes over an index that is missing; `missing_index: empty` contradicts it")
        for uri in self.inputs:
            try:
                refuse_secret(uri)
            except UsageError as error:
                raise ValueError(f"`inputs`: {error}") from None
        secret = next(_secrets_in(self.storage_options), None)
        if secret is not None:
            raise ValueError(
                f"`storage_options` holds {secret!r}; secrets belong into the environment (AWS_*) or a connection"
            )
        return self


_SECRET = re.compile(r"(?i)(^|_)(key|secret|token|password|passwd|credentials?)(_|$)|^aws_|sse_?customer")


def _secrets_in(options: Mapping[str, Any]) -> Iterator[str]:
    for name, value in options.items():
        if _SECRET.search(name) and not name.lower().endswith("kms_key_id"):
            yield name
        if isinstance(value, str) and has_secret(value):
            yield name
        if isinstance(value, Mapping):
            yield from _secrets_in(value)
