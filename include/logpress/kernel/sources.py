"""The sources that a kernel is compiled from: its module and all modules of logpress that this one imports.

A kernel's machine code contains its callees and the constants that it names. All of these are in its module or were
imported into it, so the module's imports, and theirs, cover them.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import llvmlite
import numba
import numpy as np

_PACKAGE = __name__.partition(".")[0]
_ROOT = Path(__file__).parents[1]
_PLAIN = re.compile(rb"^(?:from +[.\w]+ +import +(?:\([\w\s,]*\)|[\w, ]+)|import +[\w., ]+)$", re.MULTILINE)
_WORD = re.compile(rb"\bimport\b|importlib|__import__")


@cache
def source_digest(module: str) -> str | None:
    """A digest (32 hexadecimal digits) of the sources of a module's kernels.

    It covers the module and the modules of this package that it imports (see `closure`), the versions of Numba,
    llvmlite and NumPy, and the settings of Numba that change machine code. Each file is read once in a process.

    Args:
        module: full name of the module.

    Returns:
        The digest; None for a module that is not a file of this package, because its imports are not known.
    """
    if not module.startswith(f"{_PACKAGE}.") or _file(module) is None:
        return None
    config = numba.config
    digest = hashlib.sha256()
    for about in (numba.__version__, llvmlite.__version__, np.__version__, config.OPT, config.BOUNDSCHECK):
        digest.update(f"{about}\n".encode())
    for name in closure(module):
        digest.update(f"{name} {_source(name).digest}\n".encode())
    return digest.hexdigest()[:32]


def closure(module: str) -> list[str]:
    """The modules of this package that a module's kernels may depend on, sorted, with itself and `kernel.compile`.

    These are its imports, anywhere in it, and their imports. Packages of these modules are included; the imports of a
    package are included only if a name is imported from it. Imports for type checkers only are left out.
    """
    found: set[str] = set()
    waiting = [module, f"{_PACKAGE}.kernel.compile"]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _source(name).imports
    return sorted(found | {package for name in found for package in _packages(name)})


@dataclass(frozen=True)
class _Source:
    digest: str
    imports: frozenset[str]
    """Modules of this package."""


@cache
def _source(module: str) -> _Source:
    path = _file(module)
    assert path is not None  # closures hold only modules that have one
    text = path.read_bytes()
    package = module if _is_package(module) else module.rpartition(".")[0]
    names = {name for statement in _imports(text) for name in _imported(statement, package)}
    return _Source(hashlib.sha256(text).hexdigest(), frozenset(names))


def _imports(text: bytes) -> Iterator[ast.AST]:
    """The nodes of a source that import something.

    Parsing the sources of all kernels takes 0.1 s. If all lines that look like imports are plain statements, only these
    are parsed.
    """
    plain = _PLAIN.findall(text)
    if len(_WORD.findall(text)) == len(plain):
        try:
            return iter(ast.parse(b"\n".join(plain)).body)
        except SyntaxError:  # a line of a text that begins with the word
            pass
    return _nodes(ast.parse(text))


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in child.orelse:
                yield other
                yield from _nodes(other)
        else:
            yield child
            yield from _nodes(child)


def _imported(node: ast.AST, package: str) -> Iterator[str]:
    """The modules that a node imports, in a module of a package."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _bound(alias.name)
            if not alias.asname:  # it binds the first name, from which attributes lead anywhere
                yield from _bound(alias.name.partition(".")[0])
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parts = package.split(".")
            base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
        if _file(base) is None:
            return
        yield base
        for alias in node.names:
            if alias.name == "*":
                yield from _bound(base)
            elif _is_package(base):
                yield from _bound(f"{base}.{alias.name}")
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(f"{_PACKAGE}."):
        yield from _bound(node.value)  # for importlib.import_module


def _bound(name: str) -> Iterator[str]:
    """The modules of a dotted name, and those that can be reached from it by attributes."""
    path = _file(name)
    if path is None:
        return
    yield name
    if _is_package(name):
        for below in path.parent.rglob("*.py"):
            parts = below.relative_to(path.parent).with_suffix("").parts
            found = ".".join([name, *(parts[:-1] if parts[-1] == "__init__" else parts)])
            if _file(found) is not None:
                yield found


@cache
def _file(module: str) -> Path | None:
    """The file of a module of this package; None if there is none."""
    first, *parts = module.split(".")
    if first != _PACKAGE or not all(part.isidentifier() for part in parts):
        return None
    folder = _ROOT.joinpath(*parts)
    for path in (folder / "__init__.py", folder.with_name(f"{folder.name}.py")):
        if path.is_file():
            return path
    return None


def _is_package(module: str) -> bool:
    path = _file(module)
    return path is not None and path.name == "__init__.py"


def _packages(module: str) -> Iterator[str]:
    while "." in module:
        module = module.rpartition(".")[0]
        if _file(module) is not None:
            yield module
