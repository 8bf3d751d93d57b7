"""`logpress warm`: compile all kernels now, by pressing small days of made-up records and giving them back."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

EPILOG = "Example:\n\n  LOGPRESS_CACHE_DIR=/opt/kernels logpress warm --portable"

_DAY = date(2021, 12, 26)

_EVERY_TYPE = """
table: warm
day: at
copies:
  - {path: again, of: second, form: instant}
order_by: [kind, medium]
restore_order: [number]
files: {row_group_rows: 1000, zstd: 3, merge_bytes: 0}
checks:
  - {kind: unique, columns: [request, note], level: warn}
columns:
  - {name: at, path: at, codec: instant, type: "timestamp[us]"}
  - {name: number, path: number, codec: integer, type: int64}
  - {name: flag, path: flag, codec: boolean}
  - {name: tiny, path: tiny, codec: integer, type: int8}
  - {name: small, path: small, codec: integer, type: int16}
  - {name: medium, path: medium, codec: integer, type: int32}
  - {name: ratio, path: ratio, codec: decimal}
  - {name: kind, path: kind, codec: category}
  - {name: note, path: note, codec: text}
  - {name: payload, path: payload, codec: json}
  - {name: label, path: label, codec: lookup, key: kind}
  - {name: title, path: title, codec: lookup, key: note}
  - {name: second, path: second, codec: instant, type: "timestamp[s]"}
  - {name: elapsed_ms, path: elapsed, codec: integer, type: int32}
  - {name: labelled, path: labelled, codec: instant, type: "timestamp[us]", label_checked_by: at}
  - {name: ended, path: ended, codec: instant, type: "timestamp[ms]", residual_of: [at, elapsed_ms]}
  - {name: id, path: id, codec: kinesis_sequence, arrival: at}
  - {name: device, path: device, codec: uuid}
  - {name: request, path: request, codec: uuid}
"""

_DAYS_RECORDS = 16_000
"""Of the day of search hits, in two hours: more than a block each."""


def warm(
    portable: Annotated[
        bool,
        typer.Option("--portable", help="For any processor of this kind made in the last ten years, as in an image."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing of progress.")] = False,
) -> None:
    """Compile all kernels now, so that the first press, verify or restore on this machine does not.

    They are compiled for this machine's processor, and kept below LOGPRESS_CACHE_DIR (~/.cache by default).
    """
    from logpress.cli.bars import Bars
    from logpress.errors import UsageError
    from logpress.kernel.portable import PORTABLE

    if portable:
        if platform.machine() not in PORTABLE:
            raise UsageError(f"--portable: there is no common processor known for {platform.machine()}; leave it out")
        # read when Numba is imported, which comes below
        os.environ["NUMBA_CPU_NAME"], os.environ["NUMBA_CPU_FEATURES"] = PORTABLE[platform.machine()][0], ""
    from logpress.kernel.ahead import USES, compile_ahead
    from logpress.kernel.store import kept

    with Bars(quiet=quiet), tempfile.TemporaryDirectory(prefix="logpress-warm-") as folder:
        for use in USES:
            compile_ahead(use)
        for _, act in actions(Path(folder)):
            act()
    found = kept()
    print(f"{found.count} kernels, {found.bytes / 1e6:.1f} MB, are kept in {found.folder}", file=sys.stderr)


def actions(folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """What calls every kernel of each use, as (use, what to call); each call needs what those before it made."""
    from logpress.comparing import Named, compare_day
    from logpress.contract import load_contract
    from logpress.day import one_machine, published
    from logpress.sample import write_days, write_sample

    sdk_log, path = load_contract("sdk_log"), folder / "warm.yaml"
    path.write_text(_EVERY_TYPE + "".join(_example_columns()))
    every_type = load_contract(path)
    raw, hits, other = (folder / name for name in ("raw", "hits.ndjson", "other.ndjson"))
    lake, nowhere = str(folder / "lake"), Path(os.devnull)

    yield "sample", partial(write_sample, raw, _DAY, _DAYS_RECORDS, seed=7, hours=(10, 11))
    yield "sample", partial(write_days, folder / "living", _DAY, 100)
    hits.write_bytes(b"".join(_pretty(raw)))
    other.write_bytes(b"".join(_records()))
    hours = sdk_log.model_copy(update={"files": sdk_log.files.model_copy(update={"merge_bytes": 0})})
    for contract, given in ((hours, raw), (sdk_log, hits), (every_type, other)):
        named = [str(given)]
        for threads in (1, 2):  # of one process and, where there are several slices, of two
            yield "press", partial(one_machine.run_day, contract, _DAY, named, lake, threads=threads)
        yield "press", partial(published.verify_published, contract, _DAY, lake, named)
        yield "restore", partial(published.restore_to_file, contract, _DAY, lake, nowhere)
    where = ["response_status_code >= 500"]
    yield "restore", partial(published.restore_to_file, sdk_log, _DAY, lake, nowhere, where=where)
    yield "bulk", partial(published.restore_to_file, sdk_log, _DAY, lake, nowhere, bulk=True)
    yield "compare", partial(compare_day, sdk_log, _DAY, Named((str(hits),)), Named((), lake))


def _pretty(raw: Path) -> Iterator[bytes]:
    """Some hits of a sample, each over several lines; then one of them twice."""
    import gzip

    lines = [line for path in sorted(raw.rglob("*.gz"))[:1] for line in gzip.decompress(path.read_bytes()).splitlines()]
    for line in lines[:500]:
        yield json.dumps(json.loads(line), indent=1).encode() + b"\n"
    yield lines[0] + b"\n" + lines[0] + b"\n"


def _example_columns() -> Iterator[str]:
    """A column of each codec's example, in YAML."""
    from logpress.codecs.registry import CODECS

    for name, codec in CODECS.items():
        yield f"  - {json.dumps({'name': f'as_{name}', 'path': f'as_{name}', 'codec': name, **codec.example.keys})}\n"


