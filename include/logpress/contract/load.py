"""Find, read and check a contract's YAML. Every error names the file, the line and the correction."""

from __future__ import annotations

import contextlib
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


class _Loader(yaml.SafeLoader):
    """For which a lone `=` is a text, as it is in YAML 1.2; YAML 1.1 gives it a meaning that no value has."""


_Loader.yaml_implicit_resolvers = {
    first: resolvers for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items() if first != "="
}

_FAST: Any = None
"""The same by libyaml, in a tenth of the time; None where PyYAML was built without it."""
if yaml.__with_libyaml__:
    _FAST = type("_Fast", (yaml.CSafeLoader,), {"yaml_implicit_resolvers": _Loader.yaml_implicit_resolvers})


def _parsed(text: str) -> tuple[yaml.Node | None, Any]:
    """The nodes of a YAML document, and what it says.

    Raises:
        yaml.YAMLError: if it is none; of PyYAML's own parser, whose sentences are more exact than libyaml's.
    """
    if _FAST is not None:
        with contextlib.suppress(yaml.YAMLError):
            return yaml.compose(text, Loader=_FAST), yaml.load(text, Loader=_FAST)
    return yaml.compose(text, Loader=_Loader), yaml.load(text, Loader=_Loader)


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
        tree, data = _parsed(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ContractError(f"{line}: is not YAML: {getattr(error, 'problem', error)}") from error
    if tree is None or not isinstance(data, dict):
        raise ContractError(f"{path}:1: a contract must be a mapping with the keys table, day and columns")
    _see_once(path, tree)
    try:
        contract = Contract.model_validate(data)
    except ValidationError as error:
        problems = [dict(problem) for problem in error.errors()]
        told = [problem for problem in problems if not _follows(problem, problems)]
        raise ContractError("\n".join(_sentence(path, tree, problem) for problem in told)) from None
    if FOLDER_KEY in contract.by_name:  # checked only here, so that old files with such a column can be restored
        raise ContractError(
            f"{path}:{_line_of_column(tree, FOLDER_KEY)}: a column cannot be named {FOLDER_KEY!r}, because readers "
            "of a folder get a column of that name from its path, `dt=2021-12-26`; rename it, and keep its `path`"
        )
    for number, check in enumerate(contract.checks):  # checked only here, for the same reason
        try:
            check.see_columns(contract.by_name, contract.personal)
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


def _follows(problem: dict[str, Any], problems: list[dict[str, Any]]) -> bool:
    """Whether a list is only too short because of its entries, whose own problems are told."""
    loc = problem["loc"]
    return problem["type"] == "too_short" and any(
        len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc for other in problems
    )


def _sentence(path: Path, tree: yaml.Node, problem: dict[str, Any]) -> str:
    where: list[str] = []
    node = tree
    line = node.start_mark.line
    steps = [*getattr(problem.get("ctx", {}).get("error"), "place", ()), *problem["loc"]]
    for before, step in itertools.pairwise([None, *steps]):
        if isinstance(before, int) and step in _TAGS:
            continue
        found = child(node, step)
        if found is None:
            where.append(f"[{step}]" if isinstance(step, int) else step)
            continue
        key, node = found
        line = key.start_mark.line
        where.append(f"[{step}]" if isinstance(step, int) else step)
    place = ".".join(where).replace(".[", "[")
    return f"{path}:{line + 1}: {place + ': ' if place else ''}{_correction(problem)}"


def _correction(problem: dict[str, Any]) -> str:
    """What is wrong, and what to do."""
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        return _misspelt([step for step in problem["loc"] if isinstance(step, str)])
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        key = context["discriminator"].strip("'")
        known = ", ".join(sorted(_KINDS_BY_KEY[key]))
        is_there = kind == "union_tag_invalid"
        return f"`{key}` is not one of {known}" if is_there else f"`{key}` is missing; add one of {known}"
    mend = _CORRECTIONS.get(kind)
    return mend.format(**context) if mend else str(problem["msg"]).removeprefix("Value error, ")


_CORRECTIONS = {
    "missing": "is missing; add it",
    "string_type": "must be a text; write it in quotes",
    "too_short": "needs {min_length} or more, not {actual_length}; add some",
    "too_long": "takes {max_length} at most, not {actual_length}; remove some",
    "model_attributes_type": "must have keys and values, as {{key: value}} has",
    "model_type": "must have keys and values, as {{key: value}} has",
    "float_type": "must be a number; an instant is given in seconds since 1970, UTC",
    "finite_number": "must be a finite number; leave it out if any is allowed",
    "time_delta_parsing": "must be a duration, such as PT1H, PT30S or P1D",
}
"""What to do, by pydantic's names of what is wrong."""


def _misspelt(steps: list[str]) -> str:
    """What to do about a key that is none, at the end of the keys that lead to it."""
    key = steps[-1]
    check = _CHECKS.get(steps[1]) if steps[0] == "checks" and len(steps) > 2 else None
    keys = _keys() if check is None else sorted(set(check.model_fields) - {"kind"})
    close = difflib.get_close_matches(key, [known for known in keys if known != key], 1)
    what = "a contract" if check is None else f"a check of kind {steps[1]}"
    mend = "remove it, or correct its spelling" if check is None else f"its keys are {', '.join(keys)}"
    return f"is not a key of {what}; {f'did you mean {close[0]!r}?' if close else mend}"


_CHECKS = {get_args(one.model_fields["kind"].annotation)[0]: one for one in get_args(get_args(checks.Check)[0])}
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


def _see_once(path: Path, node: yaml.Node) -> None:
    """See that no key stands twice in a mapping, because YAML would take the last one silently.

    Raises:
        ContractError: naming the second one.
    """
    if isinstance(node, yaml.MappingNode):
        seen: dict[Any, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise ContractError(
                    f"{path}:{line}: the key {key.value!r} stands twice, in line {seen[key.value]} too; remove one"
                )
            if isinstance(key, yaml.ScalarNode):
                seen[key.value] = line
            _see_once(path, value)
    elif isinstance(node, yaml.SequenceNode):
        for entry in node.value:
            _see_once(path, entry)


def child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The (key, value) nodes of a mapping's key, or an entry of a list as both; None if there is no such."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return key, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None
