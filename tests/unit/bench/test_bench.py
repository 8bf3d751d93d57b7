"""The measurements: peers at a tiny size, what is told of their results, and the figures that are worked out."""

from __future__ import annotations

import shutil
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

import pytest
import typer
from bench import __main__ as command
from bench import growth, pull, report
from bench.exact import Exactness, compare
from bench.field import PHASES, measure_field
from bench.measure import ROOT, MeasureError, Run, answered, measured
from bench.peers import PEERS, Peer
from bench.populations import entropies
from bench.profile import PRESSING, PROVING, RESTORING
from bench.results import (
    REST,
    ColumnSize,
    EngineResult,
    Field,
    Growth,
    Machine,
    PeerResult,
    Profile,
    Reading,
    Size,
    Sizes,
    StartResult,
    load,
    save,
)
from bench.sample import first_part, generate, plan_of, without_damaged
from bench.sizes import COLUMNS, FOOTERS, OF_USERS, USERS, stored_bytes
from typer.testing import CliRunner

RECORDS = 2_000
MACHINE = Machine(processor="A processor", cores=2, memory_gb=8, system="Linux", python="3.11.0")


def run(seconds: float, peak_mb: float = 100.0) -> Run:
    return Run(seconds=seconds, cpu_seconds=seconds * 1.5, peak_mb=peak_mb)


def peers(*names: str) -> list[Peer]:
    return [peer for peer in PEERS if peer.name in names]


def peer_result(name: str, seconds: float, stored_bytes: int, **changes: object) -> PeerResult:
    known = {
        "name": name, "title": name.title(), "version": "1.0", "settings": f"`{name} --well | less`", "records": 1000,
        "raw_bytes": 868_000, "left_out": 0, "is_part": False, "stored_bytes": stored_bytes,
        "presses": [run(seconds), run(seconds * 1.1), run(seconds * 0.9)], "restores": [run(seconds / 2)],
        "exact": Exactness(records=1000, same=1000, other=0),
        "reads": {"itself": Reading(seconds=[0.1], rows=1000, elapsed_ms=5, characters=7)},
    }  # fmt: skip
    return PeerResult.model_validate(known | changes)


@pytest.fixture
def found() -> Field:
    return Field(
        machine=MACHINE,
        users="living",
        records=1000,
        raw_bytes=868_000,
        entropy_bytes=5.0,
        runs=3,
        peers=[
            peer_result("logpress", 1.0, 7_500),
            peer_result("duckdb", 2.0, 42_000, exact=Exactness(records=1000, same=0, other=1000)),
            peer_result("clp-s", 3.0, 50_000, exact=Exactness(records=1000, same=969, other=31), left_out=2, reads={}),
            peer_result("zstd-19", 9.0, 41_000, is_part=True, raw_bytes=100_000, records=115, exact=None, restores=[]),
        ],
        missing={"clickhouse": "the package chdb is not installed"},
        engine=EngineResult(
            mb_s={
                "plain input, 1 core": [500.0],
                "gzip input, 1 core": [300.0],
                "gzip decompressed alone, 1 core": [750.0],
            }
        ),
        start=StartResult(seconds={"`logpress --help`, whole command": [0.2, 0.3, 0.25]}),
    )


@pytest.fixture
def grown() -> Growth:
    sizes = [
        Size(
            records=millions * 1_000_000, raw_bytes=millions * 868_000_000, stored_bytes=millions * 7_500_000, hours=2,
            presses=[run(1 + 2.5 * millions, 800)], restores=[run(0.5 + millions, 500)],
        )
        for millions in (1, 3, 10)
    ]  # fmt: skip
    return Growth(machine=MACHINE, sizes=sizes)


# -- measuring


