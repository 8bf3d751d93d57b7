"""The knob: what sizes mean, what a machine gives, and how many processes fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.any_check import check_of
from tests.conftest import DAY

from logpress.contract import Contract
from logpress.day import budget, published
from logpress.day import one_machine as whole_day
from logpress.day.budget import Budget, available_memory, parse_size, press_bytes
from logpress.errors import UsageError
from logpress.limits import DEFAULT
from logpress.machine.workers import Workers
from logpress.sample import write_sample

GB = 10**9


@pytest.mark.parametrize(
    ("text", "size"), [("800M", 800_000_000), ("2G", 2 * GB), ("1.5gb", 1_500_000_000), (" 2 GiB", 2 << 30), ("7", 7)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1G", "0", "1 2", "2X"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size; write it as 800M or 2G"):
        parse_size(text)


def machine(root: Path, left_kb: int, cgroup: str, limits: dict[str, str]) -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text(f"MemTotal: 99999999 kB\nMemAvailable:   {left_kb} kB\n")
    (root / "proc/self/cgroup").write_text(cgroup)
    for place, limit in limits.items():
        path = root / "sys/fs/cgroup" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{limit}\n")
    return root


@pytest.mark.parametrize(
    ("cgroup", "limits", "expected"),
    [
        ("", {}, 8 << 30),
        ("0::/\n", {"memory.max": "max"}, 8 << 30),
        ("0::/\n", {"memory.max": "3000"}, 3000),
        ("0::/pod/one\n", {"pod/one/memory.max": "max", "pod/memory.max": "2000"}, 2000),
        ("0::/not/seen/in/a/container\n", {"memory.max": "1000"}, 1000),
        ("4:memory:/a\n0::/\n", {"memory/a/memory.limit_in_bytes": "500"}, 500),
        ("4:memory:/docker/x\n", {"memory/memory.limit_in_bytes": "400"}, 400),
        ("4:memory:/a\n", {"memory/a/memory.limit_in_bytes": "9223372036854771712"}, 8 << 30),
        ("3:cpu:/a\n", {"memory/a/memory.limit_in_bytes": "500"}, 8 << 30),
    ],
)
def test_what_a_machine_or_its_cgroup_gives(tmp_path: Path, cgroup: str, limits: dict[str, str], expected: int) -> None:
    assert available_memory(machine(tmp_path, 8 << 20, cgroup, limits)) == expected


def test_half_of_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "available_memory", lambda: 3 * GB)
    assert Budget.of(None).memory == 3 * GB // 2
    assert Budget.of(7).memory == 7


def test_as_many_processes_as_fit(sdk_log: Contract) -> None:
    shared, each = DEFAULT.imported_bytes + DEFAULT.companion_bytes, press_bytes(sdk_log)
    assert [Budget(shared + n * each).processes(sdk_log) for n in (0, 1, 2, 7)] == [1, 1, 2, 7]
    assert Budget(shared + 2 * each - 1).processes(sdk_log) == 1
    assert Budget(64 * GB).threads(sdk_log, 4) == 4
    assert Budget(shared + press_bytes(sdk_log, threads=3)).threads(sdk_log, 8) == 3
    assert Budget(1).threads(sdk_log, 8) == 1


def test_a_check_of_repeats_takes_its_share(sdk_log: Contract) -> None:
    shared, each = DEFAULT.imported_bytes + DEFAULT.companion_bytes, press_bytes(sdk_log)
    strict = sdk_log.model_copy(update={"checks": (*sdk_log.checks, check_of(kind="unique", column="_id"))})
    more = budget.check_bytes(strict)
    assert budget.check_bytes(sdk_log) == 0
    assert DEFAULT.unique_hashes * 64 < more < each
    assert [Budget(shared + more + n * each - 1).processes(strict) for n in (1, 2, 3)] == [1, 1, 2]
    for_three = shared + more + press_bytes(sdk_log, threads=3)
    assert [Budget(for_three + n).threads(strict, 8) for n in (-1, 0)] == [2, 3]
    assert Budget(shared + each).warning(sdk_log) is None
    assert Budget(shared + each).warning(strict) is not None


def test_what_does_not_fit_is_said_in_one_line(sdk_log: Contract) -> None:
    assert Budget(64 * GB).warning(sdk_log) is None
    text = Budget(100_000_000).warning(sdk_log)
    assert text is not None
    assert "\n" not in text
    assert "100 MB" in text
    assert "files.row_group_rows (1,000,000)" in text


def test_fewer_rows_a_group_take_less(sdk_log: Contract) -> None:
    small = sdk_log.model_copy(update={"files": sdk_log.files.model_copy(update={"row_group_rows": 1_000})})
    assert press_bytes(small) < press_bytes(sdk_log)


@pytest.mark.parametrize(("processes", "expected"), [(1, None), (2, 2), (3, 3)])
def test_a_day_is_pressed_by_as_many_processes_as_fit(
    sdk_log: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int, expected: int | None
) -> None:
    write_sample(tmp_path / "raw", DAY, 3_000, hours=(3, 10), compression="none")
    made: list[int] = []
    monkeypatch.setattr(whole_day, "Workers", lambda count: (made.append(count), Workers(count))[1])
    memory = DEFAULT.imported_bytes + DEFAULT.companion_bytes + processes * press_bytes(sdk_log)
    whole_day.run_day(sdk_log, DAY, [str(tmp_path / "raw")], str(tmp_path / "lake"), threads=3, memory=memory)
    assert made == ([] if expected is None else [expected])
    stored = sorted(path.name for path in (tmp_path / "lake").rglob("part-*"))
    whole_day.run_day(sdk_log, DAY, [str(tmp_path / "raw")], str(tmp_path / "other"), threads=3, memory=64 * GB)
    assert sorted(path.name for path in (tmp_path / "other").rglob("part-*")) == stored


def test_restore_with_little_memory_spills_and_gives_the_same_bytes(
    sdk_log: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from logpress.engine.restore import buckets as ordering

    write_sample(tmp_path / "raw", DAY, 40_000, hours=(10, 11), compression="none")
    lake = str(tmp_path / "lake")
    whole_day.run_day(sdk_log, DAY, [str(tmp_path / "raw")], lake)
    spilled: list[int] = []
    add = ordering.Buckets.add

    def watched(buckets: ordering.Buckets, bucket: int, run: ordering.Run) -> None:
        add(buckets, bucket, run)
        spilled.append(sum(run.pieces is None for runs in buckets._runs for run in runs))

    monkeypatch.setattr(ordering.Buckets, "add", watched)
    written = []
    for memory in (10 * GB, 1):
        published.restore_to_file(sdk_log, DAY, lake, tmp_path / f"{memory}", memory=memory)
        written.append((tmp_path / f"{memory}").read_bytes())
        assert bool(spilled[-1]) == (memory == 1)
    assert written[0] == written[1]
    assert len(written[0].splitlines()) == 40_000
