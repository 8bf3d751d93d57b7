"""The private parts of Numba that logpress uses, each to save time. Numba is pinned because of them.

If one is missing, this module cannot be imported, and `compile.py` does without it.
"""

from __future__ import annotations

import hashlib
import inspect
import pickle
import platform
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
from numba.core import types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, CompileResult, DefaultPassBuilder, compile_result
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.dispatcher import Dispatcher
from numba.core.options import DefaultOptions
from numba.core.registry import CPUDispatcher
from numba.core.serialize import dumps
from numba.core.sigutils import normalize_signature
from numba.core.typed_passes import NativeLowering
from numba.np import arrayobj

from logpress.kernel.portable import PORTABLE
from logpress.kernel.store import Entries

_NEEDED = (
    (CompileResult, "_reduce"),
    (CompileResult, "_rebuild"),
    (DefaultPassBuilder, "define_nopython_pipeline"),
    (DefaultOptions, "_nrt"),
    (NativeLowering, "run_pass"),
    (PassManager("probe"), "passes"),
    (JITCodeLibrary, "_optimize_functions"),
    (JITCodeLibrary, "_optimize_final_module"),
    (JITCodeLibrary, "_finalize_final_module"),
    (JITCodeLibrary, "_get_module_for_linking"),
    (Dispatcher, "get_call_template"),
    (Dispatcher, "add_overload"),
    (CompileResult, "_find_referenced_environments"),
)
for _owner, _part in _NEEDED:
    if not hasattr(_owner, _part):
        raise ImportError(f"{_owner!r} has no {_part}")
