"""logpress: a day of raw JSON logs, pressed into proven Parquet.

ML engineers need one name: :func:`open_lake`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from logpress.version import __version__

if TYPE_CHECKING:
    from logpress.reading import open_lake as open_lake

__all__ = ["__version__", "open_lake"]


def __getattr__(name: str) -> Any:
    """Import the reader on first use, so that `import logpress` and `logpress --help` stay fast."""
    if name == "open_lake":
        return import_module("logpress.reading").open_lake
    raise AttributeError(f"module 'logpress' has no attribute {name!r}")
