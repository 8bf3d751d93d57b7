"""The private parts of Numba that logpress uses, each to save time. Numba is pinned because of them.

If one is missing, this module cannot be imported, and `compile.py` does without it.
"""

from __future__ import annotations

import hashlib
import inspect
import pickle
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
from numba.core import types
from numba.core.compiler import CompilerBase, CompileResult, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.options import DefaultOptions
from numba.core.serialize import dumps
from numba.core.typed_passes import NativeLowering
from numba.np import arrayobj

from logpress.kernel.store import Entries

_NEEDED = (
    (CompileResult, "_reduce"),
    (CompileResult, "_rebuild"),
    (DefaultPassBuilder, "define_nopython_pipeline"),
    (DefaultOptions, "_nrt"),
    (NativeLowering, "run_pass"),
    (PassManager("probe"), "passes"),
)
for _owner, _part in _NEEDED:
    if not hasattr(_owner, _part):
        raise ImportError(f"{_owner!r} has no {_part}")
if list(inspect.signature(arrayobj.fix_integer_index).parameters) != ["context", "builder", "idxty", "idx", "size"]:
    raise ImportError("numba.np.arrayobj.fix_integer_index takes other arguments")


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(NativeLowering):  # type: ignore[misc]
    """Numba's own, but an index below zero does not count from the end: to look takes a tenth of a kernel's time.

    Kernels have no such indices; with NUMBA_BOUNDSCHECK=1, one is an error.
    """

    _name = "logpress_lowering"

    def run_pass(self, state: Any) -> bool:
        before = arrayobj.fix_integer_index
        arrayobj.fix_integer_index = _as_it_is  # nobody else compiles meanwhile: Numba has a lock
        try:
            return bool(super().run_pass(state))
        finally:
            arrayobj.fix_integer_index = before


def _as_it_is(context: Any, builder: Any, index_type: Any, index: Any, size: Any) -> Any:
    return context.cast(builder, index, index_type, types.intp if index_type.signed else types.uintp)


class _Compiler(CompilerBase):  # type: ignore[misc]
    """Numba's compiler with `_Lowering`."""

    def define_pipelines(self) -> list[Any]:
        pipeline = DefaultPassBuilder.define_nopython_pipeline(self.state)
        pipeline.passes = [(_Lowering if step is NativeLowering else step, why) for step, why in pipeline.passes]
        pipeline.finalize()
        return [pipeline]


def compiled(function: Callable[..., Any], folder: Path | None, **options: bool) -> Any:
    """A function's dispatcher, whose machine code is kept in a folder, if any.

    Kernels allocate nothing, so reference counting is left out.
    """
    dispatcher = numba.njit(nogil=True, error_model="numpy", _nrt=False, pipeline_class=_Compiler, **options)(function)
    if folder is not None:
        name = f"{function.__qualname__}-{function.__code__.co_firstlineno}"
        dispatcher._cache = KernelCache(function, Entries(folder, name))
    return dispatcher


class KernelCache:
    """What Numba asks of the cache of a dispatcher.

    Numba's own declares all functions that it knows before it loads a kernel. This takes a third of a second, and is of
    use only to the compiler, which does it for itself when there is something to compile.
    """

    def __init__(self, function: Callable[..., Any], entries: Entries) -> None:
        self.cache_path = str(entries.folder)
        self._entries = entries
        self._code = hashlib.sha256(function.__code__.co_code).hexdigest()

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """The result of a compilation, or None. What cannot be read is compiled again."""
        try:
            data = self._entries.load(self._key(signature, target_context.codegen()))
            return None if data is None else _rebuilt(target_context, data)
        except Exception as error:
            warnings.warn(f"machine code in {self.cache_path} is not used but compiled again: {error!r}", stacklevel=2)
            return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep the result of a compilation."""
        if not result.lifted and not result.library.has_dynamic_globals:
            self._entries.save(self._key(signature, result.codegen), dumps(result._reduce()))

    def signatures(self, target_context: Any) -> list[Any]:
        """The types of arguments for which there is machine code."""
        code = target_context.codegen()
        return [key[0] for key in self._entries.kept() if key == self._key(key[0], code)]

    def _key(self, signature: Any, code: Any) -> Any:
        return signature, code.magic_tuple(), self._code

    def flush(self) -> None:
        """Numba's `recompile` calls it; what is saved again replaces what was there."""


def _rebuilt(target_context: Any, data: bytes) -> Any:
    """As Numba does it, but a kernel's intermediate code is read only where another kernel is compiled that calls it.

    To read it and to list its symbols takes half of the time in which machine code is loaded.
    """
    (name, kind, held), description, *others, environments = pickle.loads(data)
    if kind != "object":
        return CompileResult._rebuild(target_context, (name, kind, held), description, *others, environments)
    code, intermediate = held
    names = {description.llvm_func_name, description.llvm_cpython_wrapper_name}
    names |= {target_context.get_env_name(description), *(environment.env_name for environment in environments)}
    defined = target_context.codegen()._engine._defined_symbols
    names -= defined
    defined |= names
    try:
        library = (name, kind, (code, _empty_module()))
        found = CompileResult._rebuild(target_context, library, description, *others, environments)
        found.library._get_module_for_linking = cache(lambda: llvmlite.binding.parse_bitcode(intermediate))
    except BaseException:
        defined -= names
        raise
    return found


@cache
def _empty_module() -> bytes:
    return bytes(llvmlite.binding.parse_assembly("").as_bitcode())
