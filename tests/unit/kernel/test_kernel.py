"""How kernels are kept: what is loaded runs, can be compiled into others, and is what the sources say."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from logpress.codecs import kernels_codes as codec_codes
from logpress.engine.registers import kernels_codes
from logpress.kernel import sources as kernel_sources
from logpress.kernel.store import MOST_VERSIONS, Entries

ROOT = Path(__file__).parents[3]

CALLED = """
import numpy as np
from logpress.kernel.compile import load_cached
from logpress.layout import kernels_match, kernels_json
from tests.unit.layout.test_json_kernels import STACK, padded
value_end, match = kernels_json.value_end, kernels_match.match_record
print(int(value_end(padded(b'[1,2]'), 0, 5, STACK)), end=" ")
"""
CALLING = """
from logpress.layout.model import Kind, Layout, Slot
from logpress.layout.trie import build_trie
from tests.unit.layout.test_layout import match as matched
layout = Layout((b'{"a":', b'}'), (Slot(Kind.CONTAINER, 'extra', '', 'a'),))
print(*matched(build_trie([(7, layout)]), b'{"a":[1,2]}'), end=" ")
print(sum(value_end.stats.cache_hits.values()), sum(match.stats.cache_misses.values()))
"""


def said(code: str, folder: Path) -> str:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder), "LOGPRESS_CACHE_DIR": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_kernel_that_was_loaded_is_compiled_into_one_that_was_not(tmp_path):
    assert said(CALLED, tmp_path) == "5"
    assert said(CALLED + CALLING, tmp_path) == "5 7 [(5, 10)] 1 1"
    assert said(CALLED + CALLING, tmp_path) == "5 7 [(5, 10)] 1 0"


PACKAGE = ROOT / "include" / "logpress"
CALLER = """
from logpress import plain
from logpress.constants import FROZEN
from logpress.kernel.compile import kernel
from logpress.kernels_called import called

@kernel
def total(n):
    return called(n) + plain.called_too(n) + FROZEN
"""
CALLED_TOO = """
from logpress.kernel.compile import inner_kernel

@inner_kernel
def {name}(n):
    return n * {factor}
"""
TOTAL = """
from logpress.caller import total
print(total(2), sum(total.stats.cache_misses.values()))
"""
FOLDERS = {"LOGPRESS_CACHE_DIR", "NUMBA_CACHE_DIR"}


@pytest.fixture
def tree(tmp_path):
    """A package of the name with `kernel` and three tiny modules."""
    package = tmp_path / "tree" / "logpress"
    package.mkdir(parents=True)
    shutil.copytree(PACKAGE / "kernel", package / "kernel", ignore=shutil.ignore_patterns("__pycache__"))
    (package / "__init__.py").write_text("")
    (package / "caller.py").write_text(CALLER)
    (package / "kernels_called.py").write_text(CALLED_TOO.format(name="called", factor=10))
    (package / "plain.py").write_text(CALLED_TOO.format(name="called_too", factor=100))
    (package / "constants.py").write_text("from logpress.more import BASE\nFROZEN = BASE + 1\n")
    (package / "more.py").write_text("BASE = 0\n")
    (package / "unrelated.py").write_text("BASE = 0\n")
    return package


def ran(tree, code, variable):
    """The output of code about a package, with the cache's folder in one of the variables."""
    environment = {name: value for name, value in os.environ.items() if name not in FOLDERS}
    environment |= {
        variable: str(tree.parent / "cache"),
        "XDG_CACHE_HOME": str(tree.parent / "usual"),
        "PYTHONPATH": str(tree.parent),
        "PYTHONDONTWRITEBYTECODE": "1",  # Python's own cache looks at seconds and sizes only
    }
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)


