"""Freezes a table: its records are pressed once, and the file is kept for ever, with its records and their hashes.

    python -m tests.frozen.freeze NAME < records.ndjson
    python -m tests.frozen.freeze --codec CODEC

NAME.yaml in this folder is its contract; of a codec, contract and records are made from its example. The files go into
the folder of today's major version, their hashes into SHA256SUMS. If the file has a version that golden.json does not
have, its golden digest goes there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

import zstandard
from tests.conftest import DAY, records_in_order

from logpress.codecs.registry import CODECS
from logpress.contract import load_contract
from logpress.engine.part import metadata as part_module
from logpress.engine.part.metadata import MAJOR
from logpress.engine.part.part_reader import PartReader
from logpress.engine.press import press_slice
from logpress.manifest import SliceSpec

FROZEN = Path(__file__).parent
SUMS, GOLDEN = FROZEN / "SHA256SUMS", FROZEN / "golden.json"
NO_COMMIT = "f" * 12
_COPIES = 25
"""How often a golden file has the records of its table, so that it has 2 row groups."""


def pressed(table: str, slice_: str, raw: bytes, folder: Path, threads: int = 0) -> Path:
    """A part of these records, pressed with the contract of a frozen table."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "raw.ndjson").write_bytes(raw)
    spec = SliceSpec(name=slice_, inputs=(str(folder / "raw.ndjson"),))
    contract = load_contract(FROZEN / f"{table}.yaml")
    manifest = press_slice(contract, DAY, spec, str(folder / "out"), threads=threads)
    assert manifest.part is not None
    return folder / "out" / manifest.part.path


def golden_part(table: str, folder: Path, threads: int = 0) -> Path:
    """The part whose digest golden.json has: its footer names no version of the code."""
    raw = (FROZEN / str(MAJOR) / f"{table}.ndjson").read_bytes() * _COPIES
    with patch.object(part_module, "__version__", "golden"), patch.object(part_module, "commit", lambda: NO_COMMIT):
        return pressed(table, "golden", raw, folder, threads)


def golden_entry(table: str, part: Path) -> dict[str, str]:
    """What golden.json says of a version."""
    libzstd = ".".join(map(str, zstandard.ZSTD_VERSION))
    return {"table": table, "part": hashlib.sha256(part.read_bytes()).hexdigest(), "libzstd": libzstd}


def freeze(table: str, raw: bytes, folder: Path) -> list[Path]:
    """Write the frozen files of a table, and what is known of them; returns the files.

    Raises:
        FileExistsError: if they are there, because frozen files are never written again.
    """
    part, records = (FROZEN / str(MAJOR) / f"{table}.{ending}" for ending in ("parquet", "ndjson"))
    if part.exists() or records.exists():
        raise FileExistsError(f"{part} is frozen; give the table another name")
    with patch.dict(os.environ, {"LOGPRESS_COMMIT": NO_COMMIT}):
        made = pressed(table, table, raw, folder)
    rows = records_in_order(made)
    assert sorted(rows) == sorted(raw.split(b"\n")[:-1]), "the file does not give its records"
    shutil.copy(made, part)
    records.write_bytes(b"".join(row + b"\n" for row in rows))
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {MAJOR}/{path.name}" for path in (part, records)]
    lines = {line.split()[1]: line for line in [*SUMS.read_text().splitlines(), *sums]}
    SUMS.write_text("".join(f"{lines[name]}\n" for name in sorted(lines)))
    version, golden = PartReader(str(part)).metadata.version, json.loads(GOLDEN.read_text())
    if version not in golden:
        golden[version] = golden_entry(table, golden_part(table, folder / "golden"))
        GOLDEN.write_text(json.dumps(golden, indent=1) + "\n")
    return [part, records]


def table_of(codec: str) -> bytes:
    """Write the contract of a table of a codec's example, and give its records."""
    keys = CODECS[codec].example.keys
    columns = [
        {"name": "at", "path": "at", "codec": "instant"},
        {"name": "kind", "path": "kind", "codec": "category"},
        {"name": "value", "path": "value", "codec": codec, **keys},
        {"name": "another", "path": "in.another", "codec": codec, **keys},
    ]
    (FROZEN / f"{codec}.yaml").write_text(
        f"# Values of the codec `{codec}`. Frozen files and a golden one are of this table: leave it as it is.\n"
        f"table: {codec}\nsource: {{duplicates: keep}}\nday: at\ncolumns:\n"
        + "".join(f"  - {json.dumps(column)}\n" for column in columns)
        + "order_by: [kind, at]\nrestore_order: [value, another, at]\nfiles: {row_group_rows: 1000, zstd: 3}\n"
    )
    texts = CODECS[codec].example.texts
    records = []
    for number in range(66):
        members = [b'"at":"2021-12-26T12:%02d:%02d.%03dZ"' % (number % 7, number % 60, number % 1000)]
        members += [b'"kind":"%d"' % (number % 3)] if number % 5 else []
        members += [b'"value":' + texts[number % len(texts)]] if number % 11 else []
        members += [b'"in":{"another":' + texts[(7 * number + 1) % len(texts)] + b"}"]
        members += [b'"x%d":0' % name for name in range(600 if number == 40 else 0)]  # kept whole
        records.append(b"{" + b",".join(members) + b"}\n")
    return b"".join(records)


def main() -> None:
    """Freeze the records of standard input, or of a codec."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", help="name of the table: NAME.yaml in this folder is its contract", nargs="?")
    parser.add_argument("--codec", help="freeze a table of this codec's example", choices=sorted(CODECS))
    asked = parser.parse_args()
    if (asked.table is None) == (asked.codec is None):
        parser.error("give the name of a table, or --codec")
    raw = table_of(asked.codec) if asked.codec else sys.stdin.buffer.read()
    with tempfile.TemporaryDirectory() as folder:
        for path in freeze(asked.table or asked.codec, raw, Path(folder)):
            print(path)


if __name__ == "__main__":
    main()
