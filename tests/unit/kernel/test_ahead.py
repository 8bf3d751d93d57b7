"""Kernels compiled beforehand: each once, whoever else compiles or dies, and all that a command needs."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from numba.core import types
from tests.unit.kernel.test_kernel import FOLDERS, ROOT, TOTAL, ran
from tests.unit.kernel.test_kernel import tree as tree  # a fixture

from logpress.kernel.ahead import USES, Needed, needed
from logpress.kernel.compile import processors
from logpress.kernel.types_as_text import read, written

COUNTED = """
import numba.core.event as event
class Count(event.Listener):
    begun = 0
    def on_start(self, told):
        Count.begun += 1
        at_start()
    def on_end(self, told):
        pass
at_start = lambda: None
event.register("numba:compile", Count())
from logpress.caller import total
"""
AT_ONCE = """
print("ready", flush=True); input()
print(total(2), Count.begun)
"""
STUCK = """
import time
at_start = lambda: (print("compiling", flush=True), time.sleep(600))
total(2)
"""


def started(tree: Path, code: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name not in FOLDERS}
    environment |= {"LOGPRESS_CACHE_DIR": str(tree.parent / "cache"), "PYTHONPATH": str(tree.parent)}
    return subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_two_processes_at_once_compile_each_kernel_once(tree: Path) -> None:
    both = [started(tree, COUNTED + AT_ONCE) for _ in range(2)]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0].split() for process in both]
    assert [value for value, _ in said] == ["221", "221"]
    assert sorted(int(count) for _, count in said) == [0, 3]
    assert not list((tree.parent / "cache").rglob("lock-*"))


def test_who_is_killed_while_it_compiles_is_not_waited_for(tree: Path) -> None:
    with started(tree, COUNTED + STUCK) as stuck, started(tree, COUNTED + AT_ONCE) as other:
        assert stuck.stdout is not None
        assert other.stdout is not None
        assert other.stdin is not None
        assert stuck.stdout.readline() == "compiling\n"
        assert other.stdout.readline() == "ready\n"
        other.stdin.write("\n")
        other.stdin.flush()
        time.sleep(1)
        assert other.poll() is None  # it waits
        stuck.send_signal(signal.SIGKILL)
        assert other.stdout.readline() == "221 3\n"
    assert ran(tree, TOTAL, "LOGPRESS_CACHE_DIR").stdout == "221 0\n"


def may_not_write_everywhere() -> None:
    """Leave root no right to write where it is not allowed to; others have none."""
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE


def read_only(tree: Path, mode: int) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in FOLDERS}
    environment |= {
        "LOGPRESS_CACHE_DIR": str(tree.parent / "cache"), "PYTHONPATH": str(tree.parent),
        "TMPDIR": str(tree.parent / "tmp"), "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    (tree.parent / "tmp").mkdir(exist_ok=True)
    base = tree.parent / "cache" / "logpress"
    folders = [base, *(path for path in base.rglob("*") if path.is_dir())]
    try:
        for folder in folders:
            folder.chmod(mode)
        return subprocess.run(
            [sys.executable, "-c", TOTAL], env=environment, preexec_fn=may_not_write_everywhere, check=True,
            capture_output=True, text=True,
        ).stdout  # fmt: skip
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_a_cache_that_cannot_be_written_is_read(tree: Path) -> None:
    assert ran(tree, TOTAL, "LOGPRESS_CACHE_DIR").stdout == "221 1\n"
    kept = sorted((tree.parent / "cache").rglob("*"))
    assert read_only(tree, 0o555) == "221 0\n"
    assert sorted((tree.parent / "cache").rglob("*")) == kept
    (tree / "more.py").write_text("BASE = 6\n")
    assert read_only(tree, 0o555) == "227 1\n"  # and kept elsewhere
    assert read_only(tree, 0o555) == "227 0\n"


def test_a_cache_that_others_may_write_is_not_read(tree: Path) -> None:
    assert ran(tree, TOTAL, "LOGPRESS_CACHE_DIR").stdout == "221 1\n"
    assert read_only(tree, 0o577) == "221 1\n"


def test_machine_code_for_any_processor_is_used_on_this_one(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = processors()[1:]
    assert others or os.uname().machine != "x86_64"
    if others:
        monkeypatch.setenv("NUMBA_CPU_NAME", "x86-64-v3")
        monkeypatch.setenv("NUMBA_CPU_FEATURES", "")
        assert ran(tree, TOTAL, "LOGPRESS_CACHE_DIR").stdout == "221 1\n"
        monkeypatch.delenv("NUMBA_CPU_FEATURES")
        monkeypatch.setenv("NUMBA_CPU_NAME", "x86-64-v2")  # runs no code of v3
        assert ran(tree, TOTAL, "LOGPRESS_CACHE_DIR").stdout == "221 1\n"
        monkeypatch.delenv("NUMBA_CPU_NAME")
        assert ran(tree, TOTAL, "LOGPRESS_CACHE_DIR").stdout == "221 0\n"


WARM = """
import logging, sys
from pathlib import Path
from logpress.cli.warm import actions
from logpress.kernel.ahead import USES, compile_ahead
logging.basicConfig(level=logging.INFO, stream=sys.stderr)
cache, home = map(Path, sys.argv[1:])
kept = lambda: {str(path.relative_to(cache)) for path in cache.rglob("*@*")}
for use in USES:
    compile_ahead(use)