def test_every_peer_of_the_development_environment_presses_restores_and_reads(tmp_path):
    whole = generate(tmp_path / "sample", RECORDS)
    warnings: list[str] = []
    results, failures = measure_field(
        peers("logpress", "duckdb", "pyarrow", "polars", "gzip-6"), whole, tmp_path,
        runs=1, phases=PHASES, slow_bytes=1, tell=lambda what: None, warn=warnings.append, warm_up=False,
    )  # fmt: skip
    assert warnings == []
    assert failures == {}
    by_name = {result.name: result for result in results}
    assert set(by_name) == {"logpress", "duckdb", "pyarrow", "polars", "gzip-6"}

    for result in results:
        assert len(result.presses) == 1
        assert result.presses[0].peak_mb > 0
        assert 0 < result.stored_bytes < result.raw_bytes / 5
    assert min(results, key=lambda result: result.bytes_a_record).name == "logpress"

    assert by_name["pyarrow"].left_out == by_name["polars"].left_out == 2
    assert by_name["polars"].records == RECORDS - 2
    exact = {name: result.exact for name, result in by_name.items()}
    assert exact["logpress"] == exact["gzip-6"] == Exactness(records=RECORDS, same=RECORDS, other=0)
    assert exact["pyarrow"] is None
    for name in ("duckdb", "polars"):
        assert exact[name] is not None
        assert exact[name].same == 0
        assert exact[name].other >= RECORDS - 2

    readings = [reading for result in results for reading in result.reads.values()]
    assert len(readings) == 6
    assert len({(reading.elapsed_ms, reading.characters) for reading in readings}) == 1
    assert by_name["logpress"].reads["scan"].rows == RECORDS - 2


def test_what_measures_is_not_imported_by_what_is_measured():
    heavy = "{'logpress', 'numba', 'numpy', 'pandas', 'psutil', 'pydantic', 'rich'}"
    for module, needed in (("duck", "set()"), ("arrow", "{'numpy'}"), ("polar", "set()")):
        code = f"import sys, bench.steps.{module}; sys.exit(str({heavy} & {{*sys.modules}} - {needed} or '') or None)"
        measured([sys.executable, "-c", code])


def test_a_peer_that_fails_is_left_out_with_a_warning(tmp_path):
    class Broken(Peer):
        name, title, settings, distribution = "broken", "Broken", "", "pytest"

        def press(self, given, stored):
            return [sys.executable, "-c", "raise SystemExit('no such luck')"]

    whole = generate(tmp_path / "sample", 100)
    warnings: list[str] = []
    results, failures = measure_field(
        [Broken(), *peers("gzip-6")], whole, tmp_path,
        runs=1, phases=["press"], slow_bytes=1, tell=lambda what: None, warn=warnings.append,
    )  # fmt: skip
    assert [result.name for result in results] == ["gzip-6"]
    assert failures == {"broken": "failed to press"}
    [warning] = warnings
    assert "Broken failed to press" in warning
    assert "no such luck" in warning


def test_memory_and_time_of_a_command_are_measured_and_its_failure_is_told():
    found = measured([sys.executable, "-c", "import time; x = bytearray(80_000_000); time.sleep(0.3)"])
    assert found.peak_mb > 80
    assert found.seconds > 0.3
    with pytest.raises(MeasureError, match="exit code 3"):
        measured(["sh", "-c", "exit 3"])
    assert answered(["sh", "-c", "echo warm; echo '{\"seconds\": 1}'"]) == {"seconds": 1}


def test_lines_are_compared_as_multisets(tmp_path):
    (tmp_path / "put").write_bytes(b"a\nb\nb\n\nc\n")
    (tmp_path / "back").write_bytes(b"b\nc \na\nb\nb")
    found = compare([tmp_path / "put"], [tmp_path / "back"])
    assert found == Exactness(records=4, same=3, other=2)
    assert not found.is_exact
    assert compare([tmp_path / "put"], [tmp_path / "put"]).is_exact


def test_damaged_lines_are_taken_out_and_a_part_is_whole_objects(tmp_path):
    whole = generate(tmp_path / "sample", 3_000, hours="10-12")
    clean = without_damaged(whole, tmp_path / "clean")
    assert (clean.records, clean.left_out) == (2_998, 2)
    assert [path.relative_to(clean.folder) for path in clean.objects] == [
        path.relative_to(whole.folder) for path in whole.objects
    ]
    part = first_part(whole, tmp_path / "part", 1)
    assert part.objects[0].read_bytes() == whole.objects[0].read_bytes()
    assert len(part.objects) == 1
    assert part.records < whole.records
    assert first_part(whole, tmp_path / "all", whole.raw_bytes) is whole


