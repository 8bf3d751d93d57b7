"""A lake on a real S3 server, whose keys only the Airflow connection `aws_default` has."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.dags.page.conftest import YESTERDAY
from tests.dags.page.made_lake import make_lake
from tests.integration.s3_server import S3Server, need_weed, s3_server

pytestmark = pytest.mark.long

BUCKET = "page-lake"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    need_weed("the page is not tested with S3")
    with s3_server(tmp_path_factory.mktemp("s3")) as found:
        yield found


@pytest.fixture
def on_s3(server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """A lake of ten days in a bucket."""
    import s3fs

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    make_lake(tmp_path / "lake", YESTERDAY, 10, slices=1)
    s3 = s3fs.S3FileSystem(
        key=server.key, secret=server.secret, endpoint_url=server.endpoint, skip_instance_cache=True,
        use_listings_cache=False,
    )  # fmt: skip
    if not s3.exists(BUCKET):
        s3.mkdir(BUCKET)
        s3.put(str(tmp_path / "lake"), f"{BUCKET}/lake", recursive=True)
    monkeypatch.setenv("LOGPRESS_LAKE", f"s3://{BUCKET}/lake")
    s3fs.S3FileSystem.clear_instance_cache()
    yield server
    s3fs.S3FileSystem.clear_instance_cache()


def test_the_page_reads_a_lake_with_the_rights_of_the_connection(on_s3, ask, monkeypatch):
    extra = {"region_name": "us-east-1", "endpoint_url": on_s3.endpoint}
    connection = {"conn_type": "aws", "login": on_s3.key, "password": on_s3.secret, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    page = ask("/").text
    assert f"{YESTERDAY} is complete, exact, small and clean" in page
    assert "Rows by hour" in ask(f"/sdk_log/{YESTERDAY}").text
    assert on_s3.secret not in page
    assert not [name for name in os.environ if name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]


def test_without_rights_the_page_says_so(on_s3, ask, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", on_s3.endpoint)
    answer = ask("/")
    assert answer.status_code == 200
    assert f"<b>The lake cannot be shown.</b> s3://{BUCKET}/lake: " in answer.text
