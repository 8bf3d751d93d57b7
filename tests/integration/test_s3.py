"""A day pulled from a real S3 server: every form and compression, connections that break, objects that change."""

from __future__ import annotations

import copy
import gzip
import http.client
import io
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import zstandard
from tests.conftest import SEED, compact
from tests.integration.proxy import answer, proxied
from tests.integration.s3_server import Proxy, S3Server, need_weed, s3_server
from tests.twins import objects_of
from tests.unit.records.test_framing import pretty

from logpress import contract as contract_package
from logpress.comparing import Named, compare_day
from logpress.contract import Contract
from logpress.day import one_machine as whole_day
from logpress.day import published, stages
from logpress.errors import AbsentError, LogpressError, RefusedError, SourceError
from logpress.lake import Lake
from logpress.sample import write_sample
from logpress.sources import direct, open_raw, remote

pytestmark = pytest.mark.long

DAY = date(2021, 12, 26)
BUCKET = "logs"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    need_weed("S3 is not tested")
    with s3_server(tmp_path_factory.mktemp("s3")) as found:
        yield found


@pytest.fixture
def s3(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty bucket, and the environment that leads to it."""
    import s3fs

    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    forget()
    filesystem = s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)
    if filesystem.exists(BUCKET):
        filesystem.rm(BUCKET, recursive=True)
    filesystem.mkdir(BUCKET)
    yield filesystem
    forget()


def forget() -> None:
    """Drop file systems that were made for another endpoint: they are kept by their arguments."""
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def proxy(server: S3Server, s3: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    found = Proxy(server.port)
    monkeypatch.setenv("AWS_ENDPOINT_URL", found.endpoint)
    monkeypatch.setattr(remote, "FIRST_PAUSE_SECONDS", 0.01)
    forget()
    yield found
    found.close()


def document(number: int, hour: int = 10, **changes: Any) -> dict[str, Any]:
    found = copy.deepcopy(SEED["_source"])
    found.update(timestamp=f"2021-12-26T{hour:02}:11:{number % 60:02}Z", response_elapsed_time=number % 700, **changes)
    found["user_inDate"] = f"2021-08-22T07:51:26.{number % 1000:03}Z"
    found["func_name"] = f'}}{{ "{number}" \\ {{'
    return found


COMPRESSIONS = {
    "none": lambda data: data,
    "gzip": gzip.compress,
    "members": lambda data: b"".join(gzip.compress(data[at : at + 777]) for at in range(0, len(data), 777)),
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
    "frames": lambda data: b"".join(
        zstandard.ZstdCompressor().compress(data[at : at + 999]) for at in range(0, len(data), 999)
    ),
}
FORMS = {
    "lines": (compact, b"", b"\n", b"\n"),
    "crlf": (compact, b"", b"\r\n", b"\r\n"),
    "unended": (compact, b"", b"\n", b""),
    "concatenated": (compact, b"", b"", b""),
    "spaced": (compact, b" ", b" ", b"\n"),
    "pretty": (pretty, b"", b"\n", b"\n"),
    "pretty-concatenated": (pretty, b"", b"", b""),
    "tabs": (lambda record: pretty(record, "\t"), b"", b"\n\n", b""),
    "array": (compact, b"[", b",", b"]"),
    "pretty-array": (pretty, b"[\n", b",\n", b"\n]\n"),
}


def every_object() -> tuple[dict[str, bytes], Counter[bytes]]:
    """50 objects, one of each form and compression, and the records in them; their names tell neither."""
    objects: dict[str, bytes] = {}
    records = Counter[bytes]()
    numbers = iter(range(1_000_000))
    for form, (write, before, between, behind) in FORMS.items():
        for compression, compress in COMPRESSIONS.items():
            mine = [write(document(next(numbers), hour=10 + len(objects) % 3)) for _ in range(40)]
            data = before + between.join(mine) + behind
            name = f"game={form}/2021/12/26/{10 + len(objects) % 3:02}/{form}-{compression}"
            objects[name] = compress(data)
            records.update(mine)
    return objects, records


def put(s3: Any, objects: dict[str, bytes]) -> None:
    for name, data in objects.items():
        s3.pipe_file(f"{BUCKET}/{name}", data)


def restored(contract: Contract, lake: str, day: date = DAY) -> Counter[bytes]:
    out = io.BytesIO()
    published.restore_day(contract, day, lake, out)
    return Counter(objects_of(out.getvalue(), False))


def test_every_form_and_compression_comes_back_byte_for_byte(s3: Any, sdk_log: Contract, tmp_path: Path) -> None:
    objects, records = every_object()
    assert len(objects) == 50
    put(s3, objects)
    lake = str(tmp_path / "lake")
    specs = stages.plan(sdk_log, DAY, [f"s3://{BUCKET}/"])
    assert [spec.name for spec in specs] == ["2021-12-26T10", "2021-12-26T11", "2021-12-26T12"]
    manifests = [stages.press(sdk_log, DAY, spec, lake, "run") for spec in specs]
    stages.verify(sdk_log, DAY, manifests, lake, "run")
    stages.publish(sdk_log, DAY, manifests, lake, "run")
    assert restored(sdk_log, lake) == records
    origins = {origin.uri: origin for manifest in manifests for origin in manifest.origins}
    for name, data in objects.items():
        origin = origins[f"s3://{BUCKET}/{name}"]
        assert (origin.records, origin.stored_bytes) == (40, len(data))
        assert origin.version == s3.info(f"{BUCKET}/{name}")["ETag"].strip('"')
    assert all(manifest.rejects == 0 for manifest in manifests)


def test_a_later_run_says_what_is_new_and_what_has_changed(s3: Any, sdk_log: Contract, tmp_path: Path) -> None:
    lake, inputs = str(tmp_path / "lake"), [f"s3://{BUCKET}/raw"]
    put(s3, {f"raw/2021/12/26/10/{n}": compact(document(n)) + b"\n" for n in range(5)})
    assert stages.changes(sdk_log, DAY, lake, inputs) is None
    whole_day.run_day(sdk_log, DAY, inputs, lake)
    assert str(stages.changes(sdk_log, DAY, lake, inputs)) == "no object is new or has changed since the last run"
    put(s3, {f"raw/2021/12/26/11/{n}": compact(document(n)) + b"\n" for n in range(3)})
    put(s3, {"raw/2021/12/26/10/3": compact(document(8)) + b"\n"})
    changes = stages.changes(sdk_log, DAY, lake, inputs)
    assert str(changes) == "3 objects are new and 1 has changed since the last run"
    assert changes is not None
    assert changes.changed == (f"s3://{BUCKET}/raw/2021/12/26/10/3",)
    whole_day.run_day(sdk_log, DAY, inputs, lake)
    s3.rm(f"{BUCKET}/raw/2021/12/26/10/0")
    assert str(stages.changes(sdk_log, DAY, lake, inputs)) == "1 object is gone since the last run"
    assert restored(sdk_log, lake).total() == 8


def test_an_empty_object_and_one_longer_than_a_range(s3: Any) -> None:
    data = b"{" + random.Random(3).randbytes(2 * remote.RANGE_BYTES + 1_234_567)
    put(s3, {"empty": b"", "large": data, "range": data[: remote.RANGE_BYTES]})
    for name, expected in (("empty", b""), ("large", data), ("range", data[: remote.RANGE_BYTES])):
        found = bytearray()
        view = memoryview(bytearray(3_000_017))
        with open_raw(f"s3://{BUCKET}/{name}") as reader:
            while count := reader.readinto(view):
                found += view[:count]
            assert reader.stored_bytes == len(expected)
        assert found == expected


def read_all(uri: str) -> bytes:
    found = bytearray()
    view = memoryview(bytearray(1_000_003))
    with open_raw(uri) as reader:
        while count := reader.readinto(view):
            found += view[:count]
    return bytes(found)


@pytest.mark.parametrize(("plain", "seconds"), [(True, 300.0), (True, 0.0), (False, 300.0)])
def test_ranges_come_past_the_client_or_through_it(
    s3: Any, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, plain: bool, seconds: float
) -> None:
    import aiobotocore.endpoint

    data = b"{" + random.Random(3).randbytes(4 * remote.RANGE_BYTES)
    put(s3, {"odd name+ü%41#&=.json": data})
    calls = []
    send = aiobotocore.endpoint.AioEndpoint._send

    async def heard(self: Any, request: Any) -> Any:
        calls.append(request.method)
        return await send(self, request)

    monkeypatch.setattr(aiobotocore.endpoint.AioEndpoint, "_send", heard)
    monkeypatch.setattr(direct.Direct, "_is_plain", lambda self: plain)
    monkeypatch.setattr(direct, "SIGNATURE_SECONDS", seconds)
    assert read_all(f"s3://{BUCKET}/odd name+ü%41#&=.json") == data
    assert calls.count("GET") == (0 if plain else 5)
    assert proxy.connections <= 3


def test_a_connection_that_the_server_closed_meanwhile_is_not_missed(s3: Any, proxy: Proxy) -> None:
    put(s3, {"a": b"{}", "b": b"[]"})
    assert read_all(f"s3://{BUCKET}/a") == b"{}"
    proxy.drop()
    assert read_all(f"s3://{BUCKET}/b") == b"[]"


def test_a_server_that_is_busy_is_asked_again(
    server: S3Server, s3: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(remote, "FIRST_PAUSE_SECONDS", 0.01)
    with proxied(server.port) as busy:
        busy.harms["other", 0] = answer(503, b"<Error><Code>SlowDown</Code><Message>x</Message></Error>")
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{busy.port}")
        forget()
        with pytest.raises(SourceError, match="did not come in 5 tries: the server answers 503"):
            open_raw(f"s3://{BUCKET}/raw")
        assert busy.seen["other"] == 5


def test_a_forked_process_has_connections_of_its_own(s3: Any) -> None:
    put(s3, {"a": b"{}"})
    assert read_all(f"s3://{BUCKET}/a") == b"{}"
    assert any(direct._connections._idle.values())
    child = os.fork()
    if child == 0:
        os._exit(int(any(direct._connections._idle.values())))
    assert os.waitpid(child, 0)[1] == 0


# ------------------------------------------------------------------------------------------------------------ accidents


STORED = {
    "plain": lambda records: b"".join(records),
    "gzip": lambda records: gzip.compress(b"\n".join(records), 1),
    "members": lambda records: b"".join(
        gzip.compress(b"\n".join(records[at : at + 500]) + b"\n", 1) for at in range(0, len(records), 500)
    ),
    "zstd": lambda records: zstandard.ZstdCompressor(1).compress(b"\n".join(records)),
    "array": lambda records: b"[" + b",".join(records) + b"]",
    "array in zstd": lambda records: zstandard.ZstdCompressor(1).compress(b"[" + b",".join(records) + b"]"),
}


@pytest.mark.parametrize("form", STORED)
def test_connections_that_break_in_the_middle_are_gone_on_with(
    s3: Any, proxy: Proxy, sdk_log: Contract, tmp_path: Path, form: str
) -> None:
    chance = random.Random(4)
    records = [compact(document(n, nickName=f"{chance.getrandbits(4_000):x}")) for n in range(8_000)]
    data = STORED[form](records)
    put(s3, {"raw/2021/12/26/10/a": data, "raw/2021/12/26/10/b": STORED[form](records[:50])})
    proxy.cut_after, proxy.cuts_left = len(data) // 10, 6
    lake = str(tmp_path / "lake")
    whole_day.run_day(sdk_log, DAY, [f"s3://{BUCKET}/raw"], lake)
    assert proxy.cuts == 6
    assert restored(sdk_log, lake) == Counter(records) + Counter(records[:50])
    assert Lake.open(lake).need_day("sdk_log", DAY).rejects == 0


def test_a_connection_that_always_breaks_is_an_error(s3: Any, proxy: Proxy) -> None:
    put(s3, {"raw": b"{" * 3_000_000})
    with open_raw(f"s3://{BUCKET}/raw"):
        pass
    proxy.cut_after, proxy.cuts_left = 0, 10_000
    with pytest.raises(SourceError, match=f"s3://{BUCKET}/raw: cannot be read: bytes 0 to .* did not come in 5 tries"):
        open_raw(f"s3://{BUCKET}/raw")


@pytest.mark.parametrize("same_size", [True, False])
def test_an_object_that_changes_while_it_is_read_is_refused(
    s3: Any, proxy: Proxy, sdk_log: Contract, tmp_path: Path, same_size: bool
) -> None:
    line = compact(document(1))
    data = (line + b"\n") * (6 * remote.RANGE_BYTES // len(line))
    put(s3, {"raw": data})
    other = data.replace(b"Success", b"Failure")[: None if same_size else -1]
    proxy.on_bytes = (remote.RANGE_BYTES // 2, lambda: s3.pipe_file(f"{BUCKET}/raw", other))
    lake = str(tmp_path / "lake")
    with pytest.raises(SourceError, match=f"s3://{BUCKET}/raw: cannot be read: it changed while being read"):
        whole_day.run_day(sdk_log, DAY, [f"s3://{BUCKET}/raw"], lake)
    assert Lake.open(lake).days("sdk_log") == []


def test_an_archive_in_s3_is_compared_to_hits(s3: Any, proxy: Proxy, sdk_log: Contract, tmp_path: Path) -> None:
    documents = [compact(document(n)) for n in range(6_000)]
    hits = [compact({"_index": "i", "_id": str(n), "_source": document(n)}) for n in range(5_990)]
    hits.append(compact({"_source": document(7)}).replace(b":7,", b": 7.0,"))
    put(s3, {"raw/2021/12/26/10/a": gzip.compress(b"\n".join(documents[:3_000])), "raw/b": b"".join(documents[3_000:])})
    put(s3, {"hits/2021/12/26/10/a.zst": COMPRESSIONS["zstd"](b"[" + b",".join(hits) + b"]")})
    proxy.cut_after, proxy.cuts_left = 100_000, 4
    a, b = Named((f"s3://{BUCKET}/raw",)), Named((f"s3://{BUCKET}/hits",))
    found = compare_day(sdk_log, DAY, a, b, output=tmp_path)
    assert proxy.cuts == 4
    assert (found.equal_bytes, found.equal_value, found.a.only, found.b.only) == (5_990, 0, 10, 1)
    assert found.b.more_copies == 1
    assert (found.a.hits, found.b.hits) == (0, 5_991)
    assert (tmp_path / "only-a.ndjson").read_bytes().splitlines() == documents[5_990:]
    assert (tmp_path / "only-b.ndjson").read_bytes().splitlines() == hits[-1:]
    (only_b,) = (d for d in found.differences if d.side == "b")
    assert (only_b.origin, only_b.record_number) == (f"s3://{BUCKET}/hits/2021/12/26/10/a.zst", 5_991)


# ----------------------------------------------------------------------------------------------- memory, and no copies

LARGE_RECORDS, SMALL_RECORDS = 370_000, 60_000
MOST_GROWTH_BYTES = 64 << 20


@dataclass(frozen=True)
class Footprint:
    """Resources that a press took: peak resident bytes, bytes given to write(2), peak bytes in TMPDIR."""

    peak_bytes: int
    written_bytes: int
    temporary_bytes: int


def footprint(contract: Path, uri: str, folder: Path, environment: dict[str, str]) -> Footprint:
    """Press in a process of its own, and look at it while it runs."""
    (temporary := folder / "tmp").mkdir(parents=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "logpress.cli", "press", contract, "--day", str(DAY), "--input", uri,
         "--lake", str(folder / "lake"), "--threads", "2", "--quiet"],
        env={**os.environ, **environment, "TMPDIR": str(temporary)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    watched, peak, written, held = psutil.Process(process.pid), 0, 0, 0
    while process.poll() is None:
        with suppress(psutil.Error, OSError):
            status = Path(f"/proc/{process.pid}/status").read_text()  # wait4 counts what pytest had before exec, too
            peak = max(peak, *(int(found) << 10 for found in re.findall(r"VmHWM:\s+(\d+)", status)), 0)
            of_all = [watched, *watched.children(recursive=True)]
            written = max(written, sum(each.io_counters().write_chars for each in of_all))
            held = max(held, sum(path.stat().st_size for path in temporary.iterdir()))
        time.sleep(0.02)
    assert process.returncode == 0
    return Footprint(peak, written, held)


def test_memory_does_not_grow_with_an_object_and_nothing_of_it_is_copied_to_disk(
    s3: Any, server: S3Server, tmp_path: Path
) -> None:
    tables = Path(contract_package.__file__).parent / "tables"
    text = (tables / "sdk_log.yaml").read_text()
    contract = tmp_path / "sdk_log.yaml"  # row groups and known records take memory of their own
    contract.write_text(
        text.replace("row_group_rows: 1000000", "row_group_rows: 50000").replace(
            "source:", "source:\n  duplicates: keep"
        )
    )
    sizes = {}
    for name, count in (("small", SMALL_RECORDS), ("large", LARGE_RECORDS)):
        write_sample(tmp_path / name, DAY, count, hours=(10, 10), compression="none")
        with (tmp_path / f"{name}.ndjson").open("wb") as whole:
            for part in sorted(path for path in (tmp_path / name).rglob("*") if path.is_file()):
                with part.open("rb") as file:
                    shutil.copyfileobj(file, whole)
        shutil.rmtree(tmp_path / name)
        sizes[name] = (tmp_path / f"{name}.ndjson").stat().st_size
        s3.put(str(tmp_path / f"{name}.ndjson"), f"{BUCKET}/{name}/raw")
    with (tmp_path / "large.ndjson").open("rb") as file, gzip.open(tmp_path / "large.gz", "wb", 1) as packed:
        shutil.copyfileobj(file, packed)
    s3.put(str(tmp_path / "large.gz"), f"{BUCKET}/gzip/raw")
    assert sizes["large"] > 300 << 20

    found = {
        name: footprint(contract, f"s3://{BUCKET}/{name}", tmp_path / f"of-{name}", server.environment)
        for name in ("small", "large", "gzip")
    }
    for name in ("large", "gzip"):
        assert found[name].peak_bytes < found["small"].peak_bytes + MOST_GROWTH_BYTES, found
        stats = (path.stat() for path in (tmp_path / f"of-{name}" / "lake").rglob("*") if path.is_file())
        lake = sum({stat.st_ino: stat.st_size for stat in stats}.values())  # parts have two names
        assert lake < found[name].written_bytes < (64 << 20) + 2 * lake, found  # pipes and staged manifests included
        assert found[name].temporary_bytes < 1_000, found  # tempfile tries a folder with a few bytes
        rows = Lake.open(str(tmp_path / f"of-{name}" / "lake")).need_day("sdk_log", DAY).rows
        assert rows > 0.99 * LARGE_RECORDS


# --------------------------------------------------------------------------------------------------------------- errors


def one_line(error: LogpressError, server: S3Server) -> str:
    text = str(error)
    assert "\n" not in text
    assert server.key not in text
    assert server.secret not in text
    assert len(text) < 400
    return text


@pytest.mark.parametrize(
    ("uri", "environment", "message"),
    [
        ("s3://no-such-bucket/x", {}, "there is no such bucket"),
        (f"s3://{BUCKET}/no/such", {}, "there is no such file or folder"),
        (f"s3://{BUCKET}/raw", {"AWS_ACCESS_KEY_ID": "unknown"}, "cannot be listed: .*access key.* credentials"),
        (f"s3://{BUCKET}/raw", {"AWS_SECRET_ACCESS_KEY": "wrong"}, "cannot be listed: .*signature.* credentials"),
        (f"s3://{BUCKET}/raw", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "cannot be listed: .*[Cc]onnect"),
    ],
)
def test_errors_are_one_clear_line(
    s3: Any, server: S3Server, sdk_log: Contract, monkeypatch: pytest.MonkeyPatch, uri: str,
    environment: dict[str, str], message: str,
) -> None:  # fmt: skip
    put(s3, {"raw": b"{}"})
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    forget()
    with pytest.raises(SourceError, match=message) as found:
        stages.plan(sdk_log, DAY, [uri])
    assert uri in one_line(found.value, server)


def test_credentials_that_end_between_plan_and_press(
    s3: Any, server: S3Server, sdk_log: Contract, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(s3, {"raw": b"{}"})
    (spec,) = stages.plan(sdk_log, DAY, [f"s3://{BUCKET}/raw"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    forget()
    with pytest.raises(SourceError, match=r"cannot be read: .*signature") as found:
        stages.press(sdk_log, DAY, spec, str(tmp_path / "lake"), "run")
    one_line(found.value, server)


def test_a_clock_that_is_wrong(s3: Any, server: S3Server, sdk_log: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    import botocore.auth

    put(s3, {"raw": b"{}"})
    right = botocore.auth.get_current_datetime
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *a, **k: right(*a, **k) + timedelta(hours=2))
    forget()
    with pytest.raises(SourceError, match=r"cannot be listed: .*time") as found:
        stages.plan(sdk_log, DAY, [f"s3://{BUCKET}/raw"])
    one_line(found.value, server)


def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run a command line that fails: (exit code, the one line that it prints)."""
    from logpress.cli.app import main

    monkeypatch.setattr(sys, "argv", ["logpress", *arguments])
    capfd.readouterr()
    with pytest.raises(SystemExit) as stop:
        main()
    out, err = capfd.readouterr()
    assert out == ""
    (line,) = err.splitlines()  # no traceback
    assert line.startswith("logpress: error: s3://")
    assert len(line) < 400
    return int(str(stop.value.code)), line


def press_fails(monkeypatch: Any, capfd: Any, lake: Path, uri: str = f"s3://{BUCKET}/raw") -> str:
    arguments = ("press", "sdk_log", "--day", str(DAY), "--input", uri, "--lake", str(lake), "--quiet")
    code, line = command(monkeypatch, capfd, *arguments)
    assert code == 1
    assert uri in line
    assert not lake.exists() or not list(lake.rglob("*.parquet"))
    return line


@pytest.mark.parametrize(
    ("uri", "environment", "message"),
    [
        ("s3://no-such-bucket/x", {}, "there is no such bucket"),
        (
            f"s3://{BUCKET}/raw",
            {"AWS_ACCESS_KEY_ID": "unknown"},
            "not known there; see AWS_ACCESS_KEY_ID .* aws_default",
        ),
        (f"s3://{BUCKET}/raw", {"AWS_SECRET_ACCESS_KEY": "wrong"}, "credentials are wrong; see AWS_ACCESS_KEY_ID"),
        (f"s3://{BUCKET}/raw", {"AWS_ACCESS_KEY_ID": ""}, "no credentials were found; see AWS_ACCESS_KEY_ID"),
        (f"s3://{BUCKET}/raw", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "refused; see AWS_ENDPOINT_URL"),
        (f"s3://{BUCKET}/raw", {"AWS_ENDPOINT_URL": "http://no-such-host.invalid"}, "no host of that name.*ENDPOINT"),
    ],
)
def test_a_command_that_s3_refuses_ends_with_one_line(
    s3: Any, server: S3Server, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path,
    uri: str, environment: dict[str, str], message: str,
) -> None:  # fmt: skip
    put(s3, {"raw": b"{}"})
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    for name, value in environment.items():
        if value:
            monkeypatch.setenv(name, value)
        else:
            monkeypatch.delenv(name)
    forget()
    line = press_fails(monkeypatch, capfd, tmp_path / "lake", uri)
    assert re.search(message, line), line
    assert server.secret not in line


REFUSALS = {
    "AccessDenied": (403, "Access Denied", "may list the bucket and get its objects", RefusedError),
    "RequestTimeTooSkewed": (403, "The difference between the request time and the current time is too large.",
                             "clock is wrong: set it", RefusedError),
    "ExpiredToken": (400, "The provided token has expired.", "get new ones", SourceError),
    "InvalidToken": (400, "The provided token is malformed or otherwise invalid.", "AWS_SESSION_TOKEN", RefusedError),
    "InvalidAccessKeyId": (403, "The AWS Access Key Id you provided does not exist in our records.",
                           "not known there", RefusedError),
    "AuthorizationHeaderMalformed": (400, "The authorization header is malformed; the region 'us-east-1' is wrong",
                                     "region", RefusedError),
}  # fmt: skip


@pytest.mark.parametrize("code", list(REFUSALS))
def test_an_answer_of_s3_says_what_to_do(
    server: S3Server, s3: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path,
    code: str,
) -> None:  # fmt: skip
    status, said, advice, kind = REFUSALS[code]
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{said}</Message></Error>'
    with proxied(server.port) as harmful:
        harmful.harms["other", 0] = answer(status, body.encode())
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{harmful.port}")
        forget()
        line = press_fails(monkeypatch, capfd, tmp_path / "lake")
        assert said.rstrip(".") in line
        assert advice in line
        listing = harmful.seen["other"]
        with pytest.raises(SourceError, match=f"s3://{BUCKET}/raw: cannot be read: .*{advice}") as found:
            open_raw(f"s3://{BUCKET}/raw")
        assert type(found.value) is kind
        assert harmful.seen["other"] <= listing + 2  # what stays refused is not asked for again and again


def test_a_certificate_that_is_not_trusted(
    server: S3Server, s3: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with proxied(server.port, certificate_folder=tmp_path) as secure:
        secure.harms["other", 0] = answer(403, b"<Error><Code>AccessDenied</Code><Message>No</Message></Error>")
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://localhost:{secure.port}")
        forget()
        line = press_fails(monkeypatch, capfd, tmp_path / "lake")
        assert re.search(r"certificate is not trusted \(self.signed certificate\); set AWS_CA_BUNDLE", line), line
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "cert"))
        forget()
        assert "may list the bucket" in press_fails(monkeypatch, capfd, tmp_path / "lake")
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{server.port}")
        forget()
        assert "does not speak TLS" in press_fails(monkeypatch, capfd, tmp_path / "lake")


