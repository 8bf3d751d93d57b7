"""Where a run reads and writes: its form, else the Airflow Variables, else the environment, else the contract."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any, TypedDict

from airflow.sdk import Connection, Variable
from airflow.sdk.exceptions import AirflowNotFoundException

from logpress.errors import UsageError
from logpress.uris import refuse_secret
from logpress_dags.day import day_of_run, staging_name

if TYPE_CHECKING:
    from airflow.sdk import Context

    from logpress.contract.model import Contract

AWS_CONNECTION = "aws_default"
SEARCH_CONNECTION = "opensearch_default"
"""The connection to a cluster that need not be there; one that a contract or a form names must."""
_CLUSTERS = ("opensearch+", "elasticsearch+")
_HOST_LEFT_OUT = re.compile(r"(opensearch|elasticsearch)://(?:/(.*))?")


class Run(TypedDict):
    """What all tasks of a run have to agree on; plain JSON, so that it goes through XCom."""

    day: str
    lake: str
    inputs: list[str]
    connection: str
    name: str


def day_of(context: Context) -> date:
    """The day of the run a task belongs to."""
    run = context["dag_run"]
    return day_of_run(run.partition_key, context["params"].get("day"), run.logical_date)


def run_of(context: Context, contract: Contract) -> Run:
    """The day, lake, inputs and staging name of the run a task belongs to.

    Raises:
        UsageError: The day, the lake or the inputs are not to be had from anywhere, or a password stands in one.
    """
    form = context["params"]
    inputs = form.get("input") or _inputs(contract)
    if not inputs:
        raise UsageError(
            f"nothing says where the raw records of {contract.table} lie: give `input` in the form, set the Variable "
            f"{contract.table}_input or LOGPRESS_INPUT, or name `source.inputs` in the contract"
        )
    connection = form.get("connection") or contract.source.connection
    return Run(
        day=day_of(context).isoformat(),
        lake=refuse_secret(form.get("lake") or lake()),
        inputs=[refuse_secret(_with_host(uri, connection)) for uri in inputs],
        connection=connection,
        name=staging_name(context["dag_run"].run_id),
    )


def lake() -> str:
    """The lake of this Airflow.

    Raises:
        UsageError: There is none.
    """
    found = _setting("lake")
    if not found:
        raise UsageError("nothing says where the lake is: set the Variable logpress_lake, or LOGPRESS_LAKE")
    return found


def memory() -> int | None:
    """Bytes that a task may take; None leaves it to logpress.

    Raises:
        UsageError: The setting is no size.
    """
    text = _setting("memory")
    if not text:
        return None
    from logpress.day.budget import parse_size

    return parse_size(text)


@contextmanager
def storage_access(*uris: str, connection: str = SEARCH_CONNECTION, aws: bool = False) -> Iterator[None]:
    """Lends the connections to everything that opens S3 or a cluster inside the block, in this process only.

    Where there is no such connection, what the machine itself may do holds (its role or environment).

    Args:
        uris: what is opened.
        connection: of the clusters among them.
        aws: whether requests to these are signed for AWS; so they are too where the connection or OPENSEARCH_AUTH says
            so.

    Raises:
        UsageError: A connection other than the default one is not there.
    """
    found: dict[str, str] = {}
    needs_aws = any(uri.startswith(("s3://", "s3a://")) for uri in uris)
    if any(uri.startswith(_CLUSTERS) for uri in uris):
        found |= _search_environment(connection)
        needs_aws |= aws or {**os.environ, **found}.get("OPENSEARCH_AUTH") == "aws"
    if needs_aws:
        found |= _aws_environment()
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


def _setting(name: str) -> str | None:
    variable: str | None = Variable.get(f"logpress_{name}", default=None)
    return variable or os.environ.get(f"LOGPRESS_{name.upper()}")


def _inputs(contract: Contract) -> list[str]:
    text = Variable.get(f"{contract.table}_input", default=None) or os.environ.get("LOGPRESS_INPUT", "")
    return [part.strip() for part in text.split(",") if part.strip()] or list(contract.source.inputs)


def _search_connection(name: str) -> Connection | None:
    """The connection to a cluster; None if it is the default one, and not there."""
    try:
        found: Connection = Connection.get(name)
    except AirflowNotFoundException:
        if name == SEARCH_CONNECTION:
            return None
        raise UsageError(
            f"there is no Airflow connection {name}, which the form or `source.connection` names: make it"
        ) from None
    return found


def _with_host(uri: str, name: str) -> str:
    """An input, with the host, port and TLS of a connection where it leaves them out, as `opensearch:///index`.

    Raises:
        UsageError: The connection is not there, or has no host.
    """
    left_out = _HOST_LEFT_OUT.fullmatch(uri)
    if left_out is None:
        return uri
    connection = _search_connection(name)
    if connection is None or not connection.host:
        raise UsageError(f"{uri}: leaves its host to the Airflow connection {name}, which has none: give it one")
    scheme, _, host = connection.host.rpartition("://")
    unencrypted = str(connection.extra_dejson.get("use_ssl")).lower() == "false"
    scheme = scheme or connection.schema or ("http" if unencrypted else "https")
    if scheme not in ("http", "https"):
        raise UsageError(f"the Airflow connection {name} has the schema {scheme!r}: let it be http or https")
    port = f":{connection.port}" if connection.port else ""
    return f"{left_out[1]}+{scheme}://{host.rstrip('/')}{port}/{left_out[2] or ''}"


def _search_environment(name: str) -> dict[str, str]:
    """What the connection to a cluster says: login and password; in its extra, `ca_certs` and `auth` (`aws`)."""
    connection = _search_connection(name)
    if connection is None:
        return {}
    extra = connection.extra_dejson
    found = {
        "OPENSEARCH_USERNAME": connection.login,
        "OPENSEARCH_PASSWORD": connection.password,
        "OPENSEARCH_CA_CERTS": extra.get("ca_certs"),
        "OPENSEARCH_AUTH": extra.get("auth"),
    }
    return {name: value for name, value in found.items() if value}


def _aws_environment() -> dict[str, str]:
    try:
        Connection.get(AWS_CONNECTION)
    except AirflowNotFoundException:
        return {}
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

    hook: AwsBaseHook[Any] = AwsBaseHook(aws_conn_id=AWS_CONNECTION, client_type="s3")
    credentials = hook.get_credentials()
    found = {
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": credentials.token,
        "AWS_DEFAULT_REGION": hook.region_name,
        "AWS_ENDPOINT_URL": hook.conn_config.get_service_endpoint_url("s3"),
    }
    return {name: value for name, value in found.items() if value}