def test_a_missing_peer_is_one_loud_line(monkeypatch):
    monkeypatch.setattr(type(peers("clickhouse")[0]), "missing", lambda self: "the package chdb")
    asked: list[str] = []

    def refuse(present: list[Peer], *rest: object) -> Field:
        asked.extend(peer.name for peer in present)
        raise MeasureError("not here")

    monkeypatch.setattr(command, "measure", refuse)
    done = CliRunner().invoke(command.app, ["--peers", "clickhouse", "--only", "press"])
    assert "WARNING: clickhouse is skipped: the package chdb is not installed" in done.stderr
    assert done.exit_code == 1
    assert asked == ["logpress"]


@pytest.mark.parametrize(("option", "value"), [("--peers", "rar"), ("--only", "looks")])
def test_unknown_names_are_refused_with_those_there_are(option, value):
    done = CliRunner().invoke(command.app, [option, value])
    assert done.exit_code == 2
    assert value in done.stderr


# -- telling


@pytest.fixture
def profile(grown) -> Profile:
    return Profile(
        machine=grown.machine, records=10, raw_bytes=8_000, pressing_ns={"reading": 500.0, "sorting": 1_000.0},
        proving_ns={"rendering": 400.0}, restoring_ns={"rendering": 300.0, REST: 1.0}, floor_ns=100.0,
    )  # fmt: skip


@pytest.fixture
def sizes():
    columns = [
        ColumnSize(name="elapsed", stored=1.02, entropy=0.94, of="how long"),
        ColumnSize(name="all else", stored=0.08, entropy=None, of=""),
    ]
    return Sizes(machine=Machine.this(), users="living", records=1_000, columns=columns, generator_entropy=0.9)


@pytest.mark.parametrize("users", ["living", "still"])
def test_each_column_has_an_entropy_whoever_the_users_are(users):
    found = entropies(plan_of(3_000), users)
    lines = [found.of(name) for name in (*COLUMNS.values(), *OF_USERS)]
    assert len({line.name for line in lines}) == len(lines)
    assert all(0 < line.bytes_a_record < found.total for line in lines)
    with pytest.raises(KeyError):
        found.of("function, the")


def test_sizes_of_columns_are_those_of_whole_files(tmp_path):
    source = generate(tmp_path / "raw", 3_000, hours="10-10")
    stored = stored_bytes(source.folder, tmp_path)
    files = list(tmp_path.glob("*/part-*.parquet"))
    assert files
    assert stored.total() == sum(path.stat().st_size for path in files)
    assert {*", ".join(COLUMNS).split(", "), *USERS, FOOTERS} <= set(stored)


