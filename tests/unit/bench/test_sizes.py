"""Sizes that a reader can hold: lines of a module, parameters of a function."""

from __future__ import annotations

import ast
from pathlib import Path

import logpress

LIBRARY = Path(logpress.__file__).parent
MODULES = sorted(LIBRARY.rglob("*.py"))
MOST_LINES = 400
MOST_PARAMETERS = 12


def is_counted(module: Path) -> bool:
    """Kernels get each array by itself, as Numba knows no objects; parameters of verbs are options of the command."""
    return "kernels" not in module.stem and module.parent.name != "cli"


def test_a_module_is_short_or_its_docstring_says_why_it_is_one() -> None:
    long = [module for module in MODULES if module.read_text().count("\n") > MOST_LINES]
    assert all("one module" in (ast.get_docstring(ast.parse(module.read_text())) or "") for module in long), long


def test_functions_have_few_parameters() -> None:
    found = [
        f"{module.relative_to(LIBRARY)}: {node.name}"
        for module in filter(is_counted, MODULES)
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.FunctionDef)
        and len([*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]) > MOST_PARAMETERS
    ]
    assert not found
