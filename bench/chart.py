"""Draw the charts of docs/benchmarks.md as small SVGs, with the same bytes for the same results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.growth import fitted
from bench.measure import median
from bench.results import Field, Growth, PeerResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS, THEIRS, PALE, INK, GRID = "#1b7f5c", "#8d99a6", "#d3d9df", "#1f2328", "#e3e6ea"
_STYLE: Any = {
    "svg.hashsalt": "logpress",
    "svg.fonttype": "none",  # text stays text
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Arial"],  # the first comes with matplotlib: the layout is the same anywhere
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.edgecolor": PALE,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
}


def draw_field(found: Field, path: Path) -> None:
    """Three bar charts: bytes a record, pressing speed, restoring speed (pale if not exact)."""
    peers = sorted(found.peers, key=lambda peer: -peer.bytes_a_record)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(11, 0.42 * len(peers) + 1.5), facecolor="white", layout="constrained")
        left, middle, right = figure.subplots(1, 3, sharey=True)
        _bars(left, peers, [peer.bytes_a_record for peer in peers], "{:.1f}")
        for label, peer in zip(left.get_yticklabels(), peers, strict=True):
            label.set_fontweight("bold" if peer.name == "logpress" else "normal")
        left.axvline(found.entropy_bytes, color=INK, linewidth=1, linestyle=(0, (2, 2)))
        left.set_title("Stored bytes a record", loc="left")
        left.set_xlabel(f"smaller is better; dotted: entropy, {found.entropy_bytes:.1f}")
        _bars(middle, peers, [peer.press_mb_s for peer in peers], "{:,.0f}")
        middle.set_title("Pressing, raw MB/s", loc="left")
        middle.set_xlabel("whole command; larger is better")
        exact = [peer.exact is not None and peer.exact.is_exact for peer in peers]
        _bars(right, peers, [peer.restore_mb_s or 0.0 for peer in peers], "{:,.0f}", exact)
        right.set_title("Restoring, raw MB/s", loc="left")
        right.set_xlabel("pale: not the same bytes as it took in")
        figure.suptitle(
            f"{found.records:,} JSON log records, {found.raw_bytes / 1e6:,.0f} MB, on {found.machine.cores} cores"
            + ("; † on a part of them" if any(peer.is_part for peer in peers) else ""),
            x=0.01, ha="left", fontsize=10,
        )  # fmt: skip
        _save(figure, path)


def _bars(axes: Axes, peers: list[PeerResult], values: list[float], form: str, full: list[bool] | None = None) -> None:
    places = range(len(peers))
    colours = [
        OURS if peer.name == "logpress" else THEIRS if full is None or full[place] else PALE
        for place, peer in enumerate(peers)
    ]
    axes.barh(places, values, color=colours, height=0.68)
    axes.set_yticks(places, [_short(peer) for peer in peers])
    for place, value in enumerate(values):
        text = form.format(value) if value >= 10 else f"{value:.1f}" if value else "–"
        axes.annotate(text, (value, place), xytext=(3, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_xlim(0, max(values, default=1) * 1.18 or 1)
    _tidy(axes, "x")
    axes.tick_params(axis="y", length=0)


def _short(peer: PeerResult) -> str:
    return ("logpress" if peer.name == "logpress" else peer.title) + (" †" if peer.is_part else "")


def draw_growth(grown: Growth, path: Path) -> None:
    """Time, with the lines fitted to it; and peak memory."""
    sizes = grown.sizes
    millions = [size.records / 1e6 for size in sizes]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(11, 3.6), facecolor="white", layout="constrained")
        left, right = figure.subplots(1, 2)
        for name, colour, presses in (("press", OURS, True), ("restore", THEIRS, False)):
            runs = [size.presses if presses else size.restores for size in sizes]
            line = fitted(sizes, (lambda size: size.presses) if presses else (lambda size: size.restores))
            ends = [0.0, max(millions)]
            left.plot(ends, [line.start + line.each_million * end for end in ends], color=colour, linewidth=1)
            label = f"{name}: {line.start:.1f} s and {line.each_million:.2f} s a million"
            left.plot(millions, [median(each) for each in runs], "o", color=colour, markersize=5, label=label)
            peaks = [median(each, lambda run: run.peak_mb) / 1e3 for each in runs]
            right.plot(millions, peaks, "o-", color=colour, linewidth=1, markersize=5, label=name)
        left.set_title("Time, seconds", loc="left")
        right.set_title("Peak memory of all processes, GB", loc="left")
        for axes in (left, right):
            axes.set_xlim(0, max(millions) * 1.05)
            axes.set_ylim(0, axes.get_ylim()[1] * 1.1)
            axes.set_xlabel("million records in the day")
            axes.legend(frameon=False, loc="best")
            _tidy(axes, "both")
        _save(figure, path)


def _tidy(axes: Axes, grid: str) -> None:
    for side in ("top", "right", "left") if grid == "x" else ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(axis=grid, color=GRID, linewidth=0.8)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