def test_options_of_the_contract_reach_the_server(
    s3: Any, sdk_log: Contract, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(s3, {"raw": compact(document(1))})
    seen = []
    send = http.client.HTTPConnection.request

    def heard(self: Any, method: str, url: str, headers: Any) -> None:
        seen.append({name.lower(): value for name, value in headers.items()})
        send(self, method, url, headers=headers)

    monkeypatch.setattr(http.client.HTTPConnection, "request", heard)
    source = sdk_log.source.model_copy(update={"storage_options": {"requester_pays": True}})
    contract = sdk_log.model_copy(update={"source": source})
    (spec,) = stages.plan(contract, DAY, [f"s3://{BUCKET}/raw"])
    manifest = stages.press(contract, DAY, spec, str(tmp_path / "lake"), "run")
    assert manifest.rows == 1
    gets = [headers for headers in seen if "range" in headers]
    assert gets
    assert all(headers["x-amz-request-payer"] == "requester" for headers in gets)
    assert all("x-amz-request-payer" in headers["authorization"] for headers in gets)


def test_a_missing_day_says_which_days_are_near(s3):
    for key in ("2021/11/30/23", "2021/12/20/10", "2021/12/29/00"):
        s3.pipe(f"{BUCKET}/raw/{key}/a.gz", gzip.compress(b"{}\n"))
    contract = contract_package.load_contract("sdk_log")
    near = "the nearest days there are 2021-11-30, 2021-12-20, 2021-12-29$"
    with pytest.raises(AbsentError, match=f"there is no raw input for 2021-12-26 at s3://{BUCKET}/raw; {near}"):
        stages.plan(contract, DAY, [f"s3://{BUCKET}/raw"])
    pattern = f"s3://{BUCKET}/raw/{{year}}/{{month}}/{{day_of_month}}"
    with pytest.raises(AbsentError, match=f"raw/2021/12/26: there is no such file or folder; {near}"):
        stages.plan(contract, DAY, [pattern])
