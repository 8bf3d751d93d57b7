"""The steps at which a process changes a lake: told, counted, and one of them disturbed.

On a disk they are what Python tells its audit hooks (files opened for writing, renamed, linked, removed), with the
exchange of folders; in an object store the requests that change objects. Both have the catalog's commits, before and
after, and the files that pyiceberg writes and deletes.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import s3fs
from pyiceberg.catalog import rest, sql
from pyiceberg.io import pyarrow as files

from logpress.lake import links

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_CHANGES = frozenset({"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir"})
_REQUESTS = frozenset(
    {
        "put_object", "copy_object", "delete_object", "delete_objects", "create_multipart_upload", "upload_part",
        "upload_part_copy", "complete_multipart_upload",
    }
)  # fmt: skip


class Steps:
    """The steps of this process.

    Args:
        roots: the lakes: paths or URIs.
        at: the number of the step that is disturbed, from 0; None for none.
        harm: what is done then, before the step goes on.
    """

    def __init__(self, roots: Sequence[str], at: int | None, harm: Callable[[], None]) -> None:
        self._roots = tuple(root.partition("://")[2] or root for root in roots)
        self._at, self._harm = at, harm
        self._lock = threading.Lock()
        self.names: list[str] = []

    def step(self, name: str) -> None:
        """Come to a step."""
        with self._lock:
            number = len(self.names)
            self.names.append(name)
        if number == self._at:
            self._harm()

    def watch(self) -> None:
        """Begin; this cannot be ended, so it is for a process that ends soon."""
        sys.addaudithook(self._audited)
        self._around(links, "_exchange", lambda *_: "exchange of folders")
        for catalog in (sql.SqlCatalog, rest.RestCatalog):
            for name in ("create_table", "commit_table", "drop_table"):
                self._around(catalog, name, lambda *_, name=name: f"catalog {name}")
        self._around(files.PyArrowFile, "create", lambda file, *_: f"write {self._area(file.location)}", after=False)
        self._around(files.PyArrowFileIO, "delete", lambda _, path: f"delete {self._area(path)}", after=False)
        self._watch_requests()

    def _audited(self, event: str, args: tuple[Any, ...]) -> None:
        is_written = event == "open" and isinstance(args[2], int) and bool(args[2] & _WRITING)
        if is_written or event in _CHANGES:
            self._changed(event, args[0])

    def _changed(self, event: str, path: object) -> None:
        if isinstance(path, str) and path.startswith(self._roots) and "/_locks" not in path:
            self.step(f"{event} {self._area(path)}")

    def _area(self, path: object) -> str:
        """Where in a lake a file lies: table and folder, without days and names."""
        text = str(path).partition("://")[2] or str(path)
        root = next((root for root in self._roots if text.startswith(root)), "")
        return "/".join(text[len(root) :].strip("/").split("/")[:2])

    def _around(self, owner: Any, name: str, named: Callable[..., str], *, after: bool = True) -> None:
        function = getattr(owner, name)

        @functools.wraps(function)
        def stepped(*args: Any, **options: Any) -> Any:
            said = named(*args)
            self.step(f"{said}, before" if after else said)
            done = function(*args, **options)
            if after:
                self.step(f"{said}, after")
            return done

        setattr(owner, name, stepped)

    def _watch_requests(self) -> None:
        call = s3fs.S3FileSystem._call_s3

        async def stepped(filesystem: Any, method: str, *args: Any, **options: Any) -> Any:
            if method not in _REQUESTS:
                return await call(filesystem, method, *args, **options)
            key = options.get("Key", "") if isinstance(options.get("Key", ""), str) else ""
            area = self._area(f"{options.get('Bucket', '')}/{key}") if key else ""
            self.step(f"{method} {area}, before")
            done = await call(filesystem, method, *args, **options)
            self.step(f"{method} {area}, after")
            return done

        s3fs.S3FileSystem._call_s3 = stepped
