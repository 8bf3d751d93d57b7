"""zstd frames of numbers, decoded by what is no build of libzstd: aircompressor, whose algorithm Trino uses."""

from __future__ import annotations

import hashlib
import itertools
import random
import struct
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import zstandard
from tests.conftest import PressBytes
from tests.integration.engines import fetched, skip_loudly
from tests.integration.nodes import CannotStartError, find_java
from tests.parquet_files import Page, pages_of
from tests.property.test_frames import (
    ALPHABETS,
    COUNTS,
    KB,
    KINDS,
    numbers_of_alphabets,
    page_of,
    pages_of_every_length,
)

from logpress.contract import Contract
from logpress.parquet.zstd.frames import BYTES, MATCHINGS, WHOLE_DELTAS, Matching, compress_numbers
from logpress.sample import write_sample

pytestmark = pytest.mark.long

AIRCOMPRESSOR = ("io.airlift", "aircompressor", "2.0.3", "jar")
"""Java alone; version 3 can call libzstd where it finds it."""

_PROGRAM = Path(__file__).parent / "DecodeFrames.java"

MOST_STREAMED_BYTES = 8 << 20
"""The largest window that aircompressor's stream takes, which RFC 8878 recommends: no page of a part file is larger."""


@dataclass(frozen=True)
class Frame:
    """A frame and what it should give."""

    name: str
    frame: bytes
    size: int
    digest: str

    @classmethod
    def of(cls, name: str, frame: bytes, content: bytes) -> Frame:
        return cls(name, frame, len(content), hashlib.sha256(content).hexdigest())

    @classmethod
    def made(cls, name: str, page: bytes, matching: Matching, prefix: int) -> Frame:
        return cls.of(f"{name} {matching} {len(page)} {prefix}", compress_numbers(page, matching, prefix), page)


