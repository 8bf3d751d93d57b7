"""Makes the files of tests/frozen/4; kept for the record. They are never made again: see README.md there.

It needs the code that writes format 4, and so runs with none that came later:
`python -m tests.frozen.make_4 FOLDER`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

import yaml
from tests.frozen.make import (
    DAY,
    HERE,
    OLDER,
    REJECTED,
    SEPARATORS,
    WHOLE,
    every_records,
    keep,
    press,
    sdk_records,
    separator_records,
    small_pieces,
)

from logpress.contract.load import load_contract
from logpress.contract.model import Contract
from logpress.engine.restore import restore
from logpress.lake.lake import Lake
from logpress.lake.publish import publish_day


def main(target: Path) -> None:
    """Make all files."""
    target = target.resolve()
    every, older = load_contract(HERE / "every.yaml"), Contract.model_validate(yaml.safe_load(OLDER))
    sdk_log = load_contract("sdk_log")
    other_log = load_contract(HERE.parent / "contracts" / "other_log.yaml")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        keep(every, [*every_records(44, 4), *WHOLE], "every", target, rows=16)
        keep(every, every_records(12, 5), "no-room", target, rows=6, metadata_bytes=40)
        keep(every, WHOLE, "whole", target, rows=2)
        separators = Contract.model_validate(yaml.safe_load(SEPARATORS))
        manifest = press(separators, separator_records(), "separators", "out-separators", rows=1_000)
        assert manifest.part is not None
        shutil.copy(f"out-separators/{manifest.part.path}", target / "separators.parquet")
        (target / "separators.ndjson").write_bytes(b"".join(row + b"\n" for row in separator_records()))
        keep(older, every_records(12, 6), "older", target, rows=1_000)
        keep(sdk_log, [*(some := sdk_records(30, 7)), *some[:2], *REJECTED], "sdk_log", target, rows=12)
        from tests.property.test_round_trip import other_records

        keep(other_log, other_records(24, 8), "other_log", target, rows=10)
        with small_pieces():
            keep(every, [b'{"word":"a"}', b"x" * 5_000, b'{"word":"b"}', b"y"], "pieces", target, rows=1_000)
        lake = Lake.create("lake")
        manifests = []
        for number, slice_ in enumerate(("hour12", "hour13")):
            records = [*sdk_records(6, 9 + number), *REJECTED[: 3 * (1 - number)]]
            manifests.append(
                press(sdk_log, records, slice_, lake.staging_folder("sdk_log", DAY, "run", slice_), rows=1_000)
            )
        publish_day(lake, "sdk_log", DAY, manifests, "run")
        day = Path(lake.day_folder("sdk_log", DAY))
        for path in day.iterdir():
            (target / "lake" / "sdk_log" / day.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target / "lake" / "sdk_log" / day.name / path.name)
        shutil.copy("lake/_logpress.json", target / "lake" / "_logpress.json")
        with (target / "lake.ndjson").open("wb") as file:
            restore(*lake.files(lake.need_day("sdk_log", DAY)), file.write)
        assert os.getcwd() not in (day / "_manifest.json").read_text()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
