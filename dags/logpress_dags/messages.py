"""What people are told about a day: a title, our sentence, what to do, and where to look."""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass
from typing import Literal, get_args

Kind = Literal["failure", "warning", "recovery", "late"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_TITLES: dict[Kind, str] = {
    "failure": "failed",
    "warning": "is published with warnings",
    "recovery": "is good again",
    "late": "is late",
}

_CLEAR = "clear the task with downstream"

_TO_DO = {
    "wait_until_complete": "Trigger the day again as the sentence says.",
    "open_staging": f"Correct what the sentence names, then {_CLEAR}. No work was done yet.",
    "plan": f"See whether the delivery of the day is late, or the path wrong; then {_CLEAR}.",
    "press": f"Correct what the sentence names, then {_CLEAR}.",
    "verify": f"The published day is as it was. Correct the data, or the check in the contract; then {_CLEAR}.",
    "publish": f"The day is as it was. Correct what the sentence names, then {_CLEAR}.",
    "report": "The day is published. Clear the task.",
    "clean": "Clear the task; staging that is left is removed by a later run.",
    "read_contract": "Correct the contract; Airflow reads it again within minutes.",
}
"""What to do about a failure, by task; docs/operations.md has more."""

_PROOF = (
    "The published day is as it was. This is a defect of logpress or of the disk: keep the raw objects, and report it."
)
_UNKNOWN = "See the log of the task."


@dataclass(frozen=True)
class Message:
    """A message about a day.

    Attributes:
        kind: why it is sent.
        table: of the day.
        day: YYYY-MM-DD; None if the run has none.
        sentence: what happened, in our words.
        to_do: what the reader can do.
        task: the task that it is about; None if it is about the run.
        run: Airflow's name of the run.
        log_url: the log of the task, or the run.
        page_url: the day's page.
    """

    kind: Kind
    table: str
    day: str | None
    sentence: str
    to_do: str
    task: str | None
    run: str
    log_url: str
    page_url: str

    @property
    def title(self) -> str:
        """One line, such as `sdk_log 2021-12-26 failed in verify`."""
        where = f" in {self.task}" if self.kind == "failure" and self.task else ""
        return f"{self.table} {self.day or '(a run without a day)'} {_TITLES[self.kind]}{where}"

    def json(self) -> dict[str, str | None]:
        """The body that a webhook gets."""
        return {"source": "logpress", "title": self.title, **asdict(self)}

    def slack(self) -> dict[str, str]:
        """The body that a Slack webhook gets."""

        def plain(text: str) -> str:  # Slack's own three escapes
            return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

        links = f"<{self.log_url}|log>, <{self.page_url}|page of the day>"
        return {"text": f"*{plain(self.title)}*\n{plain(self.sentence)}\n{plain(self.to_do)}\n{links}"}

    def html(self) -> str:
        """The body of a mail."""
        lines = [self.sentence, self.to_do, f"Run: {self.run}"]
        links = [("Log", self.log_url), ("Page of the day", self.page_url)]
        texts = [f"<p>{html.escape(line)}</p>" for line in lines]
        texts += [f'<p>{name}: <a href="{html.escape(url)}">{html.escape(url)}</a></p>' for name, url in links]
        return "\n".join(texts) + "\n"


def to_do_after(task: str, sentence: str) -> str:
    """What to do after a task has failed."""
    if task == "verify" and sentence.startswith(("ProofError", "MismatchError")):
        return _PROOF
    return _TO_DO.get(task, _UNKNOWN)
