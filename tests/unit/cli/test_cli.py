"""The command line: what it prints and where, its exit codes, and that it answers at once."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
import typer
from tests.conftest import Ran

from logpress import __version__

DAY = "2021-12-26"
COMMANDS = (
    "press", "restore", "verify", "upgrade", "erase", "compare", "check", "report", "days", "rejects", "describe",
    "schema", "view", "tune", "sample", "warm", "serve", "history", "lake",
)  # fmt: skip


@pytest.fixture
def raw(tmp_path, seed) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    records = [seed.replace(b":81,", b":%d," % elapsed) for elapsed in (81, 82, 83)]
    (folder / "a.ndjson").write_bytes(b"\n".join([*records, b"no record\n"]))
    return folder


@pytest.fixture
def lake(tmp_path) -> str:
    return str(tmp_path / "lake")


@pytest.fixture
def published(logpress, raw, lake) -> str:
    assert logpress("press", "sdk_log", "--day", DAY, "--input", raw, "--lake", lake).code == 0
    return lake


def in_a_process(*arguments: str, **options) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "logpress.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=120, **options)


def one_error(ran: Ran, code: int) -> str:
    assert ran.code == code
    assert ran.out == ""
    (line,) = ran.err.splitlines()
    assert line.startswith("logpress: error: ")
    return line


# -- help


def test_help_answers_at_once_and_imports_nothing_heavy():
    heavy = "{'numba', 'numpy', 'pyarrow', 'pyiceberg', 'pandas', 'fsspec', 'pydantic', 'rich', 'importlib.metadata'}"
    code = f"import sys, logpress.cli.app; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code]) == b"[]\n"
    took = []
    for _ in range(5):
        began = time.monotonic()
        ran = in_a_process("--help")
        took.append(time.monotonic() - began)
        assert ran.returncode == 0
        listed = ran.stdout.decode().partition("Commands")[2]
        assert tuple(re.findall(r"^\W{2}([a-z]+) ", listed, re.MULTILINE)) == COMMANDS
    assert min(took) < 1.0  # 0.3 s on a machine with nothing else to do


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_helps_with_an_example(logpress, command):
    ran = logpress(command, "--help")
    assert ran.code == 0
    assert f"logpress {command} " in ran.out
    assert "Example" in ran.out


def test_version(logpress):
    assert logpress("--version").out.strip() == f"logpress {__version__}"


@pytest.mark.parametrize(
    "arguments",
    [["pres"], ["press"], ["press", "sdk_log", "--day", DAY], ["report", "--nonsense"], ["sample", "--records", "x"]],
    ids=" ".join,
)
def test_wrong_use_is_told_and_ends_with_2(logpress, monkeypatch, arguments):
    monkeypatch.delenv("LOGPRESS_LAKE", raising=False)
    ran = logpress(*arguments)
    assert ran.code == 2
    assert ran.out == ""
    usage, *_, error = ran.err.splitlines()
    assert usage.startswith("Usage: ")
    assert (f" {arguments[0]} " if arguments[0] in COMMANDS else " COMMAND ") in f"{usage} "
    assert error.startswith("Error: ")


def test_what_no_verb_means_to_raise_keeps_its_traceback(logpress, monkeypatch):
    def broken(*_):
        raise typer.TyperException("of no verb's making")

    monkeypatch.setattr("logpress.contract.load_contract", broken)
    with pytest.raises(typer.TyperException, match="of no verb's making"):
        logpress("schema", "sdk_log")


# -- what users get wrong


@pytest.mark.parametrize("day", ["2021-13-01", "2021-02-30", "26.12.2021", "2021-12-26T00", "", "yesterday"])
def test_what_is_no_day_is_refused(logpress, raw, lake, day):
    error = one_error(logpress("press", "sdk_log", "--day", day, "--input", raw, "--lake", lake), 2)
    assert "is not a day" in error
    assert not os.path.exists(lake)


def test_an_unknown_table_is_refused_with_those_there_are(logpress):
    assert "sdk_log" in one_error(logpress("schema", "sdk"), 2)
    assert "/no/such.yaml" in one_error(logpress("schema", "/no/such.yaml"), 2)


def test_missing_input_leaves_no_lake(logpress, lake, tmp_path):
    missing = one_error(logpress("press", "sdk_log", "--day", DAY, "--input", tmp_path / "none", "--lake", lake), 1)
    assert str(tmp_path / "none") in missing
    assert not os.path.exists(lake)


@pytest.mark.parametrize("command", ["restore", "verify", "report", "rejects", "describe"])
def test_a_lake_or_day_that_is_not_there_is_told(logpress, command, published, tmp_path):
    none = one_error(logpress(command, "sdk_log", "--day", DAY, "--lake", tmp_path / "none"), 2)
    assert "is no lake" in none
    other = one_error(logpress(command, "sdk_log", "--day", "2021-12-27", "--lake", published), 2)
    assert "no day 2021-12-27" in other


def test_a_folder_of_something_else_is_left_alone(logpress, raw, tmp_path):
    before = sorted(os.listdir(raw))
    error = one_error(logpress("press", "sdk_log", "--day", DAY, "--input", raw, "--lake", raw), 2)
    assert "not empty" in error
    assert sorted(os.listdir(raw)) == before


# -- what it does


def test_press_reports_and_warns(logpress, raw, lake):
    ran = logpress("press", "sdk_log", "--day", DAY, "--input", raw, "--input", raw / "a.ndjson", "--lake", lake)
    assert ran.code == 0
    assert "3" in ran.out
    assert "request_begin_at" in ran.out
    assert "logpress: warning: 1 of 4 records are rejects" in ran.err


def test_restore_gives_the_records_to_stdout_or_a_file(logpress, published, raw, tmp_path):
    expected = Counter((raw / "a.ndjson").read_bytes().splitlines())
    ran = in_a_process("restore", "sdk_log", "--day", DAY, "--lake", published)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert Counter(ran.stdout.splitlines()) == expected
    again = in_a_process("restore", "sdk_log", "--day", DAY, "--lake", published, "--output", "-")
    assert (again.returncode, again.stdout) == (0, ran.stdout)
    target = tmp_path / "day.ndjson"
    assert logpress("restore", "sdk_log", "--day", DAY, "--lake", published, "--output", target).code == 0
    assert target.read_bytes() == ran.stdout
    assert sorted(os.listdir(tmp_path)) == ["day.ndjson", "lake", "raw"]


def test_restore_gives_only_records_for_which_conditions_hold(logpress, lake, seed, tmp_path):
    records = [seed.replace(b":81,", b":%d," % elapsed) for elapsed in range(10, 60)]
    raw = tmp_path / "some.ndjson"
    raw.write_bytes(b"\n".join([*records, b"no record"]))
    assert logpress("press", "sdk_log", "--day", DAY, "--input", raw, "--lake", lake).code == 0
    for where, wanted in (
        (["response_elapsed_ms >= 57"], records[-3:]),
        (["response_elapsed_ms >= 57", "response_elapsed_ms != 58"], [records[-3], records[-1]]),
        (["response_elapsed_ms in 11, 13"], [records[1], records[3]]),
        (["ingested_at < 2021-12-26T00:00:00Z"], []),
        (["request_url != null", "func_name = Backend.GameData.TransactionWrite"], records),
    ):
        options = [text for condition in where for text in ("--where", condition)]
        ran = in_a_process("restore", "sdk_log", "--day", DAY, "--lake", lake, *options)
        assert sorted(ran.stdout.splitlines()) == wanted
    assert "did you mean" in one_error(
        logpress("restore", "sdk_log", "--day", DAY, "--lake", lake, "--where", "func_nam = x"), 2
    )


def test_restore_to_where_nothing_can_be_written_is_refused(logpress, published, tmp_path):
    for target in (tmp_path / "none/day", tmp_path):
        error = one_error(logpress("restore", "sdk_log", "--day", DAY, "--lake", published, "--output", target), 2)
        assert str(target) in error


def test_restore_ends_quietly_when_its_reader_has_enough(published):
    command = f"{sys.executable} -m logpress.cli restore sdk_log --day {DAY} --lake {published} | true"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, timeout=120)
    assert ran.stderr == b""


def test_verify_says_what_it_has_proven(logpress, published, raw):
    ran = logpress("verify", "sdk_log", "--day", DAY, "--lake", published, "--input", raw)
    assert ran.code == 0
    assert "4 records" in ran.out
    (raw / "b.ndjson").write_bytes(b"{}\n")
    error = one_error(logpress("verify", "sdk_log", "--day", DAY, "--lake", published, "--input", raw), 1)
    assert "5 records" in error


def test_little_memory_is_warned_of_and_enough_and_no_size_is_refused(logpress, raw, lake, tmp_path, monkeypatch):
    given = ["press", "sdk_log", "--day", DAY, "--input", raw, "--lake", lake, "--quiet"]
    ran = logpress(*given, "--memory", "64M")
    assert ran.code == 0
    [line] = [line for line in ran.err.splitlines() if "row_group_rows" in line]
    assert line.startswith("logpress: warning: pressing sdk_log may take 1.")
    assert "more than the 64 MB of --memory" in line
    assert "row_group_rows" not in logpress(*given, "--memory", "64G").err
    monkeypatch.setenv("LOGPRESS_MEMORY", "64M")
    assert "more than the 64 MB" in logpress(*given).err
    for command in (["restore", "--output", tmp_path / "out"], ["verify"]):
        name, *more = command
        assert logpress(name, "sdk_log", "--day", DAY, "--lake", lake, *more).code == 0
        bad = logpress(name, "sdk_log", "--day", DAY, "--lake", lake, *more, "--memory", "2X")
        assert one_error(bad, 2).endswith("'2X' is not a size; write it as 800M or 2G")


def test_a_damaged_part_is_no_traceback(logpress, published):
    (path,) = Path(published).glob("sdk_log/data/dt=*/part-*.parquet")
    path.write_bytes(path.read_bytes()[:-100])
    for command in ("restore", "verify"):
        assert path.name in one_error(logpress(command, "sdk_log", "--day", DAY, "--lake", published), 1)


def test_pressing_again_says_what_is_new_or_has_changed(logpress, published, raw):
    command = ("press", "sdk_log", "--day", DAY, "--input", raw, "--lake", published)
    assert "no object is new or has changed since the last run" in logpress(*command).err
    (raw / "b.ndjson").write_bytes(b"{}")
    with (raw / "a.ndjson").open("ab") as file:
        file.write(b'{"a":1}\n')
    assert "1 object is new and 1 has changed since the last run" in logpress(*command).err
    assert "since the last run" not in logpress(*command, "--quiet").err


def test_report_as_json(logpress, published):
    found = json.loads(logpress("report", "sdk_log", "--day", DAY, "--lake", published, "--json").out)
    assert (found["rows"], found["rejects"]) == (3, 1)
    assert found["ratio"] == pytest.approx(found["raw_bytes"] / found["stored_bytes"], abs=0.01)
    assert "rows" in logpress("report", "sdk_log", "--day", DAY, "--lake", published).out


def test_report_names_where_the_day_came_from(logpress, raw, lake, tmp_path):
    dated = tmp_path / "bucket" / "2021" / "12" / "26"
    for hour in ("10", "11"):
        (dated / hour).mkdir(parents=True)
        (dated / hour / "x").write_bytes((raw / "a.ndjson").read_bytes().replace(b"SDK", hour.encode()))
    inputs = ("--input", raw, "--input", tmp_path / "bucket")
    assert logpress("press", "sdk_log", "--day", DAY, *inputs, "--lake", lake).code == 0
    found = json.loads(logpress("report", "sdk_log", "--day", DAY, "--lake", lake, "--json").out)
    places = {place["place"]: (place["inputs"], place["records"]) for place in found["places"]}
    assert places == {str(tmp_path / "bucket"): (2, 8), str(raw): (1, 4)}
    shown = "".join(logpress("report", "sdk_log", "--day", DAY, "--lake", lake).out.split())
    assert f"{tmp_path}/bucket,8recordsin2inputs" in shown


def test_schema(logpress):
    found = json.loads(logpress("schema", "sdk_log", "--json").out)
    columns = {column["name"]: column for column in found["columns"]}
    assert columns["request_url"]["virtual"]
    assert not columns["func_name"]["virtual"]
    assert columns["request_begin_at"]["type"] == "timestamp[us, tz=UTC]"
    assert "The function called" in logpress("schema", "sdk_log").out


def test_a_contract_from_a_file(logpress):
    path = Path(__file__).parents[2] / "contracts" / "other_log.yaml"
    assert json.loads(logpress("schema", str(path), "--json").out)["table"] == "other_log"


def test_a_sample_can_be_pressed(logpress, lake, tmp_path):
    options = ("--records", "300", "--day", DAY, "--hours", "10-11", "--seed", "3")
    for shape in ("hit", "document"):
        folder = tmp_path / shape
        assert logpress("sample", *options, "--output", folder, "--shape", shape).code == 0
        assert logpress("press", "sdk_log", "--day", DAY, "--input", folder, "--lake", f"{lake}-{shape}").code == 0
    assert "hours" in one_error(logpress("sample", *options[:4], "--hours", "9-99", "--output", tmp_path / "x"), 2)


def test_days_of_living_users_are_samples_too(logpress, lake, tmp_path):
    options = ("sample", "--records", "400", "--day", DAY, "--seed", "3", "--output")
    said = logpress(*options, tmp_path / "raw", "--days", "2", "--truth", tmp_path / "truth")
    assert said.code == 0
    assert re.search(r"\d+ records in \d+ objects under", said.err)
    year, month, number = map(int, DAY.split("-"))
    days = [date(year, month, number) + timedelta(later) for later in (0, 1)]
    assert all((tmp_path / "raw" / f"{day:%Y/%m/%d}").is_dir() for day in days)
    assert sorted(path.name for path in (tmp_path / "truth").iterdir()) == ["games.parquet", "users.parquet"]
    assert logpress("press", "sdk_log", "--day", str(days[1]), "--input", tmp_path / "raw", "--lake", lake).code == 0

    assert "400 records" in logpress(*options, tmp_path / "one", "--truth", tmp_path / "truth").err
    assert "800 records" in logpress(*options, tmp_path / "still", "--users", "still", "--days", "2").err
    still = (tmp_path / "x", "--users", "still", "--truth", tmp_path / "truth")
    assert "--truth" in one_error(logpress(*options, *still), 2)
    assert "raw input" in one_error(
        logpress(*options, tmp_path / "x", "--days", "1", "--truth", tmp_path / "x" / "y"), 2
    )


def test_a_reader_that_has_closed_standard_output_ends_restoring_without_a_message(published):
    read, write = os.pipe()
    os.close(read)  # as `| head -1` does
    command = [sys.executable, "-m", "logpress.cli", "restore", "sdk_log", "--day", DAY, "--lake", published]
    ran = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, timeout=120, check=False)
    os.close(write)
    assert ran.returncode == 141
    assert not re.search(rb"error|Traceback", ran.stderr, re.I)


def test_ctrl_c_ends_with_130(logpress, monkeypatch, raw, lake):
    from logpress.day import one_machine as whole_day
    from logpress.machine.workers import Workers

    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(whole_day, "press", stopped)
    monkeypatch.setattr(Workers, "wait", stopped)
    ran = logpress("press", "sdk_log", "--day", DAY, "--input", raw, "--lake", lake)
    assert ran.code == 130
    assert "Traceback" not in ran.err
    assert not list(Path(lake).glob("*/_staging/**/*"))


def test_progress_is_lines_where_stderr_is_no_terminal_and_nothing_when_quiet(logpress, raw, lake, monkeypatch):
    from logpress.cli import bars

    monkeypatch.setattr(bars, "LINE_SECONDS", 0.0)
    command = ("press", "sdk_log", "--day", DAY, "--input", raw, "--lake", lake)
    told = logpress(*command).err
    assert "logpress: press: " in told
    assert "records" in told
    assert "\x1b" not in told
    assert "logpress: press: " not in logpress(*command, "--quiet").err


SECRET = "wJalrXUtnFEMI"
SECRET_URI = f"s3://AKIAKEY:{SECRET}/K7@bucket/x"
LOCAL = ("sdk_log", "--day", DAY, "--lake", "lake")


@pytest.mark.parametrize(
    "arguments",
    [
        ("press", *LOCAL, "--input", "raw", "--input", SECRET_URI),
        ("press", *LOCAL[:-1], SECRET_URI, "--input", "raw"),
        ("verify", *LOCAL, "--input", SECRET_URI),
        ("restore", *LOCAL[:-1], SECRET_URI),
        ("report", *LOCAL[:-1], SECRET_URI),
        ("compare", *LOCAL[:3], "--input", SECRET_URI, "--with", "raw"),
        ("compare", *LOCAL[:3], "--input", "raw", "--with", SECRET_URI),
        ("compare", *LOCAL[:-1], SECRET_URI),
        ("tune", "sdk_log", "--input", SECRET_URI),
    ],
)
def test_a_secret_in_a_uri_is_refused_and_never_repeated(logpress, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = one_error(logpress(*arguments), 2)
    assert "s3://...@...: a user or password must not stand in a URI" in error
    assert SECRET not in error
    assert "AKIAKEY" not in error
    assert list(tmp_path.iterdir()) == []


def test_a_secret_in_a_lake_of_the_environment_is_not_repeated_either(logpress, monkeypatch):
    monkeypatch.setenv("LOGPRESS_LAKE", SECRET_URI)
    assert SECRET not in one_error(logpress("report", "sdk_log", "--day", DAY), 2)
    assert SECRET not in logpress("report", "--help").out


@pytest.mark.parametrize("uri", ["opensearch:///sdk-log-{day}", "elasticsearch://"])
def test_a_cluster_without_a_host_is_for_airflow(logpress, uri, tmp_path):
    error = one_error(logpress("press", "sdk_log", "--day", DAY, "--lake", tmp_path / "lake", "--input", uri, "-q"), 2)
    assert f"{uri}: names no host, as only a run in Airflow may; write" in error


def test_restore_as_bulk(logpress, published, raw, tmp_path):
    restored = ("restore", "sdk_log", "--day", DAY, "--lake", published, "-q", "--as")
    assert logpress(*restored, "bulk", "--output", tmp_path / "day.bulk").code == 0
    body = (tmp_path / "day.bulk").read_bytes().splitlines()
    hits = [json.loads(line) for line in (raw / "a.ndjson").read_bytes().splitlines() if line.startswith(b"{")]
    assert len(hits) > 1
    actions, documents = [json.loads(line) for line in body[::2]], [json.loads(line) for line in body[1::2]]
    assert actions == [{"index": {"_index": hit["_index"], "_id": hit["_id"]}} for hit in hits]
    assert documents == [hit["_source"] for hit in hits]
    assert logpress(*restored, "bulk").out.encode().splitlines() == body
    assert logpress(*restored, "records").out.encode().splitlines() != body
    assert logpress(*restored, "elasticdump").code == 2


# -- compare


def test_compare_exit_codes(logpress, raw, tmp_path):
    other = tmp_path / "other.ndjson"
    other.write_bytes((raw / "a.ndjson").read_bytes())
    arguments = ("compare", "sdk_log", "--day", DAY, "--input", raw, "--with", other)
    ran = logpress(*arguments, "-q")
    assert (ran.code, ran.err) == (0, "")
    assert "equal, byte for byte" in ran.out
    assert "1 damaged left out (not_json)" in " ".join(ran.out.split()).replace("1 not_json", "not_json")
    other.write_bytes(other.read_bytes().replace(b'"_id":', b'"_id": '))
    assert logpress(*arguments).code == 0  # the envelope is not compared
    other.write_bytes(other.read_bytes().replace(b'"nickName":', b'"nickName": '))
    ran = logpress(*arguments)
    assert ran.code == 1
    assert "spelt differently, in A:" in ran.out
    assert logpress(*arguments, "--by-value").code == 0
    other.write_bytes(other.read_bytes().replace(b"Success", b"Failure"))
    ran = logpress(*arguments, "--by-value", "--json", "--show", "1")
    assert ran.code == 1
    found = json.loads(ran.out)
    assert (found["a"]["only"], found["b"]["only"], found["equal_bytes"], found["equal_value"]) == (3, 3, 0, 0)
    assert not found["is_same"]
    assert not found["is_same_by_value"]
    assert [d["side"] for d in found["differences"]] == ["a", "b"]
    assert found["differences"][0]["origin"] == str(raw / "a.ndjson")


def test_compare_with_a_lake_writes_what_differs(logpress, raw, published, tmp_path):
    assert logpress("compare", "sdk_log", "--day", DAY, "--input", raw, "--lake", published).code == 0
    records = (raw / "a.ndjson").read_bytes().split(b"\n")
    (raw / "a.ndjson").write_bytes(b"\n".join(records[1:]))
    ran = logpress(
        "compare", "sdk_log", "--day", DAY, "--input", raw, "--lake", published, "--output", tmp_path / "out"
    )
    assert ran.code == 1
    assert (tmp_path / "out" / "only-b.ndjson").read_bytes() == records[0] + b"\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name what to compare with"),
        (["--with", "x", "--lake", "y"], "name what to compare with"),
        (["--with", "/no/such/path"], "/no/such/path"),
        (["--lake", "/no/such/lake"], "/no/such/lake"),
    ],
)
def test_compare_that_cannot_be_done_has_an_exit_code_of_its_own(logpress, raw, arguments, message):
    ran = logpress("compare", "sdk_log", "--day", DAY, "--input", raw, *arguments, "-q")
    assert message in one_error(ran, 2)


# ------------------------------------------------------------------------------------------------------ damaged inputs


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("between.gz", "comes something that is no gzip; reading goes on at byte"),
        ("cut.json", "the JSON array has no end"),
    ],
)
def test_damage_is_told_and_what_lies_behind_it_is_read(logpress, tmp_path, lake, seed, name, damage):
    records = [seed.replace(b":81,", b":%d," % number) for number in range(6)]
    members = [gzip.compress(record + b"\n") for record in records]
    stored = {"between.gz": b"\n".join(members), "cut.json": b"[" + b",".join(records) + b","}
    (tmp_path / name).write_bytes(stored[name])
    day = ("sdk_log", "--day", DAY, "--lake", lake)
    pressed = logpress("press", *day, "--input", tmp_path / name)
    assert pressed.code == 0
    assert "warning: 1 damaged input could only be read in part" in pressed.err
    assert damage in pressed.err
    report = json.loads(logpress("report", *day, "--json").out)
    assert report["rows"] == 6
    assert damage in report["damaged_origins"][str(tmp_path / name)]
    verified = logpress("verify", *day, "--input", tmp_path / name)
    assert verified.code == 0
    assert "agrees with its manifests and what can be read of the raw input" in verified.out
    assert damage in verified.err
    assert str(tmp_path / name) in verified.err