before = kept()
assert all(compile_ahead(use) == 0 for use in USES)
for _, act in actions(home):
    act()
print(len(before), *sorted(kept() - before))
"""


@pytest.mark.long
def test_the_list_names_all_that_is_called_and_a_press_compiles_nothing_more(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in FOLDERS}
    environment |= {"LOGPRESS_CACHE_DIR": str(tmp_path / "cache")}
    (tmp_path / "home").mkdir()
    command = [sys.executable, "-c", WARM, str(tmp_path / "cache"), str(tmp_path / "home")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    count, *late = done.stdout.split()
    assert late == [], "needed.txt is not complete: `make kernels` writes it anew"
    assert int(count) >= len(needed())
    assert "INFO:logpress.kernel.ahead:compiling kernels, once: 0 of" in done.stderr
    warm = subprocess.run(
        [sys.executable, "-m", "logpress.cli", "warm"], env=environment, capture_output=True, text=True, check=True
    )
    assert "compiling" not in warm.stderr
    assert f"{count} kernels, " in warm.stderr


@pytest.mark.parametrize("quiet", [False, True])
def test_progress_is_told_unless_it_is_not_wanted(quiet: bool, capsys: pytest.CaptureFixture[str]) -> None:
    from logpress.cli.bars import Bars
    from logpress.kernel import ahead

    with Bars(quiet=quiet):
        ahead._tell(12, 60)
    assert capsys.readouterr().err == ("" if quiet else "logpress: compiling kernels, once: 12 of 60\n")


def test_lines_of_the_list_are_read_as_they_are_written() -> None:
    entries = needed()
    assert {use for entry in entries for use in entry.uses} == set(USES)
    for entry in entries:
        assert Needed.read(entry.line) == entry
        assert tuple(written(read(word)) for word in entry.types) == entry.types
    assert (ROOT / "include/logpress/kernel/needed.txt").read_text().splitlines() == [e.line for e in entries]


def test_types_are_words() -> None:
    array = types.Array(types.uint8, 2, "C", readonly=True)
    assert [written(kind) for kind in (types.int64, types.boolean, array)] == ["int64", "bool", "uint8-2Cr"]
    assert read("uint8-2Cr") == array
    assert written(types.UniTuple(types.int64, 2)) == "(int64,int64)"
    pair = types.Tuple((array, types.float64))
    assert read("(int64,int64)") == types.UniTuple(types.int64, 2)
    assert read("(uint8-2Cr,float64)") == pair
    assert read(str(written(types.Tuple((pair, pair, types.int8))))) == types.Tuple((pair, pair, types.int8))
    assert written(types.unicode_type) is written(types.Tuple((types.unicode_type,))) is None
    for word in ("int", "uint8-1", "UniTuple-1C", "", "()", "(x)"):
        with pytest.raises(ValueError, match="is not the word of a type"):
            read(word)
