"""Find, read and check a contract's YAML. Every error names the file, the line and the correction."""

from __future__ import annotations

import difflib
import itertools
import os
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import ValidationError

from logpress.contract import base, checks, columns, model
from logpress.contract.model import Contract
from logpress.errors import ContractError

_TABLES = Path(__file__).parent / "tables"


def _folders() -> list[Path]:
    own = os.environ.get("LOGPRESS_CONTRACTS", "")
    return [*(Path(folder) for folder in own.split(os.pathsep) if folder), _TABLES]


def contract_names() -> list[str]:
    """The tables that have contracts: in the folders of LOGPRESS_CONTRACTS, and in logpress itself."""
    return sorted({path.stem for folder in _folders() for path in folder.glob("*.yaml")})


def load_contract(name_or_path: str | Path) -> Contract:
    """Read a contract by its table's name, or from a YAML file.

    Raises:
        ContractError: if it does not exist, or is not valid.
    """
    path = contract_path(name_or_path)
    return parse_contract(read_text(path), path)


def read_text(path: Path) -> str:
    """The text of a contract's file, with its line ends unchanged.

    Raises:
        ContractError: if it cannot be read.
    """
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(f"{path}: cannot be read as a contract: {error}") from error


def parse_contract(text: str, path: Path) -> Contract:
    """Parse a contract; `path` is only named in errors.

    Raises:
        ContractError: if it is not valid.
    """
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ContractError(f"{line}: is not YAML: {getattr(error, 'problem', error)}") from error
    if tree is None or not isinstance(data, dict):
        raise ContractError(f"{path}:1: a contract must be a mapping with the keys table, day and columns")
    try:
        contract = Contract.model_validate(data)
    except ValidationError as error:
        raise ContractError("\n".join(_sentence(path, tree, dict(problem)) for problem in error.errors())) from None
    if FOLDER_KEY in contract.by_name:  # checked only here, so that old files with such a column can be restored
        raise ContractError(
            f"{path}:{_line_of_column(tree, FOLDER_KEY)}: a column cannot be named {FOLDER_KEY!r}, because readers "
            "of a folder get a column of that name from its path, `dt=2021-12-26`; rename it, and keep its `path`"
        )
    for number, check in enumerate(contract.checks):  # checked only here, for the same reason
        try:
            check.see_columns(contract.by_name)
        except ValueError as error:
            raise ContractError(f"{path}:{_line_of_check(tree, number)}: {error}") from None
    return contract


FOLDER_KEY = "dt"
"""The key of a day's folder in a lake."""


def _line_of_column(tree: yaml.Node, name: str) -> int:
    columns = child(tree, "columns")
    for entry in columns[1].value if columns else []:
        found = child(entry, "name")
        if found is not None and found[1].value == name:
            return int(found[1].start_mark.line) + 1
    return 1


def _line_of_check(tree: yaml.Node, number: int) -> int:
    checks = child(tree, "checks")
    return int(checks[1].value[number].start_mark.line) + 1 if checks else 1


def contract_path(name_or_path: str | Path) -> Path:
    """The file of a contract.

    Raises:
        ContractError: if it does not exist.
    """
    name = str(name_or_path)
    if name.endswith((".yaml", ".yml")) or os.sep in name:
        path = Path(name)
        if not path.is_file():
            raise ContractError(f"{name}: this contract file does not exist")
        return path
    for folder in _folders():
        path = folder / f"{name}.yaml"
        if path.is_file():
            return path
    known = ", ".join(contract_names())
    raise ContractError(f"no contract is named {name!r}; give one of {known}, or the path of a YAML file")


def is_built_in(path: Path) -> bool:
    """Whether a contract belongs to logpress, so that the next installation replaces it."""
    return path.resolve().is_relative_to(_TABLES.resolve())


def _sentence(path: Path, tree: yaml.Node, problem: dict[str, Any]) -> str:
    where: list[str] = []
    node = tree
    line = node.start_mark.line
    for before, step in itertools.pairwise([None, *problem["loc"]]):
        if isinstance(before, int) and step in _TAGS:
            continue
        found = child(node, step)
        if found is None:
            if isinstance(step, str):
                where.append(step)
            continue
        key, node = found
        line = key.start_mark.line
        where.append(f"[{step}]" if isinstance(step, int) else step)
    place = ".".join(where).replace(".[", "[")
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "is not a key of a contract"
        close = difflib.get_close_matches(where[-1], _keys(), 1) if where else []
        message += f"; did you mean {close[0]!r}?" if close else "; remove it, or correct its spelling"
    elif problem["type"] == "missing":
        message = "is missing; add it"
    elif problem["type"] in ("union_tag_invalid", "union_tag_not_found"):
        key = problem["ctx"]["discriminator"].strip("'")
        known = ", ".join(sorted(_KINDS_BY_KEY[key]))
        is_there = problem["type"] == "union_tag_invalid"
        message = f"`{key}` is not one of {known}" if is_there else f"`{key}` is missing; add one of {known}"
    return f"{path}:{line + 1}: {place + ': ' if place else ''}{message}"


_KINDS_BY_KEY = {
    key: frozenset(kind for one in get_args(get_args(union)[0]) for kind in get_args(one.model_fields[key].annotation))
    for key, union in {"codec": columns.Column, "kind": checks.Check}.items()
}
_TAGS = frozenset().union(*_KINDS_BY_KEY.values())
"""What pydantic names as a step to a key of a column or a check, although it is none in the YAML."""


def _keys() -> list[str]:
    named = [*vars(model).values(), *vars(columns).values(), *vars(checks).values()]
    models = [kind for kind in named if isinstance(kind, type) and issubclass(kind, base.Model)]
    return sorted({key for kind in models for key in kind.model_fields})


def child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The (key, value) nodes of a mapping's key, or an entry of a list as both; None if there is no such."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return key, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None