@pytest.mark.parametrize("variable", sorted(FOLDERS))
def test_a_kernel_is_compiled_anew_if_what_it_is_made_of_has_changed(tree, variable):
    assert ran(tree, TOTAL, variable).stdout == "221 1\n"
    (tree / "unrelated.py").write_text("BASE = 5\n")
    assert ran(tree, TOTAL, variable).stdout == "221 0\n"
    for name, text, expected in (
        ("kernels_called.py", CALLED_TOO.format(name="called", factor=11), "223 1\n"),
        ("plain.py", CALLED_TOO.format(name="called_too", factor=101), "225 1\n"),
        ("more.py", "BASE = 6\n", "231 1\n"),
    ):
        (tree / name).write_text(text)
        assert ran(tree, TOTAL, variable).stdout == expected
    assert not (tree / "__pycache__").exists()
    assert (tree.parent / "cache" / "logpress" / "kernels" / "logpress.caller").is_dir()


def test_what_python_code_calls_is_loaded_before_processes_are_forked(tree):
    (tree / "user.py").write_text("from logpress.caller import total\n")
    load = "import logpress.user\nfrom logpress.kernel.compile import load_cached\nload_cached()\n"
    count = "from logpress.caller import total\nprint(len(total.signatures), sum(total.stats.cache_hits.values()))"
    assert ran(tree, load + count, "NUMBA_CACHE_DIR").stdout == "0 0\n"
    assert ran(tree, TOTAL, "NUMBA_CACHE_DIR").stdout == "221 1\n"
    assert ran(tree, load + count, "NUMBA_CACHE_DIR").stdout == "1 1\n"


@pytest.mark.parametrize(
    "lacking",
    [
        "import numba.core.options; del numba.core.options.DefaultOptions._nrt",
        "import numba.core.options; del numba.core.options.DefaultOptions",
        "import numba.np.arrayobj as a; f = a.fix_integer_index; a.fix_integer_index = lambda *args: f(*args)",
    ],
)
def test_without_a_private_part_of_numba_kernels_work_and_are_never_stale(tree, lacking):
    first = ran(tree, f"{lacking}\n{TOTAL}", "NUMBA_CACHE_DIR")
    assert first.stdout == "221 1\n"
    assert first.stderr.count("RuntimeWarning: Numba") == 1
    assert ran(tree, f"{lacking}\n{TOTAL}", "NUMBA_CACHE_DIR").stdout == "221 0\n"
    (tree / "plain.py").write_text(CALLED_TOO.format(name="called_too", factor=101))
    assert ran(tree, f"{lacking}\n{TOTAL}", "NUMBA_CACHE_DIR").stdout == "223 1\n"


def test_machine_code_that_cannot_be_read_is_compiled_again(tree):
    assert ran(tree, TOTAL, "NUMBA_CACHE_DIR").stdout == "221 1\n"
    (kept,) = (tree.parent / "cache").rglob("total-*")
    whole = kept.read_bytes()
    middle = len(whole) // 2
    for damaged in (whole[:-1], whole[:20], bytes(len(whole)), whole[:middle] + bytes(64) + whole[middle + 64 :]):
        kept.write_bytes(damaged)
        assert ran(tree, TOTAL, "NUMBA_CACHE_DIR").stdout == "221 1\n"
    assert ran(tree, TOTAL, "NUMBA_CACHE_DIR").stdout == "221 0\n"


def test_entries_hold_what_was_saved_under_a_key_whoever_saved_it(tmp_path):
    folder = tmp_path / "module" / "version"
    one, other = Entries(folder, "f-1"), Entries(folder, "f-1")
    one.save(("int",), b"1")
    other.save(("float",), b"2")
    Entries(folder, "f-11").save(("int",), b"3")
    assert [one.load(("int",)), one.load(("float",)), one.load(("str",))] == [b"1", b"2", None]
    assert sorted(one.kept()) == [("float",), ("int",)]
    assert len(list(folder.iterdir())) == 3


def test_entries_are_not_kept_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    entries = Entries(tmp_path / "file" / "version", "f-1")
    entries.save("key", b"1")
    with pytest.raises(NotADirectoryError):
        entries.load("key")


def test_versions_that_were_used_last_are_kept(tmp_path):
    for number in range(2 * MOST_VERSIONS):
        folder = tmp_path / "module" / str(number)
        Entries(folder, "f").save("key", b"1")
        os.utime(folder, (number, number))
        os.utime(tmp_path / "module" / "0", (1000, 1000))  # always in use
    kept = sorted(int(folder.name) for folder in (tmp_path / "module").iterdir())
    assert kept == [0, *range(2 * MOST_VERSIONS - MOST_VERSIONS + 1, 2 * MOST_VERSIONS)]


