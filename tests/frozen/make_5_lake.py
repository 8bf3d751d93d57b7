"""Makes the lake of tests/frozen/5; kept for the record. It is never made again: see README.md there.

It needs the code that writes format 5.0: `python -m tests.frozen.make_5_lake FOLDER`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from datetime import date
from pathlib import Path
from unittest.mock import patch

from tests.frozen.make import DAY, REJECTED, sdk_records, small_row_groups
from tests.frozen.make_5 import UNDATED

from logpress.contract.load import load_contract
from logpress.contract.model import Contract
from logpress.engine.press import press_slice
from logpress.engine.restore import restore
from logpress.lake.lake import Lake
from logpress.lake.publish import publish_day
from logpress.manifest import SliceManifest, SliceSpec

NEXT_DAY = date(2021, 12, 27)
_ROWS = 8


def later(records: list[bytes]) -> list[bytes]:
    """The same records a day later."""
    return [record.replace(str(DAY).encode(), str(NEXT_DAY).encode()) for record in records]


SLICES: dict[str, list[bytes]] = {
    "hour12": [*(some := sdk_records(12, 9)), *some[:1], *REJECTED],
    "hour13": [*sdk_records(9, 10), *later(sdk_records(3, 11))],  # the second day's have come early
    "late": [*later(sdk_records(14, 12)), *sdk_records(2, 13), *REJECTED[:2], *UNDATED],
}
"""Raw objects, all of which are read for both days."""


def main(target: Path) -> None:
    """Make the lake, and the records of its days."""
    target = target.resolve()
    target.mkdir(exist_ok=True)
    contract = load_contract("sdk_log")
    small = contract.model_copy(update={"files": contract.files.model_copy(update={"row_group_rows": _ROWS})})
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        patch.dict(os.environ, {"LOGPRESS_COMMIT": "f" * 12}),
    ):
        Path("raw").mkdir()
        for name, records in SLICES.items():
            Path(f"raw/{name}.ndjson").write_bytes(b"".join(record + b"\n" for record in records))
        lake = Lake.create("lake")
        for day in (DAY, NEXT_DAY):
            with small_row_groups(_ROWS, None):
                manifests = [_press(small, day, lake, name) for name in SLICES]
            publish_day(lake, "sdk_log", day, manifests, "run")
            old = Lake(str(target / "lake"), "together")  # as format 1 lays it out
            os.makedirs(old.day_folder("sdk_log", day))
            for paths in lake.files(lake.need_day("sdk_log", day)):
                for path in paths:
                    shutil.copy(path, old.day_folder("sdk_log", day))
            shutil.copy(lake.manifest_path("sdk_log", day), old.manifest_path("sdk_log", day))
            with (target / f"lake-{day}.ndjson").open("wb") as file:
                restore(*lake.files(lake.need_day("sdk_log", day)), file.write)
            assert folder not in Path(old.manifest_path("sdk_log", day)).read_text()
        (target / "lake" / "_logpress.json").write_text('{"format": 1}\n')


def _press(contract: Contract, day: date, lake: Lake, name: str) -> SliceManifest:
    spec = SliceSpec(name=name, inputs=(f"raw/{name}.ndjson",))
    return press_slice(contract, day, spec, lake.staging_folder("sdk_log", day, "run", name), threads=0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
