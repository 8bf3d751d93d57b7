"""Each kernel is named in a test, and each module of kernels has its tests among those of the mutants."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.mutants.run import LIBRARY, TESTS

ROOT = Path(__file__).parents[3]
MODULES = sorted(LIBRARY.rglob("kernels_*.py"))


IN_THEIR_CALLERS = {
    "kernels_lines.write_lines",  # tests/unit/sample/test_sample.py: whole samples
}


def kernels_of(module: Path) -> set[str]:
    """The functions of a module that Python code calls."""
    functions = [node for node in ast.parse(module.read_text()).body if isinstance(node, ast.FunctionDef)]
    names = {node.name for node in functions if "kernel" in map(ast.unparse, node.decorator_list)}
    return {name for name in names if not name.startswith("_")}


def test_each_kernel_is_named_in_a_test() -> None:
    paths = [path for path in ROOT.joinpath("tests").rglob("*.py") if "mutants" not in path.relative_to(ROOT).parts]
    words = set(re.findall(r"\w+", "\n".join(path.read_text() for path in paths)))
    unnamed = {f"{path.stem}.{name}" for path in MODULES for name in kernels_of(path) - words}
    assert unnamed <= IN_THEIR_CALLERS


def test_mutants_know_the_tests_of_each_module() -> None:
    found = {path.relative_to(LIBRARY).with_suffix("").as_posix() for path in MODULES if kernels_of(path)}
    assert found <= set(TESTS) | {"codecs/kernels_codes", "engine/registers/kernels_codes"}
    assert all((ROOT / test).is_file() for tests in TESTS.values() for test in tests)