def _records() -> Iterator[bytes]:
    """Records of the contract above; some lack values, some have one that does not fit, and there are other bytes."""
    from logpress.codecs.registry import CODECS
    from logpress.sample.sequence import CREATED, sequence_number

    examples = {f"as_{name}": codec.example for name, codec in CODECS.items()}
    for number in range(3_000):
        second = number % 60
        kind = ("login", "chat", "상점 ")[number % 3]
        document = {
            "number": (number * 7919) % 3_000,
            "at": f"2021-12-26T10:{number % 60:02}:{second:02}.{number:06}Z",
            "flag": number % 2 == 0, "tiny": number % 256 - 128, "small": number * 10, "medium": -number,
            "ratio": number / 8, "kind": kind, "note": f"note \"{number}\"\n", "payload": {"a": [number, None]},
            "label": f"label of {kind}" if number % 20 else "another", "title": f"title {number}",
            "second": f"2021-12-26T11:00:{second:02}Z", "again": f"2021-12-26T11:00:{second:02}Z", "elapsed": second,
            "labelled": f"2021-12-26T19:{number % 60:02}:{second:02}.{number:06}+09:00",
            "ended": f"2021-12-26T10:{number % 60:02}:{second:02}.{number % 1000:03}Z",
            "device": f"00000000-0000-4000-8000-{number % 8:012x}",
            "request": f"{number:08x}-0000-4000-8000-{number * 7919:012x}",
            "id": f"{sequence_number(CREATED, number, 1_640_513_400 + second, number % 3)}.0",
        }  # fmt: skip
        if number % 5 == 0:
            del document["tiny"], document["ratio"], document["note"], document["kind"]
        for name, example in examples.items():
            texts = example.texts if number % 50 == 0 else example.fits
            document[name] = json.loads(texts[number % len(texts)])
        if number % 50 == 0:
            document["medium"], document["second"], document["more"] = "1.0", "2021-02-30T00:00:00Z", 1e300
        yield json.dumps(document, ensure_ascii=number % 7 == 0).encode() + b"\n"
    yield b"no record\n"
