"""Change values in a contract's YAML, and leave every other byte as it is: comments, order, quoting, line ends.

Values are found by PyYAML's own marks, so the bytes that are replaced are those that were read. The result is parsed
again and must equal the contract with the changes; where it does not (a value behind an alias or a merge key), the
change is refused.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from logpress.contract.load import child, is_built_in, parse_contract, read_text
from logpress.contract.model import Contract
from logpress.errors import ContractError
from logpress.outputs import refuse_output, written

Steps = tuple[str | int, ...]
"""Path of a value: keys of mappings, indices of lists."""

Value = str | int | tuple[str, ...]
Changes = Mapping[Steps, Value]


def changed_contract(contract: Contract, changes: Changes) -> Contract:
    """The contract with the changes made.

    Raises:
        ContractError: if the result is no valid contract.
    """
    data = contract.model_dump(mode="json", exclude_unset=True)
    for steps, value in changes.items():
        place: Any = data
        for step in steps[:-1]:
            place = place[step] if isinstance(step, int) else place.setdefault(step, {})
        place[steps[-1]] = list(value) if isinstance(value, tuple) else value
    try:
        return Contract.model_validate(data)
    except ValidationError as error:
        raise ContractError(f"{contract.table}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from error


def changed_text(text: str, changes: Changes) -> str:
    """A contract's YAML with the changes made; keys that are missing are added at the end of their mapping.

    Raises:
        ContractError: if a value cannot be changed where it is.
    """
    for steps, value in changes.items():
        try:
            text = _changed(text, steps, value)
        except yaml.YAMLError as error:
            raise ContractError(f"cannot be changed: {error}") from error
    return text


def target_of(source: Path, table: str, output: Path | None) -> Path:
    """The file that a changed contract is written to, after checking that it may be.

    Args:
        source: the file that the contract was read from.
        table: its table.
        output: the file that was asked for; the source itself if None.

    Raises:
        ContractError: if the contract may not be written there.
    """
    if is_built_in(output or source):
        raise ContractError(
            f"{output or source}: belongs to logpress, and the next installation replaces it; write a copy with "
            "--output FILE, then give FILE instead of the table's name, or put its folder into LOGPRESS_CONTRACTS"
        )
    refuse_output(output or source, kind=ContractError)
    folder = (output or source).resolve().parent
    if folder.is_dir() and not os.access(folder, os.W_OK):
        raise ContractError(f"{output or source}: cannot be written: no permission to write into {folder}")
    if output is None:
        return source
    if output.suffix not in (".yaml", ".yml"):
        raise ContractError(f"{output}: the name of a contract's file must end in .yaml")
    if not output.parent.is_dir():
        raise ContractError(f"{output}: the folder {output.parent} does not exist; create it first")
    if output.exists() and (not output.is_file() or parse_contract(read_text(output), output).table != table):
        raise ContractError(f"{output}: exists, and is not a contract of {table}; give another file")
    return output


def write_contract(source: Path, target: Path, contract: Contract, changes: Changes) -> None:
    """Write a contract's YAML with the changes made; the file is replaced in one step, or not at all.

    Args:
        source: the file that the contract was read from.
        target: the file to write; may be the source.
        contract: the contract as it was read.
        changes: new values by path.

    Raises:
        ContractError: if the source has changed since it was read, or cannot be changed or written.
    """
    text = read_text(source)
    if parse_contract(text, source) != contract:
        raise ContractError(f"{source}: was changed by someone else meanwhile; nothing was written, run it again")
    new = changed_text(text, changes)
    wrong = f"{source}: cannot be changed without changing other values too (does it use aliases?); edit it by hand"
    try:
        same = parse_contract(new, source) == changed_contract(contract, changes)
    except ContractError as error:
        raise ContractError(f"{wrong}: {_listed(changes)}") from error
    if not same:
        raise ContractError(f"{wrong}: {_listed(changes)}")
    with written(target, ContractError, like=source) as file:
        file.write(new.encode())


def _listed(changes: Changes) -> str:
    return ", ".join(f"{'.'.join(map(str, steps))}: {_flow(value)}" for steps, value in changes.items())


def _changed(text: str, steps: Steps, value: Value) -> str:
    root = node = yaml.compose(text, Loader=yaml.SafeLoader)
    assert node is not None  # because the text has been parsed as a contract already
    for place, step in enumerate(steps):
        found = child(node, step)
        if found is None:
            rest: Any = value
            for missing in reversed(steps[place + 1 :]):
                rest = {missing: rest}
            return _with_key(text, node, str(step), rest, node is root)
        node = found[1]
    return _with_value(text, node, value)


def _with_value(text: str, node: yaml.Node, value: Value) -> str:
    if isinstance(node, yaml.SequenceNode) and isinstance(value, tuple) and len(node.value) == len(value):
        for entry, one in reversed(list(zip(node.value, value, strict=True))):
            text = _with_value(text, entry, one)
        return text
    if isinstance(node, yaml.ScalarNode) and not isinstance(value, tuple) and node.value == str(value):
        return text
    new = _flow(value)
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and isinstance(value, tuple):
        newline = "\r\n" if "\r\n" in text else "\n"
        new = (newline + " " * node.start_mark.column).join(f"- {_flow(one)}" for one in value)
    return text[: node.start_mark.index] + new + text[_end(text, node) :]


def _with_key(text: str, node: yaml.Node, key: str, value: Any, is_root: bool) -> str:
    if not isinstance(node, yaml.MappingNode):
        raise ContractError(f"line {node.start_mark.line + 1}: {key} cannot be added, because this is not a mapping")
    entry = f"{_flow(key)}: {_flow(value)}"
    if node.flow_style:
        place = _end(text, node.value[-1][1]) if node.value else node.start_mark.index + 1
        return f"{text[:place]}{', ' if node.value else ''}{entry}{text[place:]}"
    end = text.find("\n", _end(text, node))
    newline = "\r\n" if "\r\n" in text else "\n"
    if end < 0:
        end, after = len(text), newline
    else:
        end, after = end - (text[end - 1] == "\r"), ""
    indent = " " * int(node.value[0][0].start_mark.column)
    before = newline
    if is_root:
        before += newline if newline * 2 in text else ""
        if isinstance(value, dict):  # block style, as people write a mapping at the top level
            inner = [f"{newline}{indent}  {_flow(name)}: {_flow(one)}" for name, one in value.items()]
            entry = f"{_flow(key)}:{''.join(inner)}"
    return text[:end] + before + indent + entry + after + text[end:]


def _flow(value: Any) -> str:
    """A value as YAML on one line."""
    plain = [list(value) if isinstance(value, tuple) else value]
    return str(yaml.safe_dump(plain, default_flow_style=True, width=1 << 20, sort_keys=False, allow_unicode=True))[1:-2]


def _end(text: str, node: yaml.Node) -> int:
    """Index behind a node's text. PyYAML's own end mark of a block is the begin of the next one, after comments."""
    if not isinstance(node, yaml.CollectionNode):
        end = node.end_mark.index
        is_block = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
        return len(text[:end].rstrip()) if is_block else end
    children: Sequence[yaml.Node] = (
        [value for _, value in node.value] if isinstance(node, yaml.MappingNode) else list(node.value)
    )
    if node.flow_style or not children:
        return int(node.end_mark.index)
    end = _end(text, children[-1])
    if end < node.start_mark.index:
        raise ContractError(f"line {node.start_mark.line + 1}: ends with an alias; replace the alias by its value")
    return end
