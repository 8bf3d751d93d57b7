"""What the Airflow UI tells an operator about the DAGs (`doc_md`)."""

from pathlib import Path

_FOLDER = Path(__file__).parent

DAILY = (_FOLDER / "daily.md").read_text(encoding="utf-8")
TRAINING_EXAMPLE = (_FOLDER / "training_example.md").read_text(encoding="utf-8")
