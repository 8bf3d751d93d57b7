"""logpress's files, read as by its users."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import logpress
import logpress.reading
from bench.steps import step

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["client_app_id", "func_name", "response_elapsed_ms"]


def read(stored: str, day: str) -> pd.DataFrame:
    """By logpress's scan."""
    return logpress.open_lake(stored).table("sdk_log").scan(day, columns=COLUMNS).to_pandas()


def read_plain(stored: str, day: str) -> pd.DataFrame:
    """By pandas alone, from the day's folder."""
    import pandas as pd

    return pd.read_parquet(Path(stored, "sdk_log", "data", f"dt={day}"), columns=COLUMNS)


if __name__ == "__main__":
    step.run(read=read, read_plain=read_plain)
