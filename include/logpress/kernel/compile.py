"""How a function becomes a kernel: with private parts of Numba if they are as logpress knows them, or else without.

Numba keys its cache by the file a function stands in, and so would keep using a kernel whose callee in another
file has changed. Here the key is a digest of all modules of logpress that a kernel's module imports (`sources.py`).
Where machine code is kept: `store.py`.
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
    """For which processors machine code may have been made that can be used here; that which is made now is the first.

    None where kernels cannot be compiled before they are called: Numba's own cache knows no callees.
    """
    if _private is None or numba.config.DISABLE_JIT:
        return []
    return [str(target) for target in _private.processors(cpu_target.target_context.codegen())]


def compiled(function: F, **options: bool) -> F:
    """A function's dispatcher: compiled on first use, or loaded; it runs without the GIL.

    Functions with a closure are compiled anew in each process, and those that stand in no module of logpress: sources
    do not tell what they are made of.
    """
    folder = None if function.__closure__ else version_folder(function.__module__)
    if _private is not None:
        return _private.compiled(function, folder, **options)  # type: ignore[no-any-return]
    if folder is not None and not numba.config.CACHE_LOCATOR_CLASSES:
        return _kept_by_numba(function, folder, **options)
    return numba.njit(nogil=True, error_model="numpy", **options)(function)  # type: ignore[no-any-return]


def _kept_by_numba(function: F, folder: Path, **options: bool) -> F:
    """Numba's own cache looks at the function's own file only, so it gets a folder for each version of all sources."""
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
    """Compile a function to machine code on first use (or load it from the cache); it runs without the GIL.

    Kernels allocate nothing: their scratch arrays are arguments. So reference counting is left out; counting arrays in
    and out of each small function, atomically, would take longer than the function.
    """
    return compiled(function)


def inner_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that inner loops of kernels call, into its callers: a call hands over seven words an array."""
    return compiled(function, forceinline=True)


def load_cached() -> None:
    """Load all kernels in the cache that a module's Python code calls, so that forked processes need not each do so."""
    numba.typeof(np.empty(0))  # its first call imports for a while
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{_PACKAGE}.") and "kernels" not in name:
            for found in list(vars(module).values()):
                signatures = getattr(getattr(found, "_cache", None), "signatures", None)
                if signatures is not None:
                    for signature in signatures(found.targetctx):
                        found.compile(signature)
