"""A day from a real S3 server through the DAG, with keys that only the Airflow connection `aws_default` has."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.integration.s3_server import S3Server, need_weed, s3_server

pytestmark = pytest.mark.long

DAY = date(2021, 12, 26)
BUCKET = "game-logs"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    need_weed("the DAG is not tested with S3")
    with s3_server(tmp_path_factory.mktemp("s3")) as found:
        yield found


def filesystem(server: S3Server) -> Any:
    """A file system with keys of its own: none are in the environment."""
    import s3fs

    return s3fs.S3FileSystem(
        key=server.key, secret=server.secret, endpoint_url=server.endpoint, skip_instance_cache=True,
        use_listings_cache=False,
    )  # fmt: skip


@pytest.fixture
def connected(server: S3Server, raw: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """A bucket with a day's logs, whose keys only the connection has."""
    import s3fs

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    extra = {"region_name": "us-east-1", "endpoint_url": server.endpoint}
    connection = {"conn_type": "aws", "login": server.key, "password": server.secret, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("LOGPRESS_INPUT", f"s3://{BUCKET}/sdk/")
    s3 = filesystem(server)
    if s3.exists(BUCKET):
        s3.rm(BUCKET, recursive=True)
    s3.mkdir(BUCKET)
    s3.put(str(raw(DAY)), f"{BUCKET}/sdk", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()
    yield server
    s3fs.S3FileSystem.clear_instance_cache()


def run_day(dags: dict[str, Any]) -> Any:
    return dags["sdk_log_daily"].test(logical_date=datetime(2021, 12, 26, tzinfo=UTC))


def tell_no_secret(server: S3Server, folders: list[Path], *texts: str) -> None:
    """Neither logs nor XCom nor anything else that Airflow or a lake keeps holds a key."""
    for secret in (server.key, server.secret):
        for text in texts:
            assert secret not in text
        for path in (path for folder in folders for path in folder.rglob("*") if path.is_file()):
            assert secret.encode() not in path.read_bytes(), path


def records_of(folder: Path) -> Counter[bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return Counter(line for path in paths for line in gzip.decompress(path.read_bytes()).split(b"\n") if line)


def pressed_from(server: S3Server, lake: str, tmp_path: Path, raw: Any) -> None:
    """Check that the lake restores the records of the bucket, and names it."""
    from logpress.contract import load_contract
    from logpress.day import published, stages

    contract = load_contract("sdk_log")
    published.restore_to_file(contract, DAY, lake, tmp_path / "day")
    assert Counter((tmp_path / "day").read_bytes().split(b"\n")[:-1]) == records_of(raw(DAY))
    (place,) = stages.report(contract, DAY, lake).places
    assert place.place == f"s3://{BUCKET}/sdk"


def test_a_day_from_s3_to_a_local_lake(
    dags: Any, airflow_home: Path, connected: S3Server, raw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    lake = tmp_path / "lake"
    monkeypatch.setenv("LOGPRESS_LAKE", str(lake))
    caplog.set_level("INFO")
    run = run_day(dags)
    assert run.state == "success"
    out, err = capfd.readouterr()
    assert f"s3://{BUCKET}/sdk, " in caplog.text  # the report says where the day came from
    kept = b"".join(path.read_bytes() for path in airflow_home.glob("airflow.db*"))  # its log written ahead, too
    assert f"s3://{BUCKET}/sdk/2021/12/26".encode() in kept  # XCom is where the test looks
    tell_no_secret(connected, [airflow_home, lake], out, err, caplog.text)
    assert not any(name.startswith("AWS_") and "KEY" in name for name in os.environ)
    pressed_from(connected, str(lake), tmp_path, raw)


def test_a_prefix_of_s3_that_is_typed_into_the_form(
    dags: Any, connected: S3Server, raw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOGPRESS_INPUT")
    form = {"day": DAY.isoformat(), "input": [f"s3://{BUCKET}/sdk/"], "lake": str(tmp_path / "lake")}
    assert dags["sdk_log_daily"].test(logical_date=None, run_conf=form).state == "success"
    pressed_from(connected, str(tmp_path / "lake"), tmp_path, raw)


def test_a_day_from_s3_to_a_lake_on_s3(
    dags: Any, airflow_home: Path, connected: S3Server, raw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    import s3fs

    lake = f"s3://{BUCKET}/lake"
    (tmp_path / "catalog").mkdir()
    monkeypatch.setenv("LOGPRESS_LAKE", lake)
    monkeypatch.setenv("LOGPRESS_CATALOG_TYPE", "sql")
    monkeypatch.setenv("LOGPRESS_CATALOG_URI", f"sqlite:///{tmp_path / 'catalog' / 'catalog.sqlite'}")
    run = run_day(dags)
    assert run.state == "success"
    out, err = capfd.readouterr()
    filesystem(connected).get(lake, str(tmp_path / "copy"), recursive=True)
    assert list((tmp_path / "copy").rglob("part-*.parquet"))
    assert not list((tmp_path / "copy").rglob("_staging/**/*.parquet"))
    tell_no_secret(connected, [airflow_home, tmp_path / "copy", tmp_path / "catalog"], out, err)
    for name, value in connected.environment.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    pressed_from(connected, lake, tmp_path, raw)


def test_keys_that_are_wrong_fail_with_one_sentence(
    dags: Any, airflow_home: Path, connected: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    connection = json.loads(os.environ["AIRFLOW_CONN_AWS_DEFAULT"]) | {"password": "another-secret"}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("LOGPRESS_LAKE", str(tmp_path / "lake"))
    for task in dags["sdk_log_daily"].tasks:
        task.retries = 0
    caplog.set_level("INFO")
    run = run_day(dags)
    assert run.state == "failed"
    states = {task.task_id: str(task.state) for task in run.get_task_instances()}
    assert states["plan"] == "failed"
    out, err = capfd.readouterr()
    assert "cannot be listed" in caplog.text
    tell_no_secret(connected, [airflow_home], out, err, caplog.text)
    assert "another-secret" not in out + err + caplog.text
