"""Secrets that stand in a URI. URIs are kept in manifests, contracts, XCom and logs: such a one is refused at once."""

from __future__ import annotations

import re

from logpress.errors import UsageError

_AUTHORITIES = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)")  # several, where file systems are chained
_LOCAL = ("file", "local")
_CONTAINERS = ("abfs", "abfss", "wasb", "wasbs")
"""Before the @ of these stands a container, which is no secret."""
_BUCKETS = ("s3", "s3a", "gs", "gcs")
"""Behind these stands a bucket, whose name has no colon."""


def refuse_secret(uri: str) -> str:
    """Give a URI back if no user, password or key stands in it.

    Raises:
        UsageError: if one does; the message does not repeat it.
    """
    scheme = _scheme_with_secret(uri)
    if scheme is not None:
        raise UsageError(
            f"{scheme}://...@...: a user or password must not stand in a URI, which is logged and kept; set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, for a cluster OPENSEARCH_USERNAME and OPENSEARCH_PASSWORD, "
            "or an Airflow connection"
        )
    return uri


def has_secret(uri: str) -> bool:
    """Whether a user, password or key stands in a URI."""
    return _scheme_with_secret(uri) is not None


def _scheme_with_secret(uri: str) -> str | None:
    for scheme, authority in _AUTHORITIES.findall(uri):
        user, at, host = authority.rpartition("@")
        _, colon, port = host.rpartition(":")
        if scheme in _LOCAL:
            continue
        if at and not (scheme in _CONTAINERS and ":" not in user):
            return str(scheme)
        if host.startswith(("arn:", "[")):  # an access point of S3, an address of IPv6
            continue
        if colon and (scheme in _BUCKETS or not port.isdigit()):  # a password with a slash in it, and @ behind that
            return str(scheme)
    return None