@pytest.fixture
def sources(tmp_path):
    """`kernel.sources` of a package of its own, which has no modules yet but an empty `kernel.compile`."""
    package = tmp_path / "tiny"
    (package / "kernel").mkdir(parents=True)
    for name in ("__init__", "kernel/__init__", "kernel/compile"):
        (package / f"{name}.py").write_text("")
    path = Path(shutil.copy(PACKAGE / "kernel" / "sources.py", package / "kernel"))
    spec = importlib.util.spec_from_file_location("tiny.kernel.sources", path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module, package
    del sys.modules[spec.name]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from tiny.b import x", {"b"}),
        ("from tiny import b", {"b"}),
        ("from . import b", {"b"}),
        ("from .b import (\n    x,  # (\n    y,\n)", {"b"}),
        ("import tiny.b as b", {"b"}),
        ("import tiny.b", {"b", "p", "p.c", "p.d", "unused", "kernel.sources"}),
        ("from tiny.p import c", {"p", "p.c", "p.d", "b"}),
        ("from tiny.p import name", {"p", "p.d"}),
        ("from tiny.p import *", {"p", "p.c", "p.d", "b"}),
        ("from tiny import p", {"p", "p.c", "p.d", "b"}),
        ("def f():\n    from tiny.b import x", {"b"}),
        ("x = 1; from tiny.b import x", {"b"}),
        ("from tiny.b \\\n import x", {"b"}),
        ("import os\nif True: from tiny.b import x", {"b"}),
        ("from importlib import import_module\nb = import_module('tiny.b')", {"b"}),
        ("b = __import__('tiny.b').b", {"b"}),
        ('"""A text.\n\nimport it, as it says\n"""\nfrom tiny.b import x', {"b"}),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from tiny.b import x", set()),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import os\nelse:\n    from tiny.b import x", {"b"}),
        ("from other.b import x\nimport numpy as np", set()),
        ("from tinyer import b", set()),
    ],
)
def test_a_module_is_made_of_what_it_imports(sources, text, expected):
    module, package = sources
    (package / "p").mkdir()
    (package / "p" / "__init__.py").write_text("from tiny.p.d import name")
    (package / "p" / "c.py").write_text("from ..b import x")
    (package / "p" / "d.py").write_text("name = 1")
    (package / "b.py").write_text("x = 1")
    (package / "unused.py").write_text("from tiny.a import x")
    (package / "a.py").write_text(text)
    found = {name.partition(".")[2] for name in module.closure("tiny.a")} - {"", "a", "kernel", "kernel.compile"}
    assert found == expected


def test_only_modules_of_the_package_have_a_digest(sources):
    module, package = sources
    (package / "a.py").write_text("")
    assert module.source_digest("tiny.a")
    assert [module.source_digest(name) for name in ("tiny.b", "tiny.a.b", "os", "__main__", "tiny../x")] == [None] * 5


def test_imports_are_the_same_however_a_source_is_parsed():
    plain = 0
    for path in PACKAGE.rglob("*.py"):
        text = path.read_bytes()
        found = list(kernel_sources._imports(text))
        every = list(kernel_sources._nodes(ast.parse(text)))
        plain += len(found) < len(every)
        assert imported(found) == imported(every), path
    assert plain > 50


def imported(nodes):
    return {name for node in nodes for name in kernel_sources._imported(node, "logpress.engine")}


