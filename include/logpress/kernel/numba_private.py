"""The private parts of Numba that logpress uses, each to save time. Numba is pinned because of them.

If a part is missing, importing this module raises ImportError, and `compile.py` uses Numba's public parts. So all
private parts are in this one module, of more than 350 lines.
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
    """Numba's lowering, without negative indices that count from the end: their check takes 10 % of a kernel's time.

    Kernels use no negative index; with NUMBA_BOUNDSCHECK=1, one is an error. Of a callee, only intermediate code is
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
        arrayobj.fix_integer_index = _as_it_is  # safe: Numba compiles under a global lock
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
    """Numba's library, but function passes skip functions that are only declared, which saves 10 % of the time."""

    def _optimize_functions(self, module: Any) -> None:
        module.data_layout = self._codegen._data_layout
        for function in module.functions:
            if not function.is_declaration:
                manager, builder = self._codegen._function_pass_manager()
                manager.run(function, builder)


class _CalleeLibrary(_Library):
    """The intermediate code of a kernel that other kernels call; it becomes machine code as a part of theirs."""

    def _optimize_final_module(self) -> None:
        """Run cheap passes that make it smaller; the full ones run on its callers."""
        manager, builder = self._codegen._module_pass_manager(
            loop_vectorize=False, slp_vectorize=False, opt=0, cost="cheap"
        )
        manager.run(self._final_module, builder)

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True

    def serialize_using_object_code(self) -> tuple[str, str, bytes]:
        """Serialize the intermediate code."""
        return self.name, "callee", bytes(self._get_module_for_linking().as_bitcode())

    @classmethod
    def read(cls, codegen: Any, name: str, code: bytes) -> _CalleeLibrary:
        """The library that was serialized as `code`."""
        self = cls(codegen, name)
        self._shared_module = llvmlite.binding.parse_bitcode(code)
        self._finalized = True
        return self


class _Callee:
    """Stands for a kernel that only kernels can call, where Numba wants an object that Python calls."""


class _Compiler(CompilerBase):  # type: ignore[misc]
    """Numba's compiler with `_Lowering`."""

    def define_pipelines(self) -> list[Any]:
        pipeline = DefaultPassBuilder.define_nopython_pipeline(self.state)
        pipeline.passes = [(_Lowering if step is NativeLowering else step, why) for step, why in pipeline.passes]
        pipeline.finalize()
        return [pipeline]


class Kernel(CPUDispatcher):  # type: ignore[misc]
    """A kernel as Python calls it.

    For each types of arguments it is compiled in one of two forms. A kernel that Python calls is machine code, with a
    wrapper that unpacks Python's objects. A *callee*, which only other kernels call, is intermediate code that is
    compiled into its callers; most kernels are callees. If Python calls a callee after all, as tests do, it is compiled
    again. In a call from a kernel, a constant counts as an integer, because otherwise a callee would be compiled for
    each constant.
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
        """Whether it is being compiled for another kernel."""
        return self._as_callee

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Called by Numba when another kernel calls this one."""
        constants_as_others = [types.unliteral(kind) for kind in args]
        before, self._as_callee = self._as_callee, True
        try:
            return super().get_call_template(constants_as_others, kws)
        finally:
            self._as_callee = before

    def compile(self, sig: Any) -> Any:
        """Load or compile it for types of arguments; wait for another process that compiles the same."""
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
        """Load or compile it, as a callee or as Python will call it."""
        with global_compiler_lock:
            before, self._as_callee = self._as_callee, is_callee
            try:
                self.compile(signature)
            finally:
                self._as_callee = before

    def is_kept(self, signature: Any, is_callee: bool) -> bool:
        """Whether the cache has it in this form."""
        return self._kept is not None and self._kept.has(signature, self.targetctx, is_callee)

    def is_taken(self, signature: Any, is_callee: bool) -> bool:
        """Whether another process is compiling it in this form."""
        return self._kept is not None and self._kept.is_taken(signature, self.targetctx, is_callee)

    def add_overload(self, result: Any) -> None:
        """As Numba does, but without an entry point for a callee, which Python cannot call."""
        if isinstance(result.entry_point, _Callee):
            self.overloads[tuple(result.signature.args)] = result
        else:
            super().add_overload(result)
            for environment in result._find_referenced_environments():  # those of callees too
                result.codegen.set_env(environment.env_name, environment)

    def _customized(self, flags: Any) -> Any:
        flags.no_cfunc_wrapper = True
        flags.no_cpython_wrapper = self._as_callee
        return flags


