"""Writes include/logpress/kernel/needed.txt anew: `make kernels`, after kernels or their arguments have changed.

What `logpress warm` does for each use is done with an empty cache; what was compiled is listed in the order in which it
was finished, so that callees come before what calls them.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from logpress.cli.warm import actions
from logpress.kernel import ahead
from logpress.kernel.ahead import LIST, USES, Needed
from logpress.kernel.types_as_text import written

Found = tuple[str, str, tuple[str, ...]]


def main() -> None:
    """Make the list."""
    found: dict[Found, Needed] = {}
    with tempfile.TemporaryDirectory() as home:
        for use in USES:
            print(f"{use}: compiling", file=sys.stderr)
            cache = Path(home, f"cache-{use}")
            environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
            subprocess.run(
                [sys.executable, __file__, use, home], check=True, env=environment | {"LOGPRESS_CACHE_DIR": str(cache)}
            )
            for entry in kept_below(cache):
                key = (entry.module, entry.kernel, entry.types)
                known = found.get(key, entry)
                found[key] = replace(
                    known,
                    uses=(*(known.uses if key in found else ()), use),
                    is_callee=known.is_callee and entry.is_callee,
                )
    LIST.write_text("".join(f"{entry.line}\n" for entry in found.values()))
    print(f"{LIST}: {len(found)} lines", file=sys.stderr)


def act_for(use: str, home: Path) -> None:
    """Do what calls all kernels of a use, in this process and those that it starts; what earlier uses made is there."""
    ahead.LIST = Path(os.devnull)  # so that nothing is compiled that is not called
    for needed_for, act in actions(home):
        if needed_for == use:
            act()


def kept_below(folder: Path) -> list[Needed]:
    """What is kept below a folder, in the order in which it was."""
    paths = sorted((path for path in folder.rglob("*@*") if path.is_file()), key=lambda path: path.stat().st_mtime_ns)
    found: dict[Found, Needed] = {}
    for path in paths:
        with path.open("rb") as file:
            (signature, _, _, *kind), _ = pickle.load(file)
        words = tuple(word for word in map(written, signature) if word is not None)
        if len(words) == len(signature):  # a kernel of other types is compiled by what calls it
            name = path.name.partition("@")[0].rpartition("-")[0]
            entry = Needed((), bool(kind), path.parent.parent.name, name, words)
            key = (entry.module, entry.kernel, entry.types)
            found[key] = entry if key not in found else replace(found[key], is_callee=False)
    return list(found.values())


if __name__ == "__main__":
    if sys.argv[1:]:
        act_for(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
