"""Rewrite the figures of docs/benchmarks.md and docs/images/*.svg from kept results: `python -m bench.report`.

Only the text between `<!-- begin NAME -->` and `<!-- end NAME -->` is replaced. The same results produce the same
bytes.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from bench.engine import medians
from bench.growth import growth_table
from bench.measure import ROOT, median
from bench.results import REST, Field, Growth, PeerResult, Profile, Reading, Sizes, load
from bench.tables import Table

RESULTS = ROOT / "bench" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
IMAGES = ROOT / "docs" / "images"
NOTHING = "–"


def field_tables(found: Field) -> list[Table]:
    """The tables that `python -m bench` prints, for all that was measured."""
    tables = []
    if found.peers:
        tables.append(peers_table(found))
    if any(peer.reads for peer in found.peers):
        tables.append(reads_table(found))
    if found.engine:
        tables.append(engine_table(found))
    if found.start:
        tables.append(start_table(found))
    return tables


def peers_table(found: Field) -> Table:
    """The comparison of all tools."""
    headings = [
        "", "bytes a record", "× entropy", "ratio to raw", "pressing MB/s", "CPU s", "peak MB",
        "logpress is faster", "restoring MB/s", "exact", "3 columns to pandas, s",
    ]  # fmt: skip
    table = Table(
        f"{found.records:,} records, {found.raw_bytes / 1e6:,.0f} MB raw, {found.machine}, medians of {found.runs}",
        headings,
    )
    for number, peer in enumerate(found.peers):
        pairs = [] if peer.name == "logpress" or peer.is_part else found.times_faster(peer.name)
        restoring = peer.restore_mb_s
        table.rows.append(
            [
                peer.title + _marks(peer),
                f"{peer.bytes_a_record:.2f}",
                f"{peer.bytes_a_record / found.entropy_bytes:.1f}",
                f"{peer.ratio:.1f}",
                _speed(peer.press_mb_s),
                f"{median(peer.presses, lambda run: run.cpu_seconds):.1f}",
                f"{median(peer.presses, lambda run: run.peak_mb):,.0f}",
                f"{statistics.median(pairs):.2f} ×" if pairs else "",
                NOTHING if restoring is None else _speed(restoring),
                exactness(peer),
                f"{min(map(seconds_of, peer.reads.values())):.3f}" if peer.reads else NOTHING,
            ]
        )
        if peer.name == "logpress":
            table.strong.add(number)
    table.notes = list(_notes(found))
    return table


def exactness(peer: PeerResult) -> str:
    """Share of lines that were restored byte for byte."""
    if peer.exact is None:
        return NOTHING
    if peer.exact.is_exact:
        return "every byte"
    if peer.exact.same == 0:
        return "no line"
    return f"{min(99.99, 100 * peer.exact.same / peer.exact.records):.2f} % of lines"


def _speed(mb_s: float) -> str:
    return f"{mb_s:,.0f}" if mb_s >= 10 else f"{mb_s:.1f}"


def _marks(peer: PeerResult) -> str:
    return (" †" if peer.is_part else "") + (" ‡" if peer.left_out else "")


def _notes(found: Field) -> Iterable[str]:
    pairs = found.times_faster("duckdb")
    if pairs:
        yield (
            f"`logpress press` against `DuckDB COPY`, pair by pair: {statistics.median(pairs):.2f} times faster in the "
            f"median of {len(pairs)}, {pairs[0]:.2f} to {pairs[-1]:.2f}."
        )
    yield f"Entropy of the generator: {found.entropy_bytes:.2f} bytes a record; nothing lossless is smaller on average."
    for peer in found.peers:
        if peer.is_part:
            yield f"† {peer.title} was run once, on the first {peer.raw_bytes / 1e6:,.0f} MB: it is slow."
    if left_out := {peer.left_out for peer in found.peers if peer.left_out}:
        yield (f"‡ Refuses a file that holds a damaged line: {max(left_out)} lines were taken out beforehand, untimed.")
    for name, lacking in found.missing.items():
        yield f"Not measured: {name} ({lacking})."


def seconds_of(reading: Reading) -> float:
    """Median."""
    return statistics.median(reading.seconds)


def reads_table(found: Field) -> Table:
    """Times to read three columns of the day into pandas."""
    table = Table(
        "Game, function and elapsed time of every record into a pandas DataFrame: first read of a process, imports not "
        "counted",
        ["files of", "read with", "seconds", "rows", "same values as logpress"],
    )
    ours = found.peer("logpress")
    known = next(iter(ours.reads.values()), None) if ours else None
    for peer in found.peers:
        for reader, reading in peer.reads.items():
            same = known and all(
                getattr(reading, name) == getattr(known, name) for name in ("elapsed_ms", "characters")
            )
            if peer.name == "logpress":
                table.strong.add(len(table.rows))
            table.rows.append(
                [peer.title, reader, f"{seconds_of(reading):.3f}", f"{reading.rows:,}", "yes" if same else "no"]
            )
    return table


def engine_table(found: Field) -> Table:
    """The engine alone."""
    assert found.engine is not None
    table = Table(
        "The engine alone, in one process started before: raw bytes to finished part files; no proof, no publication",
        ["", "raw MB/s"],
    )
    speeds = medians(found.engine.mb_s)
    table.rows = [[what, f"{speed:,.0f}"] for what, speed in speeds.items()]
    plain, gzipped, alone = (
        speeds.get(what) for what in ("plain input, 1 core", "gzip input, 1 core", "gzip decompressed alone, 1 core")
    )
    if plain and gzipped and alone:
        both = 1 / (1 / plain + 1 / alone)
        table.notes.append(
            f"Decompressing alone and pressing plain input one after the other would come to {both:,.0f} MB/s on one "
            f"core; pressing gzip input reaches {100 * gzipped / both:.0f} % of that."
        )
    return table


def start_table(found: Field) -> Table:
    """Times of starting."""
    assert found.start is not None
    table = Table("Starting, caches warm", ["", "seconds"])
    table.rows = [[what, f"{seconds:.3f}"] for what, seconds in medians(found.start.seconds).items()]
    return table


def profile_table(found: Profile) -> Table:
    """Time by stage."""
    works = (found.pressing_ns, found.proving_ns, found.restoring_ns)
    names = ["", "pressing", "proving", "restoring"]
    table = Table(f"Nanoseconds a record, {found.records:,} records, one core", names)
    stages = [stage for stage in dict.fromkeys(stage for work in works for stage in work) if stage != REST]
    for stage in [*stages, REST]:
        table.rows.append([stage, *(f"{work[stage]:,.0f}" if stage in work else "" for work in works)])
    table.strong.add(len(table.rows))
    table.rows.append(["together", *(f"{sum(work.values()):,.0f}" for work in works)])
    table.rows.append(["reading and hashing the raw bytes, nothing else", f"{found.floor_ns:,.0f}", "", ""])
    return table


def sizes_table(found: Sizes) -> Table:
    """Bytes by column."""
    table = Table(f"Bytes a record, {found.records:,} records", ["", "stored", "entropy", "of what is drawn"])
    for column in found.columns:
        entropy = ["", ""] if column.entropy is None else [f"{column.entropy:.3f}", column.of]
        table.rows.append([column.name, f"{column.stored:.3f}", *entropy])
    total = sum(column.stored for column in found.columns)
    table.strong.add(len(table.rows))
    table.rows.append(
        ["all", f"{total:.3f}", f"{found.generator_entropy:.3f}", "all, what is drawn before being known"]
    )
    return table


def settings_table(found: Field) -> Table:
    """The settings of each tool."""
    table = Table("Settings", ["", "version", "settings"])
    table.rows = [[peer.title, peer.version, peer.settings] for peer in found.peers]
    return table


def replaced(page: str, name: str, content: str) -> str:
    """A page with the text between a name's marks replaced.

    Raises:
        ValueError: if the page does not have the marks.
    """
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    if page.count(begin) != 1 or page.count(end) != 1:
        raise ValueError(f"the page must hold {begin} and {end} once each")
    return re.sub(f"{begin}.*?{end}", lambda _: f"{begin}\n{content}\n{end}", page, flags=re.DOTALL)


def write_report(
    found: Field | None,
    grown: Growth | None,
    profile: Profile | None,
    sizes: Sizes | None,
    page: Path,
    images: Path,
) -> list[Path]:
    """Write anew what there are results for; returns the files that were written."""
    from bench import chart  # needs matplotlib, which who prints a table may not have

    images.mkdir(parents=True, exist_ok=True)
    text = page.read_text()
    written = [page]
    if found is not None:
        tables = {table.title: table for table in field_tables(found)}
        parts = {
            "machine": f"{found.machine}; {found.records:,} records, {found.raw_bytes / 1e6:,.0f} MB raw, medians of "
            f"{found.runs} after one run that does not count.",
            "field": peers_table(found).markdown(),
            "reads": reads_table(found).markdown(),
            "engine": engine_table(found).markdown() if found.engine else NOTHING,
            "start": start_table(found).markdown() if found.start else NOTHING,
            "settings": settings_table(found).markdown().replace("| --- | ---: | ---: |", "| --- | --- | --- |"),
        }
        assert tables
        for name, content in parts.items():
            text = replaced(text, name, content)
        written.append(images / "bench.svg")
        chart.draw_field(found, written[-1])
    if grown is not None:
        text = replaced(text, "growth", growth_table(grown).markdown())
        written.append(images / "growth.svg")
        chart.draw_growth(grown, written[-1])
    if profile is not None:
        text = replaced(text, "profile", profile_table(profile).markdown())
    if sizes is not None:
        text = replaced(text, "sizes", sizes_table(sizes).markdown())
    page.write_text(text)
    return written


def main(
    results: Annotated[Path, typer.Argument(help="What python -m bench --output wrote.")] = RESULTS / "field.json",
    grown: Annotated[Path, typer.Option("--growth", help="What python -m bench.growth --output wrote.")] = RESULTS
    / "growth.json",
    profiled: Annotated[Path, typer.Option("--profile", help="What python -m bench.profile --output wrote.")] = RESULTS
    / "profile.json",
    sized: Annotated[Path, typer.Option("--sizes", help="What python -m bench.sizes --output wrote.")] = RESULTS
    / "sizes.json",
    page: Annotated[Path, typer.Option(help="The page to bring up to date.")] = PAGE,
    images: Annotated[Path, typer.Option(help="Folder of the charts.")] = IMAGES,
) -> None:
    """Update docs/benchmarks.md and its charts with kept results; parts without results are not changed."""
    found = load(Field, results) if results.exists() else None
    growing = load(Growth, grown) if grown.exists() else None
    profile = load(Profile, profiled) if profiled.exists() else None
    sizes = load(Sizes, sized) if sized.exists() else None
    kept = ((results, found), (grown, growing), (profiled, profile), (sized, sizes))
    for path, result in kept:
        if result is None:
            typer.echo(f"{path} is not there: its part of the page stays as it is", err=True)
    if not any(result for _, result in kept):
        raise typer.Exit(1)
    for path in write_report(found, growing, profile, sizes, page, images):
        typer.echo(f"wrote {path}")


if __name__ == "__main__":
    typer.run(main)