GROUPS = {
    "codes": (
        "INSTANT INTEGER DECIMAL BOOLEAN STRING KINESIS COPY_INSTANT COPY_EPOCH VALUE ABSENT CUT_EXTRA TYPED "
        "FIRST_OWN", None
    ),
    "fields of all operations": ("SLOT CODE TARGET SECOND", None),
    "fields of INSTANT, COPY_INSTANT": (
        "SLOT CODE TARGET SECOND SEPARATOR DIGITS UNITS REFERENCE OFFSET_MIN REFERENCE_UNITS", "OPERATION_FIELDS"
    ),
    "fields of INTEGER": ("SLOT CODE TARGET SECOND SMALLEST LARGEST", None),
    "fields of STRING, VALUE": ("SLOT CODE TARGET SECOND DICTIONARY", None),
    "fields of KINESIS": ("SLOT CODE TARGET SECOND ARRIVAL COUNTER SUB", None),
    "fields of COPY_EPOCH": ("SLOT CODE TARGET SECOND COLUMN_UNITS COPY_UNITS", None),
    "fields of TYPED": ("SLOT CODE TARGET SECOND OWN_CODE OWN_SMALLEST OWN_LARGEST", None),
    "fields of CUT_EXTRA": ("SLOT CODE TARGET SECOND CUT_PREFIX_LENGTH CUT_KIND", None),
    "fields from FIRST_OWN on": ("SLOT CODE TARGET SECOND OPTION", None),
    "words of keys": ("AS_IT_IS LAST_IF_NULL HEAD TEXT UNSIGNED UNSIGNED_LAST_IF_NULL", None),
    "steps": ("STEP_LITERAL_AT STEP_LITERAL_LENGTH", "STEP_AT"),
    "plans": ("FIRST_STEP END_OF_STEPS LENGTH_BOUND", "PLAN_FIELDS"),
    "programs": (
        "FIRST_OPERATION END_OF_OPERATIONS FIRST_EXTRA END_OF_EXTRAS FIRST_VARIANT", "PROGRAM_FIELDS"
    ),
    "variants": ("VARIANT_SLOTS VARIANT_PROGRAM NEXT_VARIANT", "VARIANT_FIELDS"),
    "extra slots": (
        "EXTRA_SLOT EXTRA_PREFIX_AT EXTRA_PREFIX_LENGTH EXTRA_KIND EXTRA_LABEL_LENGTH", "EXTRA_FIELDS"
    ),
}  # fmt: skip
"""Numbers that share an array: their names in order, and the name of how many there are."""

CODES = {name: value for names in (codec_codes, kernels_codes) for name, value in vars(names).items() if name.isupper()}
"""All numbers, by name."""

STATES = {"MISSED", "FAILED", "SUSPECT", "DROPPED", "IRREGULAR"}


@pytest.mark.parametrize("group", GROUPS)
def test_numbers_that_share_an_array_are_all_different_and_leave_no_gap(group):
    names, size = GROUPS[group]
    numbers = [CODES[name] for name in names.split()]
    assert numbers == list(range(len(numbers)))
    assert size is None or CODES[size] == len(numbers)
    assert len(numbers) <= codec_codes.OPERATION_FIELDS or not names.startswith("SLOT ")


def test_every_number_that_kernels_and_python_share_belongs_to_a_group():
    grouped = {name for names, size in GROUPS.values() for name in (*names.split(), size) if name}
    assert CODES.keys() - grouped == {*STATES, "END_OF_RECORD", "STEP_FIELDS", "LONGEST_SLOT"}
    assert kernels_codes.STEP_FIELDS == kernels_codes.STEP_AT + codec_codes.OPERATION_FIELDS


def test_row_states_are_all_different_and_no_program_number():
    states = [getattr(kernels_codes, name) for name in STATES]
    assert len(set(states)) == 5
    finished = {state for state in states if kernels_codes.is_finished(state)}
    assert finished == {kernels_codes.IRREGULAR}
    assert kernels_codes.IRREGULAR > 1 << 31  # more than there can be programs
    assert kernels_codes.is_finished(0)


def test_kernels_compare_bytes_with_names():
    """Codes of ASCII have names in `kernel/ascii.py`; from 0x80 on, bytes belong to UTF-8."""
    code = re.compile(r"[=<>]=? 0x[0-7][0-9A-F]\b|32\(.*, 0x[0-7][0-9A-F]\)|(?<![<>])[=<>]=? (48|57)\b")
    kernels = list(PACKAGE.rglob("*kernels*.py"))
    assert len(kernels) > 30
    assert [(path.name, line) for path in kernels for line in path.read_text().split("\n") if code.search(line)] == []
