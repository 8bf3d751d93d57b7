"""Whom to tell: Airflow connections, by which messages are sent as mail, to Slack, or to any webhook as JSON."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.sdk import Connection

from logpress.errors import UsageError
from logpress_dags.messages import KINDS, Kind, Message
from logpress_dags.settings import setting

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 15.0
"""Longest time until a webhook answers."""


@dataclass(frozen=True)
class Channel:
    """An Airflow connection, and the kinds of messages that it gets."""

    connection: str
    kinds: tuple[Kind, ...] = KINDS


def channels() -> list[Channel]:
    """The channels of the Variable `logpress_notify`, or of LOGPRESS_NOTIFY: `mail_team, pager=failure+late`.

    Raises:
        UsageError: if it is not written so.
    """
    return parse(setting("notify") or "")


def parse(text: str) -> list[Channel]:
    """Read a list of channels.

    Raises:
        UsageError: if it is not written as `connection, connection=kind+kind`.
    """
    found = []
    for part in filter(None, (part.strip() for part in text.replace("\n", ",").split(","))):
        name, equals, wanted = (piece.strip() for piece in part.partition("="))
        chosen = [kind.strip() for kind in wanted.split("+")] if equals else list(KINDS)
        kinds = tuple(kind for kind in KINDS if kind in chosen)
        if not name or len(kinds) != len(set(chosen)):
            raise UsageError(
                f"LOGPRESS_NOTIFY has {part!r}; write it as connection, or connection=kind+kind, of the kinds "
                f"{', '.join(KINDS)}"
            )
        found.append(Channel(name, kinds))
    return found


def tell(message: Message) -> bool:
    """Send a message to all channels that want its kind; whether there is one. What fails is logged, and never raised.

    Neither a message nor the log has anything of a connection but its name.
    """
    try:
        wanting = [channel.connection for channel in channels() if message.kind in channel.kinds]
    except UsageError as error:
        log.error("nobody is told that %s: %s", message.title, error)
        return False
    except Exception as error:  # the settings cannot be asked for
        log.error("nobody is told that %s: %s", message.title, type(error).__name__)
        return False
    for name in wanting:
        try:
            _send(name, message)
            log.info("told %s that %s", name, message.title)
        except Exception as error:
            log.error("%s cannot be told that %s: %s", name, message.title, _reason(name, error))
    return bool(wanting)


def _send(name: str, message: Message) -> None:
    connection = Connection.get(name)
    send = _SENDERS.get(connection.conn_type)
    if send is None:
        raise UsageError(
            f"a connection of type {connection.conn_type} cannot be told anything; types are {', '.join(_SENDERS)}"
        )
    send(name, connection, message)


def _mail(name: str, connection: Connection, message: Message) -> None:
    """Send a mail to `to` of the connection's extra, from its `from_email`."""
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    extra = connection.extra_dejson
    to = extra.get("to") or []
    receivers = [part.strip() for part in to.split(",")] if isinstance(to, str) else list(to)
    if not receivers:
        raise UsageError('its extra names no receiver; set {"to": "team@example.com", "from_email": "..."}')
    with SmtpHook(smtp_conn_id=name) as hook:
        hook.send_email_smtp(
            to=receivers,
            subject=f"logpress: {message.title}",
            html_content=message.html(),
        )


def _slack(name: str, connection: Connection, message: Message) -> None:
    """Post to a Slack webhook: its token is the connection's password, as Slack's provider has it."""
    _post(f"{_base(connection, 'https', 'hooks.slack.com/services')}/{connection.password or ''}", message.slack(), {})


def _webhook(name: str, connection: Connection, message: Message) -> None:
    """Post JSON to host, `endpoint` of the extra, with `headers` of the extra, and login or token."""
    extra = connection.extra_dejson
    headers = {str(key): str(value) for key, value in (extra.get("headers") or {}).items()}
    if connection.login:
        pair = f"{connection.login}:{connection.password or ''}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    elif connection.password:
        headers["Authorization"] = f"Bearer {connection.password}"
    endpoint = str(extra.get("endpoint") or "").lstrip("/")
    _post(f"{_base(connection, 'https')}/{endpoint}", message.json(), headers)


_SENDERS: dict[str, Callable[[str, Connection, Message], None]] = {
    "smtp": _mail,
    "slackwebhook": _slack,
    "http": _webhook,
    "generic": _webhook,
}


def _base(connection: Connection, scheme: str, host: str = "") -> str:
    found = (connection.host or host).rstrip("/")
    if "://" not in found:
        found = f"{connection.schema or scheme}://{found}"
    return f"{found}:{connection.port}" if connection.port else found


def _post(url: str, body: Any, headers: dict[str, str]) -> None:
    import urllib3

    with urllib3.PoolManager() as pool:
        answer = pool.request(
            "POST",
            url,
            body=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **headers},
            timeout=TIMEOUT_SECONDS,
            retries=False,  # no redirects either: headers may hold a token
        )
    if not 200 <= answer.status < 300:
        raise UsageError(f"it answers with status {answer.status}")


def _reason(name: str, error: Exception) -> str:
    """What went wrong, without anything that the connection keeps to itself; its address may be a secret, too."""
    text = str(error)
    try:
        secrets = sorted(_secrets(Connection.get(name)), key=len, reverse=True)
    except Exception:
        secrets = []
    for secret in secrets:
        text = text.replace(secret, "***")
    return text if isinstance(error, UsageError) else f"{type(error).__name__}: {text}"


def _secrets(connection: Connection) -> Iterator[str]:
    values: list[Any] = [connection.password, connection.login, connection.extra_dejson]
    while values:
        value = values.pop()
        if isinstance(value, dict):
            values += value.values()
        elif isinstance(value, Sequence) and not isinstance(value, str):
            values += value
        elif isinstance(value, str) and len(value) > 3:
            yield value
