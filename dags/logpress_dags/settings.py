"""Settings of a run: from its form, else Airflow Variables, else the environment, else the contract."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, TypedDict

from airflow.sdk import Connection, Variable
from airflow.sdk.exceptions import AirflowNotFoundException

from logpress.day.run_day import day_of_run
from logpress.errors import UsageError
from logpress.uris import refuse_secret
from logpress_dags.day import staging_name

if TYPE_CHECKING:
    from airflow.sdk import Context

    from logpress.contract.model import Contract

AWS_CONNECTION = "aws_default"
SEARCH_CONNECTION = "opensearch_default"
"""The default connection to a cluster, which may be missing; one named by a contract or form must exist."""
_CLUSTERS = ("opensearch+", "elasticsearch+")
_HOST_LEFT_OUT = re.compile(r"(opensearch|elasticsearch)://(?:/(.*))?")


class Run(TypedDict):
    """Settings common to all tasks of a run; plain JSON, so that XCom can pass them."""

    day: str
    lake: str
    inputs: list[str]
    connection: str
    name: str
    began: str
    """When staging was opened, which is done anew if the run is cleared, and not if a task is tried again; UTC."""


def day_of(context: Context) -> date:
    """The day of a task's run."""
    run = context["dag_run"]
    return day_of_run(run.partition_key, context["params"].get("day"), run.logical_date)


def run_of(context: Context, contract: Contract) -> Run:
    """The day, lake, inputs and staging name of a task's run.

    Raises:
        UsageError: if the day, the lake or the inputs are not set anywhere, or one of them has a password in it.
    """
    form = context["params"]
    inputs = form.get("input") or _inputs(contract)
    if not inputs:
        raise UsageError(
            f"no raw input of {contract.table} is named; give `input` in the form, set the Variable "
            f"{contract.table}_input or LOGPRESS_INPUT, or set `source.inputs` in the contract"
        )
    connection = form.get("connection") or contract.source.connection
    return Run(
        day=day_of(context).isoformat(),
        lake=refuse_secret(form.get("lake") or lake()),
        inputs=[refuse_secret(_with_host(uri, connection)) for uri in inputs],
        connection=connection,
        name=staging_name(context["dag_run"].run_id),
        began=datetime.now(UTC).isoformat(),
    )


def setting(name: str) -> str | None:
    """The Airflow Variable `logpress_<name>`, else the environment's LOGPRESS_<NAME>; None if neither is set."""
    variable: str | None = Variable.get(f"logpress_{name}", default=None)
    return variable or os.environ.get(f"LOGPRESS_{name.upper()}")


def lake() -> str:
    """The lake of this Airflow.

    Raises:
        UsageError: if none is set.
    """
    found = setting("lake")
    if not found:
        raise UsageError("no lake is named; set the Variable logpress_lake, or LOGPRESS_LAKE")
    return found


def is_other_lake(uri: str) -> bool:
    """Whether a lake is not that of this Airflow, so that what is published there is nobody else's business."""
    from logpress.lake.storage import normal_uri

    own = setting("lake")
    return bool(own) and normal_uri(uri) != normal_uri(own or "")


def memory() -> int | None:
    """Bytes that a task may take; None for logpress's default.

    Raises:
        UsageError: if the setting is not a size.
    """
    text = setting("memory")
    if not text:
        return None
    from logpress.day.budget import parse_size

    return parse_size(text)


def storage_environment(*uris: str, connection: str = SEARCH_CONNECTION, aws: bool = False) -> dict[str, str]:
    """The environment that gives a process access to S3 and clusters by Airflow connections; see `storage_access`.

    Raises:
        UsageError: if a connection other than the default one does not exist.
    """
    found: dict[str, str] = {}
    needs_aws = any(uri.startswith(("s3://", "s3a://")) for uri in uris)
    if any(uri.startswith(_CLUSTERS) for uri in uris):
        found |= _search_environment(connection)
        needs_aws |= aws or {**os.environ, **found}.get("OPENSEARCH_AUTH") == "aws"
    if needs_aws:
        found |= _aws_environment()
    return found


@contextmanager
def storage_access(*uris: str, connection: str = SEARCH_CONNECTION, aws: bool = False) -> Iterator[None]:
    """Use Airflow connections for access to S3 and clusters inside this context, in this process only.

    Without a connection, the machine's own rights are used (its role or environment).

    Args:
        uris: paths and URIs that are opened.
        connection: connection for the clusters among them.
        aws: whether requests to clusters are signed for AWS; the connection or OPENSEARCH_AUTH can also say so.

    Raises:
        UsageError: if a connection other than the default one does not exist.
    """
    found = storage_environment(*uris, connection=connection, aws=aws)
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


def _inputs(contract: Contract) -> list[str]:
    text = Variable.get(f"{contract.table}_input", default=None) or os.environ.get("LOGPRESS_INPUT", "")
    return [part.strip() for part in text.split(",") if part.strip()] or list(contract.source.inputs)


def _search_connection(name: str) -> Connection | None:
    """The connection to a cluster; None if it is the default one and does not exist."""
    try:
        found: Connection = Connection.get(name)
    except AirflowNotFoundException:
        if name == SEARCH_CONNECTION:
            return None
        raise UsageError(
            f"the Airflow connection {name}, named by the form or `source.connection`, does not exist; create it"
        ) from None
    return found


def _with_host(uri: str, name: str) -> str:
    """An input; if it has no host, as in `opensearch:///index`, with host, port and TLS of a connection.

    Raises:
        UsageError: if the connection does not exist, or has no host.
    """
    left_out = _HOST_LEFT_OUT.fullmatch(uri)
    if left_out is None:
        return uri
    connection = _search_connection(name)
    if connection is None or not connection.host:
        raise UsageError(f"{uri}: has no host, and neither has the Airflow connection {name}; set it in one of them")
    scheme, _, host = connection.host.rpartition("://")
    unencrypted = str(connection.extra_dejson.get("use_ssl")).lower() == "false"
    scheme = scheme or connection.schema or ("http" if unencrypted else "https")
    if scheme not in ("http", "https"):
        raise UsageError(f"the Airflow connection {name} has the schema {scheme!r}; set it to http or https")
    port = f":{connection.port}" if connection.port else ""
    return f"{left_out[1]}+{scheme}://{host.rstrip('/')}{port}/{left_out[2] or ''}"


def _search_environment(name: str) -> dict[str, str]:
    """Environment for a connection to a cluster: login, password; from its extra, `ca_certs` and `auth` (`aws`)."""
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
