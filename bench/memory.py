"""Measure the memory of a process for inputs made to need much of it: `python -m bench.memory`.

Each input is one slice, pressed, proved, read with fastparquet and restored in a process of its own, on one core.
Peaks are resident memory, with imported modules. About 2 GB of disk are needed.
"""

from __future__ import annotations

import json
import random
import re
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.console import Console

from bench.measure import MeasureError, answered
from bench.sample import DAY
from bench.tables import Table

if TYPE_CHECKING:
    from logpress.contract import Contract
    from logpress.limits import Limits

MIB = 1 << 20
STEPS = ("press", "prove", "restore", "read")
INSTANT = f"{DAY}T15:11:04Z"

Write = Callable[[IO[bytes], int], None]
"""Writes an input of about this number of bytes."""


def usual(out: IO[bytes], size: int) -> None:
    """Output of `logpress sample`."""
    from logpress.sample import write_sample

    with tempfile.TemporaryDirectory(dir=Path(out.name).parent) as folder:
        write_sample(Path(folder), _day(), size // 870, hours=(10, 10), compression="none")
        for path in sorted(Path(folder).rglob("*.ndjson")):
            out.write(path.read_bytes())


def one_line(out: IO[bytes], size: int) -> None:
    """A single record."""
    _long(out, size)


def long_records(out: IO[bytes], size: int) -> None:
    """Records nearly as long as a record may be, each with a layout of its own and all of its bytes an extra value."""
    from logpress.limits import DEFAULT

    longest = min(DEFAULT.longest_record_bytes - MIB, size // 4)
    for number in range(size // longest):
        _long(out, longest, f'"timestamp":"{INSTANT}","k{number}":1,')


def _long(out: IO[bytes], size: int, more: str = "") -> None:
    piece = random.Random(1).randbytes(MIB // 2).hex().encode()
    out.write(f'{{{more}"long":"'.encode())
    for _ in range(size // MIB):
        out.write(piece)
    out.write(b'"}\n')


def many_values(out: IO[bytes], size: int) -> None:
    """Records of 1 MB with only the smallest values; they are kept whole."""
    value = b",".join(b'"%06x":1' % number for number in range(MIB // 11))
    for number in range(size // len(value)):
        out.write(b'{"timestamp":"%s","n":%d,%s}\n' % (INSTANT.encode(), number, value))


def long_whole(out: IO[bytes], size: int) -> None:
    """One record as long as a record may be that holds nothing but the smallest values."""
    from logpress.limits import DEFAULT

    longest = min(DEFAULT.longest_record_bytes - MIB, size)
    out.write(b'{"timestamp":"%s","n":[' % INSTANT.encode() + b"[]," * (longest // 3) + b"1]}\n")


def whole(out: IO[bytes], size: int) -> None:
    """Records of 1 MB, each kept whole because it has more values than a layout allows; none repeats."""
    drawn = random.Random(2)
    values = b",".join(b'"k%d":1' % number for number in range(600))
    for _ in range(size // MIB):
        text = drawn.randbytes(MIB // 2).hex().encode()
        out.write(b'{"timestamp":"%s",%s,"text":"%s"}\n' % (INSTANT.encode(), values, text))


def distinct(out: IO[bytes], size: int) -> None:
    """Each record has 200 distinct bytes in a category column, and 200 in a field that the contract does not name."""
    _each(out, size, lambda number, text: f'"nickName":"{text}","more":"{text[::-1]}"')


def repeated(out: IO[bytes], size: int) -> None:
    """Each record has the same 2,000 bytes in a field that the contract does not name: one text, many copies."""
    same = "x" * 2000
    _each(out, size, lambda number, text: f'"more":"{same}","response_elapsed_time":{number}')


def lookups(out: IO[bytes], size: int) -> None:
    """Each record has another key, and a text that follows from it."""
    _each(out, size, lambda number, text: f'"func_name":"{text[:64]}","request_url":"{text}"')


def escaped(out: IO[bytes], size: int) -> None:
    r"""Each record has a text with an unusual escape, such as \u0041."""
    _each(out, size, lambda number, text: f'"nickName":"\\u00{41 + number % 10}{text}{"" if number % 2 else "/"}"')


def layouts(out: IO[bytes], size: int) -> None:
    """Each record has other keys."""
    _each(out, size, lambda number, text: ",".join(f'"k{number}_{at}":{at}' for at in range(30)))


def long_layouts(out: IO[bytes], size: int) -> None:
    """Each record has other keys, all of them long."""
    _each(out, size, lambda number, text: ",".join(f'"k{number}_{at}{text * 10}":1' for at in range(100)))


def tiny(out: IO[bytes], size: int) -> None:
    """Records of 16 bytes."""
    _numbered(out, size, b'{"n":"', b'"}\n')


def joined(out: IO[bytes], size: int) -> None:
    """Records of 15 bytes without separators."""
    _numbered(out, size, b'{"n":"', b'"}')


def rejects(out: IO[bytes], size: int) -> None:
    """Lines of 8 bytes that are not JSON."""
    _numbered(out, size, b"", b"\n")


def empty(out: IO[bytes], size: int) -> None:
    """Records without values; all but the first are duplicates."""
    out.write(b"{}\n" * (size // 3))


def _numbered(out: IO[bytes], size: int, before: bytes, behind: bytes) -> None:
    count = size // (8 + len(before) + len(behind))
    for first in range(0, count, 1 << 20):
        numbers = np.arange(first, min(first + (1 << 20), count), dtype=np.int64)
        digits = (numbers[:, None] // 10 ** np.arange(7, -1, -1) % 10 + 48).astype(np.uint8)
        pieces = [
            np.broadcast_to(np.frombuffer(text, np.uint8), (len(numbers), len(text))) for text in (before, behind)
        ]
        out.write(np.concatenate([pieces[0], digits, pieces[1]], axis=1).tobytes())


def _each(out: IO[bytes], size: int, fields: Callable[[int, str], str]) -> None:
    drawn = random.Random(3)
    number = written = 0
    while written < size:
        text = drawn.randbytes(100).hex()
        written += out.write(f'{{"timestamp":"{INSTANT}",{fields(number, text)}}}\n'.encode())
        number += 1


INPUTS: dict[str, tuple[Write, int]] = {
    "the sample": (usual, 900 * MIB),
    "one line": (one_line, 1024 * MIB),
    "long records": (long_records, 1024 * MIB),
    "one record of empty lists": (long_whole, 1024 * MIB),
    "records kept whole": (whole, 1024 * MIB),
    "records of many values": (many_values, 300 * MIB),
    "distinct texts": (distinct, 900 * MIB),
    "one text repeated": (repeated, 1400 * MIB),
    "distinct lookups": (lookups, 900 * MIB),
    "odd spellings": (escaped, 600 * MIB),
    "layouts": (layouts, 10 * MIB),
    "long layouts": (long_layouts, 600 * MIB),
    "tiny records": (tiny, 510 * MIB),
    "tiny records, joined": (joined, 480 * MIB),
    "rejects": (rejects, 30 * MIB),
    "empty records": (empty, 6 * MIB),
}


def _day() -> date:
    return date.fromisoformat(DAY)


def peak_mb() -> float:
    """Peak resident memory of this process since the last call, in 1e6 bytes (proc(5))."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    Path("/proc/self/clear_refs").write_text("5")
    return int(found.group(1)) * 1024 / 1e6


def peaks_of(
    path: Path, folder: Path, contract: Contract | None = None, limits: Limits | None = None
) -> dict[str, float]:
    """Press and prove one slice in this process: its peak after each step, in 1e6 bytes, and what became of it.

    Raises:
        MeasureError: if the restored records differ.
    """
    from logpress.contract import load_contract
    from logpress.engine.press import press_slice
    from logpress.engine.restore.digest_parts import digest_files
    from logpress.limits import DEFAULT
    from logpress.manifest import SliceSpec

    limits = limits or DEFAULT
    contract = contract or load_contract("sdk_log")
    spec = SliceSpec(
        name="slice",
        inputs=(str(path),),
        raw_bytes=path.stat().st_size,
        named_after={str(path): _day()},  # so that records without a day are rows
    )
    peak_mb()
    manifest = press_slice(contract, _day(), spec, str(folder), threads=0, limits=limits)
    press = peak_mb()
    figures = digest_files(*_files(folder), threads=0, limits=limits)
    if figures != (manifest.rows + manifest.rejects, manifest.raw_bytes, manifest.digest):
        raise MeasureError(f"{path}: {figures} came back")
    groups = manifest.part.row_groups if manifest.part else 0
    return {"press": press, "prove": peak_mb(), "rows": manifest.rows, "rejects": manifest.rejects, "groups": groups}


def _files(folder: Path) -> tuple[list[str], list[str]]:
    return [str(path) for path in folder.glob("part-*")], [str(path) for path in folder.glob("_rejects-*")]


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@app.command(hidden=True)
def press(path: Path, folder: Path) -> None:
    """Press and prove one input in this process."""
    print(json.dumps(peaks_of(path, folder)))


@app.command(hidden=True)
def restore(folder: Path) -> None:
    """Restore a pressed slice in this process, with 1 GB of memory."""
    from logpress.engine.restore import in_order as restoring

    with open("/dev/null", "wb") as out:
        restoring.restore(*_files(folder), out.write, threads=2, memory=10**9)
    print(json.dumps({"restore": peak_mb()}))


@app.command(hidden=True)
def read(folder: Path) -> None:
    """Read a pressed slice with fastparquet in this process."""
    from logpress.quality.readable import prove_readable

    for path in folder.glob("part-*"):
        prove_readable(str(path))
    print(json.dumps({"read": peak_mb()}))


@app.command()
def measure(
    only: Annotated[str, typer.Option(metavar="NAMES", help="Which inputs, by semicolons; all by default.")] = "",
    scale: Annotated[float, typer.Option(help="Share of each input's size.")] = 1.0,
    scratch: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to work; some 2 GB.")] = None,
) -> None:
    """Measure and print."""
    from logpress.contract import load_contract
    from logpress.day.budget import press_bytes
    from logpress.limits import DEFAULT

    bound = (DEFAULT.imported_bytes + press_bytes(load_contract("sdk_log"))) / 1e6
    table = Table("Peak memory of a process, MB", ["input", "MB", "rows", "rejects", *STEPS])
    table.notes.append(f"The bound for pressing and proving is {bound:,.0f} MB; restoring was given 1,000 MB.")
    console = Console(width=140)
    for name in only.split(";") if only else INPUTS:
        with tempfile.TemporaryDirectory(prefix="logpress-bench-", dir=scratch) as folder, console.status(name):
            path, pressed = Path(folder) / "raw", f"{folder}/out"
            write, size = INPUTS[name]
            with path.open("wb") as out:
                write(out, int(size * scale))
            found: dict[str, float] = {}
            for arguments in (["press", str(path), pressed], ["restore", pressed], ["read", pressed]):
                found |= answered([sys.executable, "-m", "bench.memory", *arguments])
            figures = [path.stat().st_size / 1e6, found["rows"], found["rejects"], *(found[step] for step in STEPS)]
            table.rows.append([name, *(f"{figure:,.0f}" for figure in figures)])
            console.print(*table.rows[-1])
    console.print(table.rich())
    for note in table.notes:
        console.print(note, markup=False, highlight=False)


if __name__ == "__main__":
    app()
