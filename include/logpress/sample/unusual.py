"""Write the unusual records: rare layouts that a parser must accept, and damage that it cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from logpress.sample.kinds import DAMAGED, Kind
from logpress.sample.plain import LABEL, compact, hit
from logpress.sample.plan import Shape

Document = dict[str, Any]

GATEWAY_PAGE = (
    b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
)
MODELS = ("SM-G991N", "SM-A325N", "LM-V500N", "iPhone13,2", "Pixel 5")


def unusual_line(kind: Kind, usual: Document, number: int, shape: Shape, luck: int) -> bytes:
    """The line of a record, without its last newline.

    Args:
        kind: the kind of irregularity.
        usual: its document without the irregularity.
        number: its Kinesis sequence number.
        shape: whether the document is wrapped in a search hit.
        luck: 0 to 65535, for random choices within a kind.
    """
    if kind in _CHANGES:
        usual = _CHANGES[kind](dict(usual), luck)
    record = hit(usual, number) if shape == "hit" else usual
    if kind == Kind.SPACED:
        return json.dumps(record, separators=(",", ": ") if luck % 2 else (", ", ": "), ensure_ascii=False).encode()
    if kind == Kind.ESCAPED:
        return _escaped(record, usual["nickName"])
    line = compact(record)
    if kind in DAMAGED:
        return _damaged(kind, line, luck)
    return line + b"\n" if kind == Kind.BLANK_AFTER else line


def _no_nickname(document: Document, luck: int) -> Document:
    if luck % 2:
        document["nickName"] = None
    else:
        del document["nickName"]
    return document


def _null_reason(document: Document, luck: int) -> Document:
    return document | {"response_reason": None}


def _trace_id(document: Document, luck: int) -> Document:
    return document | {"trace_id": f"{luck * 0x9E3779B97F4A7C15 % 2**64:016x}"}


def _retry(document: Document, luck: int) -> Document:
    return document | {"retry": 1 + luck % 3}


def _device(document: Document, luck: int) -> Document:
    model = MODELS[luck % len(MODELS)]
    system = "iOS 15.1" if model.startswith("iPhone") else "Android 11"
    return document | {"device": {"model": model, "os": system, "screen": [1080, 2400], "rooted": luck % 7 == 0}}


def _key_order(document: Document, luck: int) -> Document:
    first = ("timestamp", "client_app_id", "user_inDate", "nickName")
    return {name: document[name] for name in (*first, *(name for name in document if name not in first))}


def _true_label(document: Document, luck: int) -> Document:
    for name in ("request_begin_timestamp", "request_end_timestamp"):
        document[name] = document[name].replace(LABEL, "Z")
    return document


def _no_milliseconds(document: Document, luck: int) -> Document:
    text = document["request_begin_timestamp"]
    return document | {"request_begin_timestamp": text[:19] + LABEL}


def _no_created(document: Document, luck: int) -> Document:
    del document["user_inDate"]
    return document


_CHANGES: dict[Kind, Callable[[Document, int], Document]] = {
    Kind.NO_NICKNAME: _no_nickname,
    Kind.NULL_REASON: _null_reason,
    Kind.TRACE_ID: _trace_id,
    Kind.RETRY: _retry,
    Kind.DEVICE: _device,
    Kind.KEY_ORDER: _key_order,
    Kind.TRUE_LABEL: _true_label,
    Kind.NO_MILLISECONDS: _no_milliseconds,
    Kind.NO_CREATED: _no_created,
}


def _escaped(record: Document, nickname: str) -> bytes:
    """The record in ASCII: other characters, and the nickname's first letter, are unicode escapes."""
    line = json.dumps(record, separators=(",", ":"))
    if nickname[0].isascii() and nickname[0].isalnum():
        line = line.replace(f'"nickName":"{nickname[0]}', f'"nickName":"\\u{ord(nickname[0]):04x}', 1)
    return line.encode()


def _damaged(kind: Kind, line: bytes, luck: int) -> bytes:
    if kind == Kind.CUT:
        return line[: 1 + luck * (len(line) - 2) // 65535]
    if kind == Kind.NO_JSON:
        return GATEWAY_PAGE if luck % 2 else b"upstream connect error or disconnect/reset before headers"
    return line.replace(b'"nickName":"', b'"nickName":"\xec\x95\xff\xfe', 1)