def compiled(function: Callable[..., Any], folder: Path | None, **options: bool) -> Any:
    """A function's dispatcher, whose machine code is kept in a folder if there is one.

    Reference counting is left out, because kernels allocate nothing.
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
    """The cache of a dispatcher, as Numba calls it.

    Numba's own cache declares all functions that it knows before it loads a kernel, which takes 0.3 s. Only the
    compiler needs these declarations, and it makes them itself.
    """

    def __init__(self, kernel: Kernel, entries: Entries) -> None:
        self.cache_path = str(entries.folder)
        self._kernel = kernel
        self._entries = entries
        self._code = hashlib.sha256(kernel.py_func.__code__.co_code).hexdigest()

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """A kept result of compilation, or None. An entry that cannot be read is compiled again."""
        try:
            for key in self._keys(signature, target_context, self._kernel.as_callee):
                data = self._entries.load(key)
                if data is not None:
                    return _rebuilt(target_context, data)
        except Exception as error:
            warnings.warn(f"machine code in {self.cache_path} is not used but compiled again: {error!r}", stacklevel=2)
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep a result of compilation."""
        if not result.lifted and not result.library.has_dynamic_globals:
            key = self._keys(signature, result.target_context, self._kernel.as_callee)[0]
            self._entries.save(key, dumps(result._reduce()))

    def turn(self, signature: Any, target_context: Any) -> AbstractContextManager[None]:
        """Within a `with` block that loads or compiles: no other process compiles the same."""
        is_callee = self._kernel.as_callee
        if self.has(signature, target_context, is_callee):
            return nullcontext()
        return self._entries.turn(self._keys(signature, target_context, is_callee)[0])

    def has(self, signature: Any, target_context: Any, is_callee: bool) -> bool:
        """Whether an entry can be loaded."""
        return any(map(self._entries.has, self._keys(signature, target_context, is_callee)))

    def is_taken(self, signature: Any, target_context: Any, is_callee: bool) -> bool:
        """Whether another process is compiling it."""
        return self._entries.is_taken(self._keys(signature, target_context, is_callee)[0])

    def signatures(self, target_context: Any) -> list[Any]:
        """The types of arguments for which machine code that Python can call is kept."""
        found = {key[0]: None for key in self._entries.kept() if key in self._keys(key[0], target_context, False)}
        return list(found)

    def _keys(self, signature: Any, target_context: Any, is_callee: bool) -> list[Any]:
        """Keys of its entries, of which the first is saved under. Code that Python can call also serves as a callee."""
        targets = processors(target_context.codegen())
        return [
            (signature, target, self._code, *kind)
            for kind in ([("callee",), ()] if is_callee else [()])
            for target in targets
        ]

    def flush(self) -> None:
        """Called by Numba's `recompile`. Does nothing, because saving replaces the old entry."""


def _rebuilt(target_context: Any, data: bytes) -> Any:
    """As Numba does, but intermediate code is parsed only if another kernel that calls this one is compiled.

    Parsing it and listing its symbols takes half of the time of loading machine code.
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
    """Processors whose machine code runs here: this one, and the portable one if it has all of its features."""
    triple, _, _ = own = code.magic_tuple()
    portable = PORTABLE.get(platform.machine())
    if portable is None or numba.config.CPU_NAME is not None:
        return [own]
    there = llvmlite.binding.get_host_cpu_features()
    return [own, (triple, portable[0], "")] if all(there.get(feature) for feature in portable[1]) else [own]


@cache
def _empty_module() -> bytes:
    return bytes(llvmlite.binding.parse_assembly("").as_bitcode())
