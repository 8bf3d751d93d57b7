"""Write an hour's rows as lines of JSON, in chunks of bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from logpress.kernel.words import PADDING
from logpress.sample import kernels_lines as kernels
from logpress.sample.draw import Rows
from logpress.sample.kernels_lines import CLIENT_APP_ID_BYTES, CREATED_BYTES, write_lines
from logpress.sample.kinds import Kind
from logpress.sample.plain import LABEL_MS, document
from logpress.sample.plan import Plan, Shape
from logpress.sample.population import Population
from logpress.sample.sequence import Sequences
from logpress.sample.unusual import unusual_line
from logpress.sample.vocabulary import ANSWERS, FUNCTIONS

CHUNK_BYTES = 2 << 20

DOCUMENT = (
    ('{"client_app_id":"', kernels.CLIENT_APP_ID),
    ('","func_name":"', kernels.FUNCTION),
    ('","nickName":"', kernels.NICKNAME),
    ('","request_begin_timestamp":"', kernels.BEGIN),
    ('+09:00","request_end_timestamp":"', kernels.END),
    ('+09:00","request_url":"', kernels.ADDRESS),
    ('","response_elapsed_time":', kernels.ELAPSED),
    (',"response_reason":"', kernels.REASON),
    ('","response_status_code":', kernels.STATUS),
    (',"sdk_version":"', kernels.VERSION),
    ('","timestamp":"', kernels.STAMP),
    ('Z","user_inDate":"', kernels.CREATED),
)
DOCUMENT_END = '"}'
HIT_BEGIN = '.0","_version":1,"_score":null,"_source":'
HIT = (
    (DOCUMENT_END + ',"fields":{"request_begin_timestamp":["', kernels.BEGIN_AS_LABELLED),
    ('Z"],"user_inDate":["', kernels.CREATED),
    ('"],"request_end_timestamp":["', kernels.END_AS_LABELLED),
    ('Z"],"timestamp":["', kernels.STAMP),
    ('.000Z"]},"sort":[', kernels.EPOCH),
)
HIT_END = "000]}"
_COLUMNS = ("begin", "stamp", "user", "elapsed", "slip", "call", "answer", "other_url")


@dataclass(frozen=True)
class Hour:
    """The records that arrive in one hour, in order of arrival.

    Attributes:
        rows: records of dtype `draw.ROW`.
        sequences: their Kinesis sequence numbers.
        unusual: int64[k], indices of rows that are not regular, ascending.
        lines: the lines of the unusual rows, without their last newlines.
    """

    rows: Rows
    sequences: Sequences
    unusual: NDArray[np.int64]
    lines: tuple[bytes, ...]


class Printer:
    """Writes rows as lines of one shape; safe to use from several threads."""

    def __init__(self, plan: Plan, population: Population, shape: Shape) -> None:
        self._shape = shape
        self._population = population
        self._people = (
            population.game,
            population.version,
            _padded("".join(population.games).encode()),
            _padded(_created_texts(population.created)),
            _padded(population.names),
            population.name_ends,
        )
        assert len(self._people[2]) == len(population.games) * CLIENT_APP_ID_BYTES + PADDING
        literals, self._slots = _skeleton(plan, shape)
        dictionaries: list[Sequence[str]] = [
            [function.name for function in FUNCTIONS],
            [function.url for function in FUNCTIONS],
            [function.other_url for function in FUNCTIONS],
            [json.dumps(answer.reason, ensure_ascii=False)[1:-1] for answer in ANSWERS],
            population.versions,
        ]
        sizes = [len(literals), *map(len, dictionaries)]
        texts, offsets = _joined([text.encode() for texts in (literals, *dictionaries) for text in texts])
        statuses = np.array([answer.status for answer in ANSWERS], dtype=np.int64)
        self._words = (texts, offsets, np.cumsum(sizes)[:-1], statuses, LABEL_MS, digit_tables(plan))

    def hour(self, rows: Rows, sequences: Sequences) -> Hour:
        """Prepare an hour, and write its few unusual records."""
        unusual = np.flatnonzero(rows["kind"])
        lines = tuple(
            unusual_line(
                Kind(rows["kind"][row]),
                document(rows, row, self._population),
                sequences.number(row),
                self._shape,
                int(rows["tick"][row]),
            )
            for row in unusual.tolist()
        )
        return Hour(rows, sequences, unusual, lines)

    def chunks(self, hour: Hour, first: int, last: int) -> Iterator[memoryview]:
        """The lines of rows `first` to before `last`, in chunks of whole lines; each is valid until the next."""
        out = np.empty(CHUNK_BYTES, dtype=np.uint8)
        # Contiguous copies, so that the kernel is compiled for one type of array only.
        rows = tuple(np.ascontiguousarray(hour.rows[name][first:last]) for name in _COLUMNS)
        drawn = hour.sequences
        sequences = tuple(part[first:last] for part in (drawn.created, drawn.counter, drawn.arrival, drawn.shard))
        some = slice(*np.searchsorted(hour.unusual, [first, last]).tolist())
        lines = hour.lines[some]
        prepared = (hour.unusual[some] - first, *_joined(lines), max(map(len, lines), default=0) + 1)
        scratch = np.empty(6, dtype=np.uint64)
        row, count = 0, last - first
        while row < count:
            row, size = write_lines(
                out, row, count, self._slots, rows, sequences, self._people, self._words, prepared, scratch
            )
            yield out[:size].data


def _skeleton(plan: Plan, shape: Shape) -> tuple[list[str], NDArray[np.int64]]:
    """The constant texts of a regular line, and int64[texts - 1], the slots between them."""
    steps: tuple[tuple[str, int], ...] = DOCUMENT
    end = DOCUMENT_END
    if shape == "hit":
        opening = f'{{"_index":"sdk-log-{plan.day.isoformat()}","_type":"_doc","_id":"'
        (text, slot), *rest = DOCUMENT
        steps = ((opening, kernels.SEQUENCE), (HIT_BEGIN + text, slot), *rest, *HIT)
        end = HIT_END
    return [*(text for text, _ in steps), end], np.array([slot for _, slot in steps], dtype=np.int64)


def digit_tables(plan: Plan) -> tuple[NDArray[np.uint64], int, NDArray[np.uint64], NDArray[np.uint64]]:
    """Tables of digits in little-endian words, so that one store writes up to 8.

    Returns:
        uint64[days, 2] of `YYYY-MM-DDT`; the first of these days, in days since 1970 (3 days early, because a record
        may be late by hours, and its label 9 hours off); uint64[1440] of `HH:MM`; uint64[1000] of 3 digits.
    """
    days = [plan.day + timedelta(days=back) for back in range(-3, 2)]
    dates = b"".join(f"{day.isoformat()}T".encode().ljust(16) for day in days)
    minutes = b"".join(f"{minute // 60:02d}:{minute % 60:02d}".encode().ljust(8) for minute in range(1440))
    digits = b"".join(f"{number:03d}".encode().ljust(8) for number in range(1000))
    first = plan.day_start // 86_400 - 3
    return _words(dates).reshape(-1, 2), first, _words(minutes), _words(digits)


def _words(data: bytes) -> NDArray[np.uint64]:
    return np.frombuffer(data, dtype="<u8").astype(np.uint64)


def _created_texts(created: NDArray[np.int64]) -> bytes:
    """Epoch milliseconds as `YYYY-MM-DDTHH:MM:SS.mmmZ`, concatenated."""
    texts = np.datetime_as_string(created.astype("datetime64[ms]"), unit="ms", timezone="UTC")
    joined = texts.astype(f"S{CREATED_BYTES}").tobytes()
    assert len(joined) == len(created) * CREATED_BYTES
    return joined


def _padded(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data + bytes(PADDING), dtype=np.uint8).copy()


def _joined(texts: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The texts concatenated and padded, and int64[texts + 1] offsets."""
    offsets = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    return _padded(b"".join(texts)), offsets
