"""The lake that the page shows: which it is, with what rights it is read, and what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import lru_cache
from threading import RLock
from typing import TYPE_CHECKING

from airflow.sdk import Connection, Variable
from airflow.sdk.exceptions import AirflowNotFoundException

from logpress.contract import contract_names, load_contract
from logpress.contract.load import contract_path
from logpress.errors import ContractError, LogpressError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from logpress.contract.model import Contract
    from logpress.lake import Lake
    from logpress.lake.index import Index
    from logpress.manifest import DayManifest
    from logpress.results import Attempt, RejectExample

AWS_CONNECTION = "aws_default"
EXAMPLES = 3
"""Rejects of a reason that are shown of a published day."""

_one_at_a_time = RLock()
"""Rights of connections are in the environment, which all threads of the api-server share."""


def lake_uri() -> str | None:
    """The lake of this Airflow; the setting is that of the DAGs."""
    found: str | None = Variable.get("logpress_lake", default=None) or os.environ.get("LOGPRESS_LAKE")
    return found


@contextmanager
def rights_for(uri: str) -> Iterator[None]:
    """Read S3 with the rights of the connection aws_default inside this context, as tasks do; else the machine's.

    Other lakes need none.
    """
    if not uri.startswith(("s3://", "s3a://")):
        yield
        return
    with _one_at_a_time:
        found = _aws_environment()
        before = {name: os.environ.get(name) for name in found}
        os.environ.update(found)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def _aws_environment() -> dict[str, str]:
    try:
        Connection.get(AWS_CONNECTION)
    except AirflowNotFoundException:
        return {}
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

    hook = AwsBaseHook(aws_conn_id=AWS_CONNECTION, client_type="s3")
    credentials = hook.get_credentials()
    found = {
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": credentials.token,
        "AWS_DEFAULT_REGION": hook.region_name,
        "AWS_ENDPOINT_URL": hook.conn_config.get_service_endpoint_url("s3"),
    }
    return {name: value for name, value in found.items() if value}


@contextmanager
def said_as_lake_error(uri: str) -> Iterator[None]:
    """Say what a storage refuses before logpress itself asks it for anything.

    Raises:
        LogpressError: in the place of what the client of a storage or connection raises.
    """
    from logpress.lake.storage import lake_errors

    with lake_errors(uri), rights_for(uri):
        yield


def open_lake(uri: str) -> Lake | None:
    """The lake; None if there is nothing yet, because the first day that is pressed makes it.

    Raises:
        LogpressError: if it cannot be read, or is something else than a lake.
    """
    from logpress.lake import Lake
    from logpress.lake.storage import normal_uri

    try:
        return Lake.open(uri)
    except UsageError:
        place = normal_uri(uri)
        bare = Lake(place)
        if bare.storage.exists(place) and bare.storage.list(place):
            raise UsageError(
                f"{place}: is not empty and no lake; set the Variable logpress_lake, or LOGPRESS_LAKE, to the lake "
                "that the DAGs publish to"
            ) from None
        return None


def read_rows(lake: Lake, tables: list[str]) -> Index:
    """What the lake has of all days of some tables.

    Raises:
        LogpressError: if it cannot be read.
    """
    from logpress.lake.index import read_index

    return read_index(lake, tables)


def read_manifest(lake: Lake, table: str, day: date) -> DayManifest | None:
    """The manifest of a day; None if it is not published, or cannot be read, which its row says."""
    try:
        return lake.read_day(table, day)
    except LogpressError:
        return None


def read_attempt(lake: Lake, table: str, day: date) -> Attempt | None:
    """What the newest refused run of a day left; None if none was refused."""
    from logpress.lake.attempts import attempts_of

    found = attempts_of(lake, table, day)
    return found[-1] if found else None


def reject_examples(lake: Lake, table: str, day: date) -> tuple[RejectExample, ...]:
    """Some rejects of a published day, a few of each reason.

    Raises:
        LogpressError: if a rejects file is missing or damaged.
    """
    from logpress.day.rejects import rejects_of

    return tuple(rejects_of(lake, table, day, EXAMPLES)[1])


def contracts() -> tuple[dict[str, Contract], dict[str, str]]:
    """(The contracts by table, what is wrong with the others)."""
    found: dict[str, Contract] = {}
    broken: dict[str, str] = {}
    for name in contract_names():
        try:
            path = contract_path(name)
            contract = _contract(path, path.stat().st_mtime_ns)
        except (ContractError, OSError) as error:
            broken[name] = str(error)
        else:
            found[contract.table] = contract
    return found, broken


@lru_cache(maxsize=100)
def _contract(path: Path, changed: int) -> Contract:
    """A contract; read again when its file has changed, because reading takes longer than all else of a page."""
    return load_contract(path)


def due_after(contract: Contract | None) -> timedelta:
    """How long after its end a day of a table is to be published."""
    if contract is None:
        return timedelta()
    return contract.alerts.due if contract.alerts.due is not None else contract.source.lateness
