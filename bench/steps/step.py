"""One step of a tool as a process: `python -m bench.steps.<tool> press|restore|read ...`."""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def run(**steps: Callable[..., None] | Callable[..., pd.DataFrame]) -> None:
    """Run the step that the command line names; steps that begin with `read` return a frame, and are timed here.

    Reading is timed without the imports, as someone finds it who has a notebook open; it is the process's first read.
    """
    name, *arguments = sys.argv[1:]
    if not name.startswith("read"):
        steps[name](*arguments)
        return
    import pandas as pd

    importlib.import_module("pyarrow.parquet")  # pandas would when it first needs it
    began = time.perf_counter()
    frame = steps[name](*arguments)
    seconds = time.perf_counter() - began
    assert isinstance(frame, pd.DataFrame)
    elapsed = pd.to_numeric(frame.iloc[:, 2])
    text_bytes = sum(int(frame.iloc[:, column].dropna().astype(str).str.len().sum()) for column in (0, 1))
    print(
        json.dumps({"seconds": seconds, "rows": len(frame), "elapsed_ms": int(elapsed.sum()), "characters": text_bytes})
    )
