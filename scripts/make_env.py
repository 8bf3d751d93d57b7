"""Write .env with random secrets for docker compose, once, and create the folders that compose mounts."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

ROOT = Path(__file__).parents[1]
SECRETS = ("POSTGRES_PASSWORD", "AIRFLOW_ADMIN_PASSWORD", "AIRFLOW_SECRET_KEY", "AIRFLOW_JWT_SECRET")


def settings() -> dict[str, str]:
    """Random secrets, and the user id with which the containers write the lake."""
    found = {name: secrets.token_urlsafe(48 if name.startswith("AIRFLOW_JWT") else 24) for name in SECRETS}
    found["AIRFLOW_FERNET_KEY"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    found["AIRFLOW_UID"] = str(os.getuid())
    return found


def main(root: Path = ROOT) -> None:
    """Write the file, readable by its owner only, and print its path."""
    for folder in ("lake", "sample"):
        (root / folder).mkdir(exist_ok=True)
    path = root / ".env"
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.writelines(f"{name}={value}\n" for name, value in settings().items())
    except FileExistsError:
        print(f"{path} exists already, and is not changed")
    else:
        print(f"wrote {path}; the UI's user is admin, its password AIRFLOW_ADMIN_PASSWORD in that file")


if __name__ == "__main__":
    main()
