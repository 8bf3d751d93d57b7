"""`logpress serve`: the last calls of users over HTTP."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from logpress.cli.options import LakeUri

EPILOG = (
    "Example:\n\n"
    "  LOGPRESS_SERVE_TOKEN=$(openssl rand -hex 24) logpress serve --lake lake\n\n"
    '  curl -H "Authorization: Bearer $LOGPRESS_SERVE_TOKEN" '
    "'http://127.0.0.1:8390/history/sdk_log?user=GAME&user=2021-11-24T15:01:24.052Z&calls=20'"
)

TOKEN = "LOGPRESS_SERVE_TOKEN"
"""Environment variable of the token; it is no option, because other users of a machine see those."""


def serve(
    lake: LakeUri,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")] = 8390,
    days: Annotated[int, typer.Option("--days", min=1, help="Newest days that are looked at.")] = 7,
) -> None:
    """Serve the last calls of users from days sorted by user. Clients send the token of LOGPRESS_SERVE_TOKEN."""
    from logpress.errors import UsageError

    token = os.environ.get(TOKEN, "")
    if not token:
        raise UsageError(f"{TOKEN} is not set; make a token, as with `openssl rand -hex 24`, and give it to clients")
    try:
        import uvicorn

        from logpress.serving.server import server_of
    except ImportError as error:
        raise UsageError(
            f"{error.name} is not installed; install logpress with it: pip install 'logpress[serve]'"
        ) from error
    app = server_of(lake, token, days=days)
    print(f"logpress: serving {lake} on http://{host}:{port}, documented at /docs", file=sys.stderr)
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False)
