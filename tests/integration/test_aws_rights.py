"""The policies and settings for AWS that docs/operations.md proposes, as far as moto enforces them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.disturbed.scenarios import NAME, write_raw
from tests.integration.moto_server import moto_server, need_moto

from logpress import open_lake
from logpress.contract import load_contract
from logpress.day import erasing, stages
from logpress.errors import LogpressError
from logpress.lake import Lake
from logpress.lake.snapshots import catalog_files

pytestmark = pytest.mark.long

GUIDE = Path(__file__).parents[2] / "docs" / "operations.md"
ROLES = ("writer", "reader", "eraser")
DAY, OTHER_DAY = date(2021, 12, 26), date(2021, 12, 27)
TABLE, LAKE = "sdk_log", "s3://game-lake/logs"


def policies() -> dict[str, dict[str, Any]]:
    """Those of the guide, in its order, without what moto does not understand: conditions, and resources of Glue."""
    chapter = GUIDE.read_text().partition("## AWS: rights and encryption")[2].partition("\n## ")[0]
    found = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", chapter, re.DOTALL)]
    for policy in found:
        for statement in policy["Statement"]:
            statement.pop("Condition", None)
            if statement["Action"] == "s3:ListBucket":
                statement["Action"] = ["s3:ListBucket", "s3:HeadBucket"]  # which AWS knows no right of its own for
            if str(statement["Action"]).count("glue:"):
                statement["Resource"] = "*"
    return dict(zip(ROLES, found, strict=True))


@dataclass(frozen=True)
class Account:
    """An account in moto with a user for each role, whose requests are refused if no policy allows them.

    Attributes:
        keys: access key and secret, by role.
        patch: of the environment.
    """

    keys: dict[str, tuple[str, str]]
    patch: pytest.MonkeyPatch

    @contextmanager
    def role(self, name: str) -> Iterator[None]:
        """Act with the rights of a role alone."""
        import s3fs

        with self.patch.context() as patched:
            for variable, value in zip(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), self.keys[name], strict=True):
                patched.setenv(variable, value)
            s3fs.S3FileSystem.clear_instance_cache()
            yield
            s3fs.S3FileSystem.clear_instance_cache()


def name_servers(patch: pytest.MonkeyPatch, uri: str) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": uri, "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "setup", "AWS_SECRET_ACCESS_KEY": "setup",
        "LOGPRESS_CATALOG_TYPE": "glue", "LOGPRESS_CATALOG_GLUE__ENDPOINT": uri,
    }.items():  # fmt: skip
        patch.setenv(name, value)
    for name in ("LOGPRESS_LAKE", "LOGPRESS_CATALOG_URI", "AWS_SESSION_TOKEN"):
        patch.delenv(name, raising=False)


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    import boto3

    need_moto("the rights on AWS are not tested")
    for day in (DAY, OTHER_DAY):
        write_raw(tmp_path / "raw", day, 20)
    raw = [path for path in (tmp_path / "raw").rglob("*") if path.is_file()]
    requests = 2 + len(raw) + 3 * len(ROLES)  # after these moto enforces
    with moto_server(tmp_path / "moto.log", {"INITIAL_NO_AUTH_ACTION_COUNT": str(requests)}) as uri:
        name_servers(monkeypatch, uri)
        s3, iam = boto3.client("s3", endpoint_url=uri), boto3.client("iam", endpoint_url=uri)
        for bucket in ("raw-logs", "game-lake"):
            s3.create_bucket(Bucket=bucket)
        for path in raw:
            s3.put_object(Bucket="raw-logs", Key=str(path.relative_to(tmp_path / "raw")), Body=path.read_bytes())
        keys = {}
        for role, policy in policies().items():
            iam.create_user(UserName=role)
            iam.put_user_policy(UserName=role, PolicyName="its", PolicyDocument=json.dumps(policy))
            made = iam.create_access_key(UserName=role)["AccessKey"]
            keys[role] = (made["AccessKeyId"], made["SecretAccessKey"])
        yield Account(keys, monkeypatch)


def press(day: date) -> None:
    contract = load_contract(TABLE)
    stages.open_staging(contract, day, LAKE, "run")
    pressed = [
        stages.press(contract, day, spec, LAKE, "run", threads=0)
        for spec in stages.plan(contract, day, ["s3://raw-logs/"])
    ]
    stages.verify(contract, day, pressed, LAKE, "run", threads=0)
    stages.publish(contract, day, pressed, LAKE, "run")
    stages.clean(contract, day, LAKE, "run")


def test_each_role_can_do_its_work_and_nothing_else(account: Account) -> None:
    with account.role("writer"):
        press(DAY)
    with account.role("reader"):
        assert open_lake(LAKE).table(TABLE).scan(DAY).to_arrow().num_rows == 40
        assert len(catalog_files(Lake.open(LAKE), TABLE, DAY) or ()) == 1
        with pytest.raises((LogpressError, PermissionError)):
            press(OTHER_DAY)
        lake = Lake.open(LAKE)
        with pytest.raises(PermissionError):
            lake.storage.sha256(lake.files(lake.need_day(TABLE, DAY))[1][0])  # rejects
    with account.role("eraser"):
        done = erasing.erase(load_contract(TABLE), LAKE, [f"nickname = '{NAME}'"], at_once=True)
        assert done.records == 6
        with pytest.raises((LogpressError, PermissionError)):
            press(OTHER_DAY)  # it may not read raw records
    with account.role("writer"):
        assert Lake.open(LAKE).days(TABLE) == [DAY]
        assert open_lake(LAKE).table(TABLE).scan(DAY).to_arrow().num_rows == 34
        press(OTHER_DAY)
        with pytest.raises(PermissionError):
            Lake.open(LAKE).storage.write("s3://game-lake/elsewhere", b"x")


def test_every_object_names_the_key_if_both_clients_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3
    import s3fs
    from fsspec.config import conf, set_conf_env

    need_moto("SSE-KMS is not tested")
    write_raw(tmp_path / "raw", DAY, 20)
    with moto_server(tmp_path / "moto.log") as uri:
        name_servers(monkeypatch, uri)
        s3 = boto3.client("s3", endpoint_url=uri)
        key = boto3.client("kms", endpoint_url=uri).create_key()["KeyMetadata"]["Arn"]
        for bucket in ("raw-logs", "game-lake"):
            s3.create_bucket(Bucket=bucket)
        for path in (path for path in (tmp_path / "raw").rglob("*") if path.is_file()):
            s3.put_object(Bucket="raw-logs", Key=str(path.relative_to(tmp_path / "raw")), Body=path.read_bytes())
        wanted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
        monkeypatch.setenv("FSSPEC_S3", json.dumps({"s3_additional_kwargs": wanted}))
        monkeypatch.setitem(conf, "s3", {})
        set_conf_env(conf)  # as a process does that starts with this environment
        monkeypatch.setenv("LOGPRESS_CATALOG_PY_IO_IMPL", "pyiceberg.io.fsspec.FsspecFileIO")
        monkeypatch.setenv("LOGPRESS_CATALOG_S3__SERVER_SIDE_ENCRYPTION", "aws:kms")
        monkeypatch.setenv("LOGPRESS_CATALOG_S3__SSE_KMS_KEY_ID", key)
        s3fs.S3FileSystem.clear_instance_cache()
        press(DAY)
        s3fs.S3FileSystem.clear_instance_cache()
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket="game-lake")
        found = {item["Key"] for page in pages for item in page["Contents"]}
        assert any("/metadata/" in name for name in found)
        assert any("/data/" in name for name in found)
        for name in found:
            head = s3.head_object(Bucket="game-lake", Key=name)
            assert (head.get("ServerSideEncryption"), head.get("SSEKMSKeyId")) == ("aws:kms", key), name
