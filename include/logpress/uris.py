"""Secrets that stand in a URI. URIs are kept in manifests, contracts, XCom and logs: such a one is refused at once."""

from __future__ import annotations

import re

from logpress.errors import UsageError

_AUTHORITIES = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)")  # several, where file systems are chained
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_SECRET_NAME = re.compile(
    r"(?i)token|secret|passw|signature|credential|api[-_]?key|access[-_]?key|^(.*[-_])?(key|sig|pwd|auth)$|authorization"
)
"""Parameters of presigned URLs (`X-Amz-Signature`, `sig`) and of services that take keys so."""
_LOCAL = ("file", "local")
_CONTAINERS = ("abfs", "abfss", "wasb", "wasbs")
"""Before the @ of these stands a container, which is no secret."""
_BUCKETS = ("s3", "s3a", "gs", "gcs")
"""Behind these stands a bucket, whose name has no colon."""


def refuse_secret(uri: str) -> str:
    """Give a URI back if no user, password or key stands in it, nor a signature or token in its query.

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
    name = _secret_in_query(uri)
    if name is not None:
        raise UsageError(
            f"{uri.partition('://')[0]}://...?{name}=...: a key, token or signature must not stand in a URI, which is "
            "logged and kept; download what it gives, or name the object with s3:// and set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY"
        )
    return uri


def without_secret(uri: str) -> str:
    """A URI without user and password, and without what is secret behind its ?; it may be written down."""
    scheme, _, rest = uri.partition("://")
    if not rest:
        return uri
    place, *behind = re.split(r"[?#]", rest, maxsplit=1)
    authority, slash, path = place.partition("/")
    kept = [
        pair
        for pair in re.split(r"[&;]", behind[0] if behind else "")
        if pair and not _SECRET_NAME.search(_ESCAPE.sub(lambda digits: chr(int(digits[1], 16)), pair.partition("=")[0]))
    ]
    port = authority.rpartition(":")[2]
    if "@" in path and ("@" in authority or (":" in authority and not port.isdigit())):  # a password with a slash in it
        authority, slash, path = path.rpartition("@")[2].partition("/")
    bare = f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
    return f"{bare}?{'&'.join(kept)}" if kept else bare


def has_secret(uri: str) -> bool:
    """Whether a user, password or key stands in a URI."""
    return _scheme_with_secret(uri) is not None or _secret_in_query(uri) is not None


def _secret_in_query(uri: str) -> str | None:
    """The name of what is secret behind the first ? or # of a URI; None if nothing is."""
    scheme, _, rest = uri.partition("://")
    if not rest or scheme in _LOCAL:
        return None
    behind = re.split(r"[?#]", rest, maxsplit=1)[1:]
    pairs = (pair for text in behind for pair in re.split(r"[&;?#]", text) if "=" in pair)
    names = (_ESCAPE.sub(lambda digits: chr(int(digits[1], 16)), pair.partition("=")[0]) for pair in pairs)
    return next((name for name in names if _SECRET_NAME.search(name)), None)


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
