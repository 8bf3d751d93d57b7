"""Compare a day in two sources.

Both sides are read, and hashes of their documents kept; then, where they differ, both are read once more, to name the
records.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import date
from pathlib import Path

from logpress.comparing.differences import Search
from logpress.comparing.document_hashes import Prints
from logpress.comparing.matching import Totals, match_sides
from logpress.comparing.output import Outputs
from logpress.comparing.reading import Counting, read_side
from logpress.comparing.result import SIDE_NAMES, Comparison, Side
from logpress.comparing.sides import Named, OpenSide, open_side
from logpress.contract.model import Contract
from logpress.day.budget import default_threads
from logpress.kernel.ahead import compile_ahead
from logpress.limits import DEFAULT, Limits
from logpress.progress import Silent, StageProgress

SHOWN = 5
"""Examples of each kind and side."""


def compare_day(
    contract: Contract,
    day: date,
    a: Named,
    b: Named,
    *,
    shown: int = SHOWN,
    output: Path | None = None,
    threads: int | None = None,
    progress: StageProgress | None = None,
    limits: Limits = DEFAULT,
) -> Comparison:
    """Compare the records of a day in two sources, as multisets.

    What is compared are documents: the `_source` of a search hit, what follows an action of `_bulk`, else the record
    itself, from brace to brace. Two are equal byte for byte, or by value: then their keys may stand in another order,
    and blanks, escapes and numbers may be written in another way, but no digit may differ.

    Args:
        contract: the table.
        day: the UTC day; records of others are counted and left out.
        a: one side.
        b: the other.
        shown: how many examples of each kind and side are named.
        output: a folder that gets all records that differ.
        threads: threads that convert and hash; as many as cores if None.
        progress: hears of the stages.
        limits: how many documents are in memory.

    Raises:
        UsageError: if a side has nothing of the day, or the folder cannot be written.
        SourceError: if an input is not there, cannot be read, or changed between the two readings.
    """
    heard = progress or Silent()
    workers = threads or default_threads()
    compile_ahead("compare")
    with ExitStack() as stack:
        outputs = stack.enter_context(Outputs(output)) if output is not None else None
        sides = []
        for named in (a, b):
            side = open_side(contract, day, named, workers)
            stack.callback(side.close)
            sides.append(side)
        if outputs is not None:
            outputs.refuse_inputs([uri for side in sides for spec in side.slices for uri in spec.inputs])
        counted, damage = [], []
        for name, side in zip(SIDE_NAMES, sides, strict=True):
            prints = Prints(limits.counted_documents)
            stack.callback(prints.close)
            counted.append(Counting(prints))
            tell = heard.begin(f"read {name.upper()}", side.raw_bytes)
            damage.append(read_side(side, counted[-1], contract.source.restarts, tell))
            heard.end(f"read {name.upper()}")
        totals = Totals()
        for matched in match_sides(counted[0].prints, counted[1].prints, limits.matched_documents):
            totals.add(matched)
        search = Search(contract, sides, shown, outputs, heard, limits.matched_documents)
        if totals.differ and (shown or outputs is not None):
            search.run(counted[0].prints, counted[1].prints)
        return Comparison(
            table=contract.table,
            day=day.isoformat(),
            equal_bytes=totals.equal_bytes,
            equal_value=totals.equal_value,
            a=_side(sides[0], counted[0], damage[0], totals, 0),
            b=_side(sides[1], counted[1], damage[1], totals, 1),
            differences=tuple(search.in_order()),
        )


def _side(side: OpenSide, counted: Counting, damage: dict[str, str], totals: Totals, place: int) -> Side:
    counts = counted.counts
    by_bytes = {reason: count for reason, count in sorted(counted.by_bytes.items()) if count}
    return Side(
        named=side.named,
        inputs=sum(len(spec.inputs) for spec in side.slices),
        records=counts["records"],
        documents=counts["documents"],
        hits=counts["hits"],
        other_day=counts["other_day"],
        damaged=counted.damaged.total(),
        damaged_reasons=dict(sorted(counted.damaged.items())),
        damaged_origins=damage,
        by_bytes_only=sum(by_bytes.values()),
        by_bytes_reasons=by_bytes,
        only=totals.only[place],
        more_copies=totals.more_copies[place],
    )
