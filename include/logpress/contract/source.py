"""The sources of a contract's raw records."""

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
    """How a day is read from an OpenSearch or Elasticsearch cluster."""

    index: str = Field(default="", description="index, alias or pattern that holds a day, such as `log-{day}`")
    time_field: str = Field(default="", description="date field by whose hours a day is cut; empty: by shards only")
    missing_index: Literal["wait", "fail", "empty"] = Field(
        default="wait",
        description="an index that does not exist: wait for it, fail, or publish the day without records",
    )
    red_index: Literal["wait", "fail"] = Field(default="wait", description="an index that lacks shards: wait, or fail")
    growing_index: Literal["wait", "fail", "go_on"] = Field(
        default="wait",
        description="documents written while the day is planned: wait until none are, fail, or leave them out; for "
        "later ones: fail (`wait` too), or leave them out",
    )
    wait: timedelta = Field(
        default=timedelta(0), ge=timedelta(0), description="longest time that a run waits in these cases, such as PT2H"
    )
    slice_documents: int = Field(default=2_000_000, ge=1, description="documents that plan puts into one slice")
    page_bytes: int = Field(default=8_000_000, ge=10_000, le=100_000_000, description="approximate size of a response")
    scrolls_at_a_time: int = Field(default=2, ge=1, le=64, description="shards of a slice that are read at once")
    slices_at_a_time: int = Field(
        default=4,
        ge=1,
        description="slices that Airflow presses at once in a run; at most as many as an index has shards",
    )
    documents_per_second: float | None = Field(
        default=None, gt=0, description="upper limit of the rate at which a run reads"
    )
    pool: str = Field(default="default_pool", description="Airflow pool whose slots press tasks take")
    keep_alive: str = Field(
        default="5m", pattern=r"^[0-9]+[smh]$", description="how long the cluster keeps an idle scroll"
    )
    timeout_seconds: float = Field(default=120, gt=0, description="longest time until a response")
    restarts: int = Field(default=5, ge=0, description="how often reading a slice is restarted before its task fails")
    compressed: bool = Field(default=False, description="whether responses are gzipped; saves time on slow networks")
    aws: bool = Field(default=False, description="whether requests are signed with AWS credentials (SigV4)")
    connection: str = Field(
        default="opensearch_default",
        pattern=r"^[\w.-]+$",
        description="Airflow connection with user and password, and with the host if an input does not name it",
    )
    hit_version: bool = Field(default=False, description="whether hits carry `_version`")
    hit_fields: tuple[str, ...] = Field(default=(), description="fields that hits repeat under `fields`")


class Source(ClusterSource):
    """The source of a day's raw records."""

    inputs: tuple[str, ...] = Field(
        default=(), description="paths, folders, globs or URIs; {day}, {year}, {month} and {day_of_month} are filled in"
    )
    use: Literal["all", "first"] = Field(
        default="all",
        description="whether the day is all inputs together, or the first input that has any of it",
    )
    lateness: timedelta = Field(
        default=timedelta(hours=1), description="how long after its end records of a day still arrive"
    )
    path_time_zone: str = Field(
        default="UTC",
        description="time zone of folders that name a time, such as Firehose's custom time zone: Asia/Seoul",
    )
    skip: tuple[str, ...] = Field(
        default=(), description="globs of folders or objects to ignore, such as errors/ or **/processing-failed/**"
    )
    storage_options: dict[str, Any] = Field(
        default_factory=dict, description="options of fsspec's file system, such as requester_pays: true; no secrets"
    )
    duplicates: Literal["reject", "keep"] = Field(
        default="reject", description="whether a record that equals an earlier one of its slice is a reject or a row"
    )

    @model_validator(mode="after")
    def _sensible(self) -> Source:
        try:
            ZoneInfo(self.path_time_zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(
                f"`path_time_zone` {self.path_time_zone!r} is not a time zone; write it as Asia/Seoul"
            ) from error
        if self.use == "first" and self.missing_index == "empty":
            raise ValueError(
                "`use: first` skips an index that is missing, `missing_index: empty` publishes it; remove one of them"
            )
        for uri in self.inputs:
            try:
                refuse_secret(uri)
            except UsageError as error:
                raise ValueError(f"`inputs`: {error}") from None
        secret = next(_secrets_in(self.storage_options), None)
        if secret is not None:
            raise ValueError(
                f"`storage_options` has {secret!r}; put secrets into the environment (AWS_*) or an Airflow connection"
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
