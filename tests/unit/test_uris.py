"""Secrets in URIs: refused wherever a URI comes in, in words that do not repeat them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from logpress.contract.source import Source
from logpress.errors import UsageError
from logpress.lake import Lake
from logpress.sources import list_inputs
from logpress.uris import refuse_secret

SECRET = "wJalrXUtnFEMI"
WITH_SECRETS = [
    f"s3://AKIAKEY:{SECRET}@bucket/logs",
    f"s3://AKIAKEY:{SECRET}/K7MDENG@bucket/logs",  # as every second secret of AWS has a slash
    f"s3://AKIAKEY:12/{SECRET}@bucket/logs",
    f"s3a://{SECRET}@bucket/logs",
    f"opensearch+https://me:{SECRET}@search:9200/logs",
    f"opensearch+https://me:{SECRET}/x@search:9200/logs",
    f"https://{SECRET}@host/x.gz",
    f"https://me:{SECRET}%40host/x.gz",
    f"zip://*.ndjson::s3://AKIAKEY:{SECRET}@bucket/x.zip",
    f"simplecache::s3://AKIAKEY:{SECRET}@bucket/{{day}}",
    f"abfs://box:{SECRET}@account.dfs.core.windows.net/x",
    f"sftp://me:{SECRET}@host:22/x",
]


@pytest.mark.parametrize("uri", WITH_SECRETS)
def test_a_secret_in_a_uri_is_refused_and_not_repeated(uri: str) -> None:
    for refused in (
        lambda: refuse_secret(uri), lambda: list_inputs([uri]), lambda: Lake.create(uri), lambda: Lake.open(uri),
    ):  # fmt: skip
        with pytest.raises(UsageError, match="a user or password must not stand in a URI") as error:
            refused()
        assert SECRET not in str(error.value)
        assert "AKIAKEY" not in str(error.value)
    with pytest.raises(ValidationError, match="must not stand") as invalid:
        Source(inputs=("/raw", uri))
    assert SECRET not in str(invalid.value)


@pytest.mark.parametrize(
    "uri",
    ["/raw/me@host/x:y@z", "raw/a:b@c", "s3://bucket/logs/me@x.gz", "s3://bucket/a:b/c", "file:///raw/a:b@c", "local://we@x/y",
     "opensearch+https://search:9200/log-{day}*", "opensearch+http://[::1]:9200/log?shard=1", "https://host:8443/x?y=1",
     "s3://arn:aws:s3:us-west-2:123456789012:accesspoint/name/x", "abfs://box@account.dfs.core.windows.net/x", "s3://bucket",
     "memory://a/b", "http://host/a?mail=me@host", "opensearch:///log-{day}"],
)  # fmt: skip
def test_what_holds_no_secret_is_taken(uri: str) -> None:
    assert refuse_secret(uri) == uri


@given(key=st.text("ABCDEF0123", min_size=1, max_size=20), secret=st.text("abXY01+/=:", min_size=1, max_size=40))
def test_no_key_and_secret_before_a_bucket_are_taken(key: str, secret: str) -> None:
    with pytest.raises(UsageError):
        refuse_secret(f"s3://{key}:{secret}@bucket/x")


def test_an_endpoint_with_a_password_is_no_option_of_storage() -> None:
    with pytest.raises(ValidationError, match="'endpoint_url'") as invalid:
        Source(storage_options={"client_kwargs": {"endpoint_url": f"http://me:{SECRET}@minio:9000"}})
    assert SECRET not in str(invalid.value)
