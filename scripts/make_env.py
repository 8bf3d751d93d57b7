"""Write .env for docker compose, once: random secrets, the machine's sizes. Create the folders that it mounts."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("lake", "sample", "contracts")
SECRETS = (
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "AIRFLOW_ADMIN_PASSWORD",
    "AIRFLOW_VIEWER_PASSWORD",
    "S3_ACCESS_KEY",
    "S3_SECRET_KEY",
    "SEARCH_ADMIN_PASSWORD",
    "AIRFLOW_SECRET_KEY",
    "AIRFLOW_JWT_SECRET",
)
TASK_MEGABYTES = 1500
"""Memory of a task, LOGPRESS_MEMORY: the bound of `sdk_log` for the worst records (docs/operations.md, Memory)."""

OTHERS_MEGABYTES = 1000
"""Memory of the scheduler or worker itself, beside its tasks."""

COMMENTED = """
# COMPOSE_PROFILES=celery,s3,search,metrics
# AIRFLOW_EXECUTOR=CeleryExecutor     # with the profile celery
# AIRFLOW_METRICS=True                # with the profile metrics
# LOGPRESS_INPUT=s3://raw-logs/{year}/{month}/{day_of_month}
# LOGPRESS_LAKE=s3://game-lake/logs
# LOGPRESS_NOTIFY=mail_team, slack_ops=failure+late     # Airflow connections
# LOGPRESS_CATALOG_TYPE=glue          # or LOGPRESS_CATALOG_URI=postgresql+psycopg2://user@host/db, or a REST catalog
# AWS_REGION=us-east-1                # keys only where the machine has no role
# AWS_ENDPOINT_URL=http://s3:8333     # these three with the profile s3
# AWS_ACCESS_KEY_ID=${S3_ACCESS_KEY}
# AWS_SECRET_ACCESS_KEY=${S3_SECRET_KEY}
# OPENSEARCH_USERNAME=admin           # these two with the profile search
# OPENSEARCH_PASSWORD=${SEARCH_ADMIN_PASSWORD}
"""


def sizes(cores: int) -> dict[str, str]:
    """How many tasks run at once, and the memory of one, and of the container that runs them."""
    return {
        "AIRFLOW_PARALLELISM": str(cores),
        "AIRFLOW_WORKER_CONCURRENCY": str(cores),
        "LOGPRESS_MEMORY": f"{TASK_MEGABYTES}M",
        "TASKS_MEMORY": f"{cores * TASK_MEGABYTES + OTHERS_MEGABYTES}m",
    }


def settings() -> dict[str, str]:
    """Random secrets, and the user id with which the containers write the lake."""
    found = {name: secrets.token_urlsafe(48 if name.startswith("AIRFLOW_JWT") else 24) for name in SECRETS}
    found["AIRFLOW_FERNET_KEY"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    found["AIRFLOW_UID"] = str(os.getuid())
    return found


def main(root: Path = ROOT) -> None:
    """Write the file, readable by its owner only, and print its path."""
    for folder in FOLDERS:
        (root / folder).mkdir(exist_ok=True)
    path = root / ".env"
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.writelines(f"{name}={value}\n" for name, value in (settings() | sizes(os.cpu_count() or 2)).items())
            file.write(COMMENTED)
    except FileExistsError:
        print(f"{path} exists already, and is not changed")
    else:
        print(f"wrote {path}; the UI's users are admin and viewer; AIRFLOW_..._PASSWORD in that file are theirs")


if __name__ == "__main__":
    main()
