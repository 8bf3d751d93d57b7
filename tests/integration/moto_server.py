"""moto's server for tests: what it has of Glue, S3, IAM and KMS, on a free port of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from tests.integration.s3_server import free_port, stop


def find_moto() -> str | None:
    """The server's program, as pip puts it beside Python, or wherever `moto_server` is found."""
    beside = Path(sys.executable).parent / "moto_server"
    return str(beside) if beside.exists() else shutil.which("moto_server")


def need_moto(what: str) -> None:
    """Skip a test with a warning if there is no server, or fail it in CI; `what` says what is not tested then."""
    if find_moto() is None:
        message = f"NO MOTO: moto[server] is not installed; {what}"
        if os.environ.get("CI"):
            pytest.fail(message)
        warnings.warn(message, stacklevel=2)
        pytest.skip(message)


@contextmanager
def moto_server(log: Path, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """Start a server; gives its URI, and stops it in the end.

    Args:
        log: what it says goes here.
        settings: more of its environment.
    """
    program, port = find_moto(), free_port()
    assert program is not None
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHONPATH"))}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [program, "-H", "127.0.0.1", "-p", str(port)], env={**inherited, **(settings or {})}, stdout=out, stderr=out
        )
    uri = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while True:
            try:
                urlopen(f"{uri}/moto-api/", timeout=5).close()
                break
            except OSError as error:
                if process.poll() is not None or time.monotonic() > until:
                    raise AssertionError(f"moto does not start: {log.read_text()[-2000:]}") from error
            time.sleep(0.3)
        yield uri
    finally:
        stop(process)
