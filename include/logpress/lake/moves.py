"""What a run moves into place, noted before the first file moves: what is not published in the end goes back.

A publication may be refused, or killed. The note, in the run's staging, then says which files under final names are
those of an unpublished run. They go back into its staging, so that the run can be published again, and with it they are
removed when it has ended or is old enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from logpress.errors import LogpressError
from logpress.lake.history import is_whole, kept_path, publications
from logpress.lake.lake import Lake
from logpress.lake.layout import day_name, is_file_name
from logpress.lake.names import checked_name
from logpress.lake.snapshots import catalog_files, snapshot_data_files
from logpress.lake.storage import lake_errors
from logpress.manifest import DayManifest

NOTE = "_moving.json"


class Move(BaseModel):
    """One file.

    Attributes:
        slice: the slice in whose staging it was.
        was_there: whether a file had the final name before the run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    slice: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")
    was_there: bool


_Notes = TypeAdapter(dict[str, Move])


def note_moves(lake: Lake, table: str, day: date, run: str, slices: Mapping[str, str]) -> None:
    """Note which files a run is about to move.

    Args:
        lake: the lake.
        table: the table.
        day: the day; its lock is held.
        run: the run.
        slices: the slice of each file, by the file's name.

    Raises:
        LakeError: if the note cannot be written.
    """
    path = _path(lake, table, day, run)
    with lake_errors(path):
        before = _read(lake, path)
        noted = {
            name: before.get(name)
            or Move(slice=slice_, was_there=lake.storage.size(lake.file_path(table, day, name)) is not None)
            for name, slice_ in slices.items()
        }
        lake.write(path, _Notes.dump_json(before | noted))


def take_back(lake: Lake, table: str, day: date, run: str) -> bool:
    """Move what a run has moved, and nobody has published, back into its staging.

    What the manifest, the catalog or an earlier publication has stays, as does what was there before, and, in an object
    store, which has no locks, what another run is about to publish.

    Args:
        lake: the lake.
        table: the table.
        day: the day; its lock is held.
        run: the run, which is not being published any more.

    Returns:
        Whether nothing of it is left in place that is not published; False if that cannot be known now, or if the
        catalog has it and the manifest has not, as the run was stopped between the two.

    Raises:
        LakeError: if a file cannot be moved.
    """
    path = _path(lake, table, day, run)
    with lake_errors(path):
        moves = _read(lake, path)
        mine = [name for name, move in moves.items() if not move.was_there]
        current = current_files(lake, table, day) if mine else set()
        published = _published_files(lake, table, day) if mine else set()
        if current is None or published is None:
            return False
        needed = current | published
        others = _others(lake, table, day, run) if mine and not lake.is_local else set()
        for name in mine:
            final = lake.file_path(table, day, name)
            if name in needed or name in others or lake.storage.size(final) is None:
                continue
            staged = f"{lake.staging_folder(table, day, run, moves[name].slice)}/{name}"
            if lake.storage.size(staged) is None:
                lake.move(final, staged)
            else:  # a copy, as an object store moves
                lake.remove(final)
        if others.intersection(mine) - needed:
            return False
        for one in publications(lake, table, day):
            if one.run == run and one.snapshot_id is None and not is_whole(lake, one):
                lake.remove(kept_path(lake, one))
        if current.intersection(mine) and current.intersection(mine) - _names(lake, lake.read_day(table, day)):
            return False
        lake.remove(path)
        return True


def noted_at(lake: Lake, table: str, day: date, run: str) -> datetime | None:
    """When a run that has not ended noted its moves, UTC; None if it has not, or the storage does not say."""
    folder = lake.staging_folder(table, day, run)
    return next((item.modified for item in lake.storage.list(folder) if item.name == NOTE), None)


def current_files(lake: Lake, table: str, day: date) -> set[str] | None:
    """Names of the files of a day that its manifest or the catalog has now; None if either cannot be read."""
    try:
        manifest = lake.read_day(table, day)
        known = catalog_files(lake, table, day)
    except LogpressError:
        return None
    return None if known is None else _names(lake, manifest) | {path.rsplit("/", 1)[-1] for path in known}


def _published_files(lake: Lake, table: str, day: date) -> set[str] | None:
    """Names of the files of a day that were published and can be again; None if that cannot be known now.

    They are those that a snapshot refers to, and all files of the publications that were committed: those that know
    their snapshot, and those of which a snapshot has the parts.
    """
    try:
        held = snapshot_data_files(lake, table)
        kept = publications(lake, table, day)
    except LogpressError:
        return None
    if held is None:
        return None
    folder = f"{lake.parts_folder(table, day)}/"
    found = {path.rsplit("/", 1)[-1] for path in held if path.startswith(folder)}
    for one in kept:
        parts = lake.files(one)[0]
        if one.snapshot_id is not None or (parts and held.issuperset(parts)):
            found |= _names(lake, one)
    return found


def _names(lake: Lake, manifest: DayManifest | None) -> set[str]:
    paths = [path for paths in lake.files(manifest) for path in paths] if manifest is not None else []
    return {path.rsplit("/", 1)[-1] for path in paths}


def _path(lake: Lake, table: str, day: date, run: str) -> str:
    return f"{lake.staging_folder(table, day, run)}/{NOTE}"


def _read(lake: Lake, path: str) -> dict[str, Move]:
    """A note; of one that is damaged, nothing, as what it names is not this lake's to move."""
    data = lake.storage.read(path)
    try:
        found = _Notes.validate_json(data) if data else {}
        return {checked_name(name, path): move for name, move in found.items() if is_file_name(name)}
    except (ValueError, LogpressError):
        return {}


def _others(lake: Lake, table: str, day: date, run: str) -> set[str]:
    """Names of the files that other runs of the day are about to publish."""
    found: set[str] = set()
    for item in lake.storage.list(f"{lake.staging_root(table)}/{day_name(day)}"):
        if item.name != run:
            found.update(_read(lake, _path(lake, table, day, item.name)))
    return found