if list(inspect.signature(arrayobj.fix_integer_index).parameters) != ["context", "builder", "idxty", "idx", "size"]:
    raise ImportError("numba.np.arrayobj.fix_integer_index takes other arguments")


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(NativeLowering):  # type: ignore[misc]
    """Numba's own, but an index below zero does not count from the end: to look takes a tenth of a kernel's time.

    Kernels have no such indices; with NUMBA_BOUNDSCHECK=1, one is an error. Of a callee only the intermediate code is
    made.
    """

    _name = "logpress_lowering"

    def run_pass(self, state: Any) -> bool:
        is_callee = state.flags.no_cpython_wrapper
        make = _CalleeLibrary if is_callee else _Library
        state.library = make(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        state.flags.no_compile = is_callee
        before = arrayobj.fix_integer_index
        arrayobj.fix_integer_index = _as_it_is  # nobody else compiles meanwhile: Numba has a lock
        try:
            changed = bool(super().run_pass(state))
        finally:
            arrayobj.fix_integer_index = before
        if is_callee:
            state.library.finalize()
            callee = _Callee()
            state.targetctx.insert_user_function(callee, state["cr"].fndesc, [state.library])
            state["cr"] = state["cr"]._replace(cfunc=callee)
        return changed


def _as_it_is(context: Any, builder: Any, index_type: Any, index: Any, size: Any) -> Any:
    return context.cast(builder, index, index_type, types.intp if index_type.signed else types.uintp)


class _Library(JITCodeLibrary):  # type: ignore[misc]
    """Numba's own, but passes over functions do not run on those that are only declared: a tenth of all time."""

    def _optimize_functions(self, module: Any) -> None:
        module.data_layout = self._codegen._data_layout
        for function in module.functions:
            if not function.is_declaration:
                manager, builder = self._codegen._function_pass_manager()
                manager.run(function, builder)


class _CalleeLibrary(_Library):
    """The intermediate code of a kernel that other kernels call: it becomes machine code as a part of theirs."""

    def _optimize_final_module(self) -> None:
        """Make it smaller; all else is done where it has been compiled into machine code."""
        manager, builder = self._codegen._module_pass_manager(
            loop_vectorize=False, slp_vectorize=False, opt=0, cost="cheap"
        )
        manager.run(self._final_module, builder)

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True

    def serialize_using_object_code(self) -> tuple[str, str, bytes]:
        """Its intermediate code."""
        return self.name, "callee", bytes(self._get_module_for_linking().as_bitcode())

    @classmethod
    def read(cls, codegen: Any, name: str, code: bytes) -> _CalleeLibrary:
        """What was serialized."""
        self = cls(codegen, name)
        self._shared_module = llvmlite.binding.parse_bitcode(code)
        self._finalized = True
        return self


class _Callee:
    """Stands for a kernel that only kernels can call: Numba tells what it calls by the objects that Python calls."""


class _Compiler(CompilerBase):  # type: ignore[misc]
    """Numba's compiler with `_Lowering`."""

    def define_pipelines(self) -> list[Any]:
        pipeline = DefaultPassBuilder.define_nopython_pipeline(self.state)
        pipeline.passes = [(_Lowering if step is NativeLowering else step, why) for step, why in pipeline.passes]
        pipeline.finalize()
        return [pipeline]


class Kernel(CPUDispatcher):  # type: ignore[misc]
    """A kernel as Python calls it.

    For each types of arguments it is compiled as one of two things. What Python calls is machine code with a wrapper
    that takes Python's objects apart. What only other kernels call (a *callee*; most are) is intermediate code, which
    they are compiled with. If Python calls a callee after all, as tests do, it is compiled once more. In a call from a
    kernel, constants are like other integers: otherwise a callee would be compiled for each constant.
    """

    def __init__(self, function: Callable[..., Any], folder: Path | None, options: dict[str, Any]) -> None:
        super().__init__(function, targetoptions=options, pipeline_class=_Compiler)
        self._as_callee = False
        self._compiler._customize_flags = self._customized
        self._kept: KernelCache | None = None
        if folder is not None:
            name = f"{function.__qualname__}-{function.__code__.co_firstlineno}"
            self._cache = self._kept = KernelCache(self, Entries(folder, name))

    @property
    def as_callee(self) -> bool:
        """Whether it is compiled for another kernel at this moment."""
        return self._as_callee

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """What Numba asks for when it finds the kernel called by another one."""
        constants_as_others = [types.unliteral(kind) for kind in args]
        before, self._as_callee = self._as_callee, True
        try:
            return super().get_call_template(constants_as_others, kws)
        finally:
            self._as_callee = before

    def compile(self, sig: Any) -> Any:
        """Load it, or compile it, for types of arguments; another process that compiles the same is waited for."""
        with global_compiler_lock:
            arguments, _ = normalize_signature(sig)
            known = self.overloads.get(arguments)
            if known is not None:
                if self._as_callee or not isinstance(known.entry_point, _Callee):
                    return known.entry_point
                del self.overloads[arguments]
            with self._kept.turn(sig, self.targetctx) if self._kept else nullcontext():
                return super().compile(sig)

    def compile_for(self, signature: Any, is_callee: bool) -> None:
        """Load or compile it as Python will call it, or as other kernels will."""
        with global_compiler_lock:
            before, self._as_callee = self._as_callee, is_callee
            try:
                self.compile(signature)
            finally:
                self._as_callee = before

    def is_kept(self, signature: Any, is_callee: bool) -> bool:
        """Whether it need not be compiled for that."""
        return self._kept is not None and self._kept.has(signature, self.targetctx, is_callee)

    def is_taken(self, signature: Any, is_callee: bool) -> bool:
        """Whether another process compiles it for that just now."""
        return self._kept is not None and self._kept.is_taken(signature, self.targetctx, is_callee)

    def add_overload(self, result: Any) -> None:
        """Numba's own; but there is nothing in a callee that Python could call."""
        if isinstance(result.entry_point, _Callee):
            self.overloads[tuple(result.signature.args)] = result
        else:
            super().add_overload(result)
            for environment in result._find_referenced_environments():  # of callees, too
                result.codegen.set_env(environment.env_name, environment)

    def _customized(self, flags: Any) -> Any:
        flags.no_cfunc_wrapper = True
        flags.no_cpython_wrapper = self._as_callee
        return flags


def compiled(function: Callable[..., Any], folder: Path | None, **options: bool) -> Any:
    """A function's dispatcher, whose machine code is kept in a folder, if any.

    Kernels allocate nothing, so reference counting is left out.
    """
    if numba.config.DISABLE_JIT:
        return function
    all_options: dict[str, Any] = {
        "nopython": True,
        "nogil": True,
        "error_model": "numpy",
        "_nrt": False,
        "boundscheck": None,
    } | options
    return Kernel(function, folder, all_options)


class KernelCache:
    """What Numba asks of the cache of a dispatcher.

    Numba's own declares all functions that it knows before it loads a kernel. This takes a third of a second, and is of
    use only to the compiler, which does it for itself when there is something to compile.
    """

    def __init__(self, kernel: Kernel, entries: Entries) -> None:
        self.cache_path = str(entries.folder)
        self._kernel = kernel
        self._entries = entries
        self._code = hashlib.sha256(kernel.py_func.__code__.co_code).hexdigest()

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """The result of a compilation, or None. What cannot be read is compiled again."""
        try:
            for key in self._keys(signature, target_context, self._kernel.as_callee):
                data = self._entries.load(key)
                if data is not None:
                    return _rebuilt(target_context, data)
        except Exception as error:
            warnings.warn(f"machine code in {self.cache_path} is not used but compiled again: {error!r}", stacklevel=2)
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep the result of a compilation."""
        if not result.lifted and not result.library.has_dynamic_globals:
            key = self._keys(signature, result.target_context, self._kernel.as_callee)[0]
            self._entries.save(key, dumps(result._reduce()))

    def turn(self, signature: Any, target_context: Any) -> AbstractContextManager[None]:
        """For the block of a `with` that loads or compiles: no other process compiles the same meanwhile."""
        is_callee = self._kernel.as_callee
        if self.has(signature, target_context, is_callee):
            return nullcontext()
        return self._entries.turn(self._keys(signature, target_context, is_callee)[0])

    def has(self, signature: Any, target_context: Any, is_callee: bool) -> bool:
        """Whether there is something to load."""
        return any(map(self._entries.has, self._keys(signature, target_context, is_callee)))

    def is_taken(self, signature: Any, target_context: Any, is_callee: bool) -> bool:
        """Whether another process compiles it."""
        return self._entries.is_taken(self._keys(signature, target_context, is_callee)[0])

    def signatures(self, target_context: Any) -> list[Any]:
        """The types of arguments for which there is machine code that Python can call."""
        found = {key[0]: None for key in self._entries.kept() if key in self._keys(key[0], target_context, False)}
        return list(found)

    def _keys(self, signature: Any, target_context: Any, is_callee: bool) -> list[Any]:
        """Where it may lie; the first is where it is saved. A kernel that Python calls is as good as a callee."""
        targets = processors(target_context.codegen())
        return [
            (signature, target, self._code, *kind)
            for kind in ([("callee",), ()] if is_callee else [()])
            for target in targets
        ]

    def flush(self) -> None:
        """Numba's `recompile` calls it; what is saved again replaces what was there."""


def _rebuilt(target_context: Any, data: bytes) -> Any:
    """As Numba does it, but a kernel's intermediate code is read only where another kernel is compiled that calls it.

    To read it and to list its symbols takes half of the time in which machine code is loaded.
    """
    (name, kind, held), description, *others, environments = pickle.loads(data)
    if kind == "callee":
        return _rebuilt_callee(
            target_context, _CalleeLibrary.read(target_context.codegen(), name, held), description, *others
        )
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


def _rebuilt_callee(
    target_context: Any, library: _CalleeLibrary, description: Any, environment: Any, signature: Any, *others: Any
) -> Any:
    return compile_result(
        typing_context=target_context.typing_context, target_context=target_context, entry_point=_Callee(),
        fndesc=description, library=library, environment=environment, signature=signature, objectmode=False, lifted=(),
        typing_error=None, call_helper=None, type_annotation=None, metadata=None, reload_init=(), referenced_envs=(),
    )  # fmt: skip


@cache
def processors(code: Any) -> list[Any]:
    """For which processors machine code may have been made that this one runs: its own kind, and the portable one."""
    triple, _, _ = own = code.magic_tuple()
    portable = PORTABLE.get(platform.machine())
    if portable is None or numba.config.CPU_NAME is not None:
        return [own]
    there = llvmlite.binding.get_host_cpu_features()
    return [own, (triple, portable[0], "")] if all(there.get(feature) for feature in portable[1]) else [own]


@cache
def _empty_module() -> bytes:
    return bytes(llvmlite.binding.parse_assembly("").as_bitcode())
