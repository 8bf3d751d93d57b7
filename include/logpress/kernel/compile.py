"""Turns functions into kernels, with private parts of Numba if they are as expected, else with its public ones.

Numba's own cache looks at the file of a function only, so it would keep a kernel whose callee in another file has
changed. Here the key is a digest of all modules of logpress that the kernel's module imports (`sources.py`). `store.py`
keeps the machine code.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np
from numba.core.registry import cpu_target

from logpress.kernel.store import prepare, version_folder

_PACKAGE = __name__.partition(".")[0]

F = TypeVar("F", bound=Callable[..., Any])

_private: Any = None
try:
    _private = import_module("logpress.kernel.numba_private")
except (ImportError, AttributeError, TypeError, ValueError) as error:
    warnings.warn(
        f"Numba {numba.__version__} is not as logpress knows it ({error}): kernels give the same results, but take "
        "longer to load and to run. Install the version of Numba that logpress asks for.",
        RuntimeWarning,
        stacklevel=2,
    )


def processors() -> list[str]:
    """The processors whose cached machine code can be used here; code is now made for the first one.

    None if kernels cannot be compiled before they are called, because Numba's own cache knows no callees.
    """
    if _private is None or numba.config.DISABLE_JIT:
        return []
    return [str(target) for target in _private.processors(cpu_target.target_context.codegen())]


def compiled(function: F, **options: bool) -> F:
    """A function's dispatcher. The function is compiled on first use, or loaded, and runs without the GIL.

    A function with a closure, or of no module of logpress, is compiled in each process, because its sources do not tell
    all that it depends on.
    """
    folder = None if function.__closure__ else version_folder(function.__module__)
    if _private is not None:
        return _private.compiled(function, folder, **options)  # type: ignore[no-any-return]
    if folder is not None and not numba.config.CACHE_LOCATOR_CLASSES:
        return _kept_by_numba(function, folder, **options)
    return numba.njit(nogil=True, error_model="numpy", **options)(function)  # type: ignore[no-any-return]


def _kept_by_numba(function: F, folder: Path, **options: bool) -> F:
    """A dispatcher with Numba's own cache, in a folder for each version of all sources."""
    try:
        prepare(folder)
    except OSError:
        return numba.njit(nogil=True, error_model="numpy", **options)(function)  # type: ignore[no-any-return]
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder)  # read while the dispatcher is made
    try:
        return numba.njit(nogil=True, error_model="numpy", cache=True, **options)(function)  # type: ignore[no-any-return]
    finally:
        numba.config.CACHE_DIR = before


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function to machine code on first use, or load it from the cache; it runs without the GIL.

    Kernels allocate nothing: their scratch arrays are arguments. So reference counting is left out, because counting
    the arrays of each call, atomically, would take longer than most functions.
    """
    return compiled(function)


def inner_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that inner loops of kernels call into its callers.

    A call would pass seven words for each array.
    """
    return compiled(function, forceinline=True)


def load_cached() -> None:
    """Load the cached kernels that a module's Python code calls, so that forked processes share them."""
    numba.typeof(np.empty(0))  # its first call imports for a while
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{_PACKAGE}.") and "kernels" not in name:
            for found in list(vars(module).values()):
                signatures = getattr(getattr(found, "_cache", None), "signatures", None)
                if signatures is not None:
                    for signature in signatures(found.targetctx):
                        found.compile(signature)