@dataclass(frozen=True)
class Decoder:
    """aircompressor, started with a file of frames."""

    command: tuple[str, ...]
    folder: Path

    def answers(self, frames: Sequence[Frame]) -> list[tuple[str, str]]:
        """The digests of what each frame gives whole, and as a stream; of one that is refused, why."""
        path = self.folder / "frames"
        with path.open("wb") as out:
            out.write(struct.pack(">i", len(frames)))
            for frame in frames:
                out.write(struct.pack(">ii", frame.size, len(frame.frame)) + frame.frame)
        done = subprocess.run([*self.command, str(path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        lines = done.stdout.splitlines()
        assert len(lines) == 2 * len(frames)
        return list(zip(lines[::2], lines[1::2], strict=True))


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    try:
        java = find_java(17)
        if "jdk.compiler" not in subprocess.run([java, "--list-modules"], capture_output=True, text=True).stdout:
            raise CannotStartError(f"{java} cannot compile: a JDK is needed")
        (jar,) = fetched([AIRCOMPRESSOR])
    except CannotStartError as error:
        skip_loudly("aircompressor", error)
    command = (java, "-Xmx1g", "-XX:+UseSerialGC", "-cp", str(jar), str(_PROGRAM))
    return Decoder(command, tmp_path_factory.mktemp("frames"))


def wrong(frames: Sequence[Frame], answers: Sequence[tuple[str, str]]) -> list[str]:
    """Names of frames that give something else, and what."""
    found = []
    for frame, (whole, streamed) in zip(frames, answers, strict=True):
        if whole != frame.digest:
            found.append(f"{frame.name}, whole: {whole}")
        if streamed != frame.digest and frame.size <= MOST_STREAMED_BYTES:
            found.append(f"{frame.name}, as a stream: {streamed}")
    return found


def small_pages() -> Iterator[Frame]:
    choose, random_ = random.Random(20261129), np.random.default_rng(20261129)
    for kind, matching in itertools.product(KINDS, MATCHINGS):
        for _ in range(30):
            size = choose.choice([choose.randrange(100), choose.randrange(5000), choose.randrange(20_000)])
            prefix = choose.choice([0, min(size, 7), choose.randint(0, size)])
            yield Frame.made(kind, page_of(kind, random_, size, matching[0], prefix), matching, prefix)


def pages_around_borders() -> Iterator[Frame]:
    for border, matching, kind in itertools.product((0, 16, 256, 64 * KB + 256, 128 * KB, 256 * KB), MATCHINGS, KINDS):
        random_ = np.random.default_rng(border)
        for size in (max(border - 1, 0), border, border + 1, border + 9):
            prefix = min(int(random_.integers(0, 10)), size)
            yield Frame.made(kind, page_of(kind, random_, size, matching[0], prefix), matching, prefix)


def pages_behind_long_prefixes() -> Iterator[Frame]:
    prefixes = (128 * KB - 8, 128 * KB - 1, 128 * KB, 128 * KB + 1)
    for prefix, matching, kind in itertools.product(prefixes, MATCHINGS, KINDS):
        for extra in (1, 17, 30 * KB):
            page = page_of(kind, np.random.default_rng(prefix), prefix + extra, matching[0], prefix)
            yield Frame.made(kind, page, matching, prefix)


def pages_of_alphabets() -> Iterator[Frame]:
    for kind, symbols in itertools.product(COUNTS, ALPHABETS):
        for numbers, matching in zip(numbers_of_alphabets(kind, symbols), itertools.cycle(MATCHINGS), strict=False):
            page = numbers.astype(f"<u{matching[0] or 1}").tobytes()
            yield Frame.made(f"{symbols} symbols, {kind}", page, matching, 0)


def large_pages() -> Iterator[Frame]:
    """Pages as large as the largest of part files, as a window of 8 MB, and larger; one with offsets of all sizes."""
    for matching in MATCHINGS:
        random_ = np.random.default_rng(9)
        for kind, size in (("instants", 4 << 20), ("ranks", 8 << 20), ("mixed sizes", 9_000_001)):
            yield Frame.made(kind, page_of(kind, random_, size, matching[0], 5), matching, 5)
        parts = (("rarely large", 1200 * KB), ("random", 1200 * KB), ("rarely large", 5000 * KB))
        page = b"".join(page_of(kind, random_, size, matching[0], 0) for kind, size in parts)
        yield Frame.made("several kinds", page, matching, 0)


def test_frames_of_all_pages_come_back(decoder: Decoder) -> None:
    frames = [
        *small_pages(),
        *pages_around_borders(),
        *pages_behind_long_prefixes(),
        *(Frame.made("lengths", page, matching, 0) for page, matching in pages_of_every_length()),
        *pages_of_alphabets(),
        *large_pages(),
    ]
    assert wrong(frames, decoder.answers(frames)) == []


def matchings_of(page: Page) -> tuple[Matching, ...]:
    """With which of them our kernel makes the frame; none where libzstd made it."""
    levels = 4 + int.from_bytes(page.body[:4], "little")  # where a column may be null
    prefixes = [prefix for prefix in (0, levels) if prefix <= len(page.body)]
    return tuple(m for m in MATCHINGS if any(compress_numbers(page.body, m, p) == page.frame for p in prefixes))


def test_pages_of_part_files_come_back(
    decoder: Decoder, sdk_log: Contract, press_bytes: PressBytes, tmp_path: Path
) -> None:
    write_sample(tmp_path / "raw", date(2021, 12, 26), 60_000, compression="none", hours=(9, 11))
    data = b"".join(path.read_bytes() for path in sorted((tmp_path / "raw").rglob("*.ndjson")))
    files = sdk_log.files.model_copy(update={"row_group_rows": 20_000})
    part = press_bytes(sdk_log.model_copy(update={"files": files}), data, tmp_path).part
    assert part is not None
    pages = [
        (f"row group {group}, column {column}", page)
        for group, chunks in enumerate(pages_of(part))
        for column, chunk in enumerate(chunks)
        for page in chunk
    ]
    alone = {made[0] for _, page in pages if len(made := matchings_of(page)) == 1}
    assert {BYTES, WHOLE_DELTAS} < alone, "the sample's files have no such pages"
    frames = [Frame.of(name, page.frame, page.body) for name, page in pages]
    assert wrong(frames, decoder.answers(frames)) == []


def test_a_changed_byte_is_told(decoder: Decoder) -> None:
    """Frames have no checksum, but libzstd finds another content in each of these, or none."""
    choose, random_ = random.Random(1), np.random.default_rng(1)
    changed = []
    for kind, matching in itertools.product(KINDS, MATCHINGS):
        page = page_of(kind, random_, 5000, matching[0], 5)
        frame = bytearray(compress_numbers(page, matching, 5))
        frame[choose.randrange(9, len(frame))] ^= 1 << choose.randrange(8)
        try:
            same = zstandard.ZstdDecompressor().decompress(bytes(frame)) == page
        except zstandard.ZstdError:
            same = False
        if not same:
            changed.append(Frame.of(f"{kind} {matching}", bytes(frame), page))
    assert len(changed) > 0.9 * len(KINDS) * len(MATCHINGS)
    told = wrong(changed, decoder.answers(changed))
    assert len(told) == 2 * len(changed)
