"""Who is told what: channels, what messages look like, and that no secret of a connection is told."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace
from typing import Any

import pytest
from tests.dags.receivers import mails, webhooks

from logpress.errors import UsageError
from logpress_dags import channels
from logpress_dags.channels import Channel, parse
from logpress_dags.messages import KINDS, Message, to_do_after
from logpress_dags.notifiers import FailureNotifier, page_url
from logpress_dags.task_log import TaskEndedForGood

SECRET = "wJalrXUtnFEMI-K7MDENG"
MESSAGE = Message(
    kind="failure",
    table="sdk_log",
    day="2021-12-23",
    sentence="CheckError: the day has 0 rows; at least 1 are expected <b>&",
    to_do="Correct the data.",
    task="verify",
    run="manual__2021",
    log_url="http://127.0.0.1:8080/dags/sdk_log_daily/runs/manual__2021/tasks/verify?try_number=1",
    page_url="http://127.0.0.1:8080/logpress/sdk_log/2021-12-23",
)


def web(port: int) -> dict[str, Any]:
    """A connection to a webhook."""
    return {"conn_type": "http", "schema": "http", "host": "127.0.0.1", "port": port}


@pytest.fixture
def connect(monkeypatch, airflow_home):
    """Makes a connection, and a channel of it."""

    def make(name: str, **parts) -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(parts))
        monkeypatch.setenv("LOGPRESS_NOTIFY", name)

    return make


def test_channels_are_connections_with_the_kinds_that_they_want():
    assert parse("") == []
    assert parse(" mail_team ,\nslack=failure+late") == [Channel("mail_team"), Channel("slack", ("failure", "late"))]
    assert parse("mail_team")[0].kinds == KINDS


@pytest.mark.parametrize("text", ["slack=", "slack=fail", "=failure", "slack=failure,=late", "slack=failure+"])
def test_a_list_of_channels_that_is_not_one_is_refused(text):
    with pytest.raises(UsageError, match=r"LOGPRESS_NOTIFY has .*failure, warning, recovery, late"):
        parse(text)


def test_a_webhook_gets_json_with_a_token(connect):
    with webhooks() as server:
        extra = {"endpoint": "alerts/logs", "headers": {"X-Team": "data"}}
        connect("hook", **web(server.port), password=SECRET, extra=extra)
        assert channels.tell(MESSAGE)
    (posted,) = server.posted
    assert posted.path == "/alerts/logs"
    assert posted.headers["Authorization"] == f"Bearer {SECRET}"
    assert posted.headers["X-Team"] == "data"
    assert posted.json == {
        "source": "logpress",
        "title": "sdk_log 2021-12-23 failed in verify",
        "kind": "failure",
        "table": "sdk_log",
        "day": "2021-12-23",
        "sentence": MESSAGE.sentence,
        "to_do": "Correct the data.",
        "task": "verify",
        "run": "manual__2021",
        "log_url": MESSAGE.log_url,
        "page_url": MESSAGE.page_url,
    }


def test_a_webhook_with_a_user_gets_both(connect):
    with webhooks() as server:
        connect("hook", conn_type="generic", host=f"http://127.0.0.1:{server.port}", login="robot", password=SECRET)
        channels.tell(MESSAGE)
    pair = server.posted[0].headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(pair).decode() == f"robot:{SECRET}"


def test_slack_gets_text_with_its_own_escapes(connect):
    with webhooks() as server:
        connect("slack", conn_type="slackwebhook", host=f"http://127.0.0.1:{server.port}/services", password="T0/B0/x1")
        channels.tell(MESSAGE)
    (posted,) = server.posted
    assert posted.path == "/services/T0/B0/x1"
    assert posted.json["text"].splitlines() == [
        "*sdk_log 2021-12-23 failed in verify*",
        "CheckError: the day has 0 rows; at least 1 are expected &lt;b&gt;&amp;",
        "Correct the data.",
        f"<{MESSAGE.log_url}|log>, <{MESSAGE.page_url}|page of the day>",
    ]


def test_a_mail_says_it_all(connect):
    with mails("robot", SECRET) as server:
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@example.com"}
        extra["to"] = "team@example.com, night@example.com"
        connect("mail", **{**web(server.port), "conn_type": "smtp"}, login="robot", password=SECRET, extra=extra)
        assert channels.tell(MESSAGE)
    ((receivers, mail),) = server.received
    assert receivers == ["team@example.com", "night@example.com"]
    assert mail["Subject"] == "logpress: sdk_log 2021-12-23 failed in verify"
    assert mail["From"] == "airflow@example.com"
    text = mail.get_body().get_content()
    assert "at least 1 are expected &lt;b&gt;&amp;</p>" in text
    assert f'<a href="{MESSAGE.page_url}">' in text


def test_only_those_are_told_who_want_that_kind(connect, monkeypatch):
    with webhooks() as server:
        connect("hook", **web(server.port))
        monkeypatch.setenv("LOGPRESS_NOTIFY", "hook=late+recovery")
        assert not channels.tell(MESSAGE)
    assert server.posted == []


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (web(9), "NewConnectionError"),
        ({"conn_type": "ftp", "host": "127.0.0.1"}, "a connection of type ftp cannot be told anything"),
        ({"conn_type": "smtp", "host": "127.0.0.1", "port": 9}, "its extra names no receiver"),
        ({"conn_type": "smtp", "host": "127.0.0.1", "port": 9, "extra": {"to": "team@example.com"}}, "Error"),
        (None, "AirflowNotFoundException"),
    ],
)
def test_a_channel_that_fails_is_logged_and_the_others_are_told(connect, monkeypatch, caplog, broken, said):
    with webhooks() as server:
        connect("good", **web(server.port))
        if broken is not None:
            connect("bad", login="robot", password=SECRET, **broken)
        monkeypatch.setenv("LOGPRESS_NOTIFY", "bad,good")
        assert channels.tell(MESSAGE)
    assert len(server.posted) == 1
    (line,) = [message for message in caplog.messages if message.startswith("bad cannot be told")]
    assert said in line
    assert SECRET not in caplog.text


def test_an_answer_that_is_no_success_is_logged_without_the_address(connect, caplog):
    with webhooks(status=302) as server:
        extra = {"endpoint": f"hooks/{SECRET}"}
        connect("hook", **web(server.port), extra=extra)
        channels.tell(MESSAGE)
    assert len(server.posted) == 1
    assert "hook cannot be told that sdk_log 2021-12-23 failed in verify: it answers with status 302" in caplog.messages
    assert SECRET not in caplog.text


def test_a_list_that_cannot_be_read_is_logged(connect, monkeypatch, caplog, airflow_home):
    monkeypatch.setenv("LOGPRESS_NOTIFY", "hook=everything")
    assert not channels.tell(MESSAGE)
    assert "nobody is told that sdk_log 2021-12-23 failed in verify: LOGPRESS_NOTIFY has" in caplog.text


def failed(exception: BaseException | None, task_id: str = "verify", **task) -> dict[str, Any]:
    run = SimpleNamespace(partition_key=None, conf={"day": "2021-12-23"}, logical_date=None)
    ti = SimpleNamespace(task_id=task_id, run_id="r", dag_id="sdk_log_daily", log_url="http://x/log", **task)
    return {"ti": ti, "dag_run": run, "exception": exception}


@pytest.mark.parametrize(
    ("exception", "sentence"),
    [
        (TaskEndedForGood(1, "CheckError: no rows"), "CheckError: no rows"),
        (ZeroDivisionError(SECRET), "ZeroDivisionError, which logpress does not expect; the log of the task has more."),
        (None, "The task was killed, perhaps because it took too much memory; its log may end early."),
    ],
)
def test_a_failure_is_told_with_our_sentence(connect, exception, sentence):
    with webhooks() as server:
        connect("hook", **web(server.port))
        FailureNotifier("sdk_log")(failed(exception))
    told = server.posted[0].json
    assert told["sentence"] == sentence
    assert told["to_do"] == to_do_after("verify", sentence)
    assert told["day"] == "2021-12-23"
    assert told["log_url"] == "http://x/log"
    assert told["page_url"] == page_url("sdk_log", "2021-12-23")


def test_of_slices_that_fail_the_first_is_told(connect):
    def states(**asked):
        assert asked == {"dag_id": "sdk_log_daily", "task_ids": ["press"], "run_ids": ["r"]}
        return {"r": {"press_0": "failed", "press_1": "running"}}

    with webhooks() as server:
        connect("hook", **web(server.port))
        for number in (0, 1):
            FailureNotifier("sdk_log")(failed(None, "press", map_index=number, get_task_states=states))
    assert len(server.posted) == 1


def test_there_is_something_to_do_after_each_task(dags):
    for task in dags["sdk_log_daily"].task_ids:
        assert to_do_after(task, "") != to_do_after("no task of ours", "")
    assert "report it" in to_do_after("verify", "ProofError: its content has changed")
