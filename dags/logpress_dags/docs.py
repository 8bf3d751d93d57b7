"""Texts about the DAGs for operators, shown in the Airflow UI (`doc_md`)."""

from pathlib import Path

_FOLDER = Path(__file__).parent

BROKEN = (_FOLDER / "broken.md").read_text(encoding="utf-8")
DAILY = (_FOLDER / "daily.md").read_text(encoding="utf-8")
HISTORY = (_FOLDER / "history.md").read_text(encoding="utf-8")
LAKE_CLEAN = (_FOLDER / "lake_clean.md").read_text(encoding="utf-8")
TRAINING_EXAMPLE = (_FOLDER / "training_example.md").read_text(encoding="utf-8")
