"""How a function becomes a kernel: with private parts of Numba if they are as logpress knows them, or else without."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import numba

from logpress.kernel.store import prepare, version_folder

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
