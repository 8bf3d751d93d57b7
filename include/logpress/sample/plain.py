"""Write a record in plain Python: for unusual records, and as the kernel's reference in tests."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from logpress.sample.draw import Rows
from logpress.sample.population import Population
from logpress.sample.vocabulary import ANSWERS, FUNCTIONS

LABEL = "+09:00"
"""UTC offset that clients write after their times, although these are in UTC."""

LABEL_MS = 9 * 3_600_000


def instant(milliseconds: int) -> str:
    """Epoch milliseconds as `YYYY-MM-DDTHH:MM:SS.mmm` in UTC."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}"


def document(rows: Rows, row: int, population: Population) -> dict[str, Any]:
    """The document of a row, as if it were of the usual kind."""
    drawn = rows[row]
    user, begin = int(drawn["user"]), int(drawn["begin"])
    end = begin + int(drawn["elapsed"]) + int(drawn["slip"])
    function, answer = FUNCTIONS[drawn["call"]], ANSWERS[drawn["answer"]]
    return {
        "client_app_id": population.games[population.game[user]],
        "func_name": function.name,
        "nickName": population.nickname(user),
        "request_begin_timestamp": instant(begin) + LABEL,
        "request_end_timestamp": instant(end) + LABEL,
        "request_url": function.other_url if drawn["other_url"] else function.url,
        "response_elapsed_time": int(drawn["elapsed"]),
        "response_reason": answer.reason,
        "response_status_code": answer.status,
        "sdk_version": population.versions[population.version[user]],
        "timestamp": instant(int(drawn["stamp"]) * 1000)[:19] + "Z",
        "user_inDate": instant(int(population.created[user])) + "Z",
    }


def hit(source: dict[str, Any], number: int) -> dict[str, Any]:
    """The search hit of a document, as Elasticsearch returns it: in `fields`, times follow their label."""
    names = ("request_begin_timestamp", "user_inDate", "request_end_timestamp", "timestamp")
    stamp = datetime.fromisoformat(source["timestamp"])
    return {
        "_index": f"sdk-log-{stamp:%Y-%m-%d}",
        "_type": "_doc",
        "_id": f"{number}.0",
        "_version": 1,
        "_score": None,
        "_source": source,
        "fields": {name: [_as_labelled(source[name])] for name in names if name in source},
        "sort": [int(stamp.timestamp()) * 1000],
    }


def compact(record: dict[str, Any]) -> bytes:
    """A record as one compact line, without its newline."""
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()


def _as_labelled(text: str) -> str:
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
