"""The face of a package, its `__init__.py`, only hands names on; tests mirror the packages."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import logpress

FACES = sorted(set(Path(logpress.__file__).parent.rglob("__init__.py")) - {Path(logpress.__file__)})
"""All but that of logpress itself, which imports the reader on first use."""


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.parent.name)
def test_the_face_of_a_package_holds_no_code(face: Path) -> None:
    first, *others = ast.parse(face.read_text()).body
    assert isinstance(first, ast.Expr)
    assert isinstance(first.value, ast.Constant)
    for statement in others:
        is_list_of_names = isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__"
        assert is_list_of_names or isinstance(statement, ast.ImportFrom), f"{face}:{statement.lineno}"


def test_the_tests_of_a_package_are_in_the_folder_of_its_name() -> None:
    unit = Path(__file__).parent
    packages = {face.parent.relative_to(Path(logpress.__file__).parent) for face in FACES}
    folders = {path.parent.relative_to(unit) for path in unit.rglob("test_*.py")} - {Path()}
    assert folders - packages == {Path("bench"), Path("docs")}