def test_stages_take_together_what_the_whole_takes(tmp_path):
    source = generate(tmp_path / "raw", 3_000, hours="10-10")
    command = [sys.executable, "-m", "bench.profile", "--input", source.folder, "--output", tmp_path / "found.json"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    found = load(Profile, tmp_path / "found.json")
    assert 0 <= 3_000 - found.records < 10  # damaged ones
    works = found.pressing_ns, found.proving_ns, found.restoring_ns
    assert [set(work) for work in works] == [{*stages, REST} for stages in (PRESSING, PROVING, RESTORING)]
    assert all(took > 0 for work in works for took in work.values())
    assert 0 < found.floor_ns < sum(found.pressing_ns.values())


def test_results_come_back_from_json(tmp_path, found, grown):
    save(found, tmp_path / "field.json")
    save(grown, tmp_path / "growth.json")
    assert load(Field, tmp_path / "field.json") == found
    assert load(Growth, tmp_path / "growth.json") == grown


def test_the_table_tells_what_is_exact_faster_and_only_a_part(found):
    table = report.peers_table(found)
    rows = {row[0].split()[0]: row for row in table.rows}
    assert rows["Logpress"][1:4] == ["7.50", "1.5", "115.7"]
    assert rows["Duckdb"][7] == "2.00 ×"
    assert [rows[name][9] for name in ("Logpress", "Duckdb", "Clp-S", "Zstd-19")] == [
        "every byte", "no line", "96.90 % of lines", "–",
    ]  # fmt: skip
    assert rows["Clp-S"][0].endswith("‡")
    assert rows["Zstd-19"][0].endswith("†")
    notes = "\n".join(table.notes)
    assert "pair by pair: 2.00 times faster" in notes
    assert "Not measured: clickhouse (the package chdb is not installed)." in notes
    assert "pressing gzip input reaches 100 % of that" in report.engine_table(found).notes[0]


def test_the_page_and_its_charts_are_the_same_bytes_for_the_same_results(tmp_path, found, grown, profile, sizes):
    page = tmp_path / "benchmarks.md"
    shutil.copy(report.PAGE, page)
    written = report.write_report(found, grown, profile, sizes, page, tmp_path / "images")
    assert [path.name for path in written] == ["benchmarks.md", "bench.svg", "growth.svg"]
    before = [path.read_bytes() for path in written]
    text = page.read_text()
    assert "| **Logpress** |" in text
    assert "Pressing: 1.00 s and 2.50 s a million records (R² 1.0000)." in text
    assert "`clp-s --well \\| less`" in text
    assert "| **together** | **1,500** | **400** | **301** |" in text
    assert "| elapsed | 1.020 | 0.940 | how long |" in text
    assert "| **all** | **1.100** | **0.900** |" in text
    for image in written[1:]:
        assert image.stat().st_size < 60_000
        xml.etree.ElementTree.parse(image)

    assert report.write_report(found, grown, profile, sizes, page, tmp_path / "images") == written
    assert [path.read_bytes() for path in written] == before


def test_a_page_without_its_marks_is_refused():
    with pytest.raises(ValueError, match="begin field"):
        report.replaced("nothing", "field", "")


def test_growth_makes_days_of_more_hours_and_fits_a_line(tmp_path, monkeypatch):
    commands: list[list[str]] = []

    def fake(command: list[str], output: Path | None = None) -> Run:
        commands.append(command)
        return run(1.0)

    monkeypatch.setattr(growth, "measured", fake)
    monkeypatch.setattr(growth, "RECORDS_AN_HOUR", 500)
    size = growth.measure_size(1_200, 2, tmp_path)
    assert (size.records, size.hours) == (1_200, 3)
    assert [command[1] for command in commands] == ["press", "restore"] * 2
    assert list(tmp_path.iterdir()) == []

    line = growth.fitted([size], lambda size: size.presses)
    assert line.each_million == pytest.approx(1e6 / 1_200)


def test_growth_refuses_a_day_that_the_disk_has_no_room_for(tmp_path):
    with pytest.raises(MeasureError, match="GB are free"):
        growth.measure_size(10**12, 1, tmp_path)


def test_a_peer_that_stops_early_does_not_count():
    command = [sys.executable, "-c", "print(9)"]
    assert pull.Puller(command, int).run(9) > 0
    with pytest.raises(SystemExit, match=r"has fetched 9 documents of 10: it does not count"):
        pull.Puller(command, int).run(10)


def test_pulls_are_compared_to_the_fastest_peer_of_each_run():
    seconds = {"scan": [10.0, 30.0, 9.0], pull.OURS: [5.0, 5.0, 3.0], "elasticdump": [20.0, 10.0, 12.0]}
    assert pull.fastest_peer_ratios(seconds) == [2.0, 2.0, 3.0]


def test_pulls_are_not_measured_without_elasticdump_unless_told_so():
    app = typer.Typer()
    app.command()(pull.main)
    ran = CliRunner().invoke(app, ["--elasticdump", ""])
    assert ran.exit_code == 1
    assert "--without-elasticdump measures without it" in ran.output
