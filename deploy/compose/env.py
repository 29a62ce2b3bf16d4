"""`make compose-env`: write .env, which docker-compose.yml reads, with passwords and keys made at random.

Standard library only: whoever runs containers needs no .venv. Never overwrites: the keys in an .env open the data in
the volumes. The first administrator's token is printed once and stands nowhere else; .env holds only its hash.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import secrets
import sys
from pathlib import Path

SERVICES = ("INTAKE", "MATCHING", "NOTIFICATIONS")
OFFLINE = {
    "PYTHON_IMAGE": "ieum-offline/python:3.11",
    "KAFKA_IMAGE": "ieum-offline/kafka:4.3.1",
    "MONGO_IMAGE": "ieum-offline/mongodb:latest",
    "PROMETHEUS_IMAGE": "ieum-offline/prometheus:latest",
    "PIP_NO_INDEX": "1",
}
"""What deploy/offline/build.sh and wheels.sh make."""


def main() -> int:
    """0 when .env was written, 1 when it is there already."""
    parser = argparse.ArgumentParser(prog="make compose-env", description=__doc__)
    parser.add_argument("--file", type=Path, default=Path(".env"))
    parser.add_argument("--profile", choices=["development", "production"], default="development")
    parser.add_argument("--administrator", default="office", help="agency that registers the others")
    parser.add_argument("--offline", action="store_true", help="use the images of deploy/offline/build.sh")
    given = parser.parse_args()
    token, first_administrator = administrator(given.administrator)
    values = variables(given.profile, first_administrator, offline=given.offline)
    try:
        write(given.file, values)
    except FileExistsError:
        print(
            f"{given.file} is there already and is left as it is: its keys open the data in the volumes\n"
            f"  -> to begin anew, without that data: docker compose down --volumes && rm {given.file}",
            file=sys.stderr,
        )
        return 1
    print(f"{given.file} written ({given.profile}).")
    print(f"The key of the first administrator, shown this once:\n  Authorization: Bearer {token}")
    return 0


def write(file: Path, values: dict[str, str]) -> None:
    """A new file for its owner alone. Raises FileExistsError."""
    text = "".join(f"{name}={value}\n" for name, value in values.items())
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(
            f"# Made by `make compose-env`. Secret: keep a copy in a safe place, never in version control.\n{text}"
        )


def variables(profile: str, first_administrator: str, *, offline: bool) -> dict[str, str]:
    """Everything that docker-compose.yml asks for, no two values the same."""
    values = {"IEUM_PROFILE": profile, "KAFKA_CLUSTER_ID": _cluster_id(), "IEUM_FIRST_ADMIN": first_administrator}
    values |= {"MONGO_KEY": secrets.token_hex(128), "MONGO_ADMIN_PASSWORD": secrets.token_hex(24)}
    values["KAFKA_ADMIN_PASSWORD"] = secrets.token_hex(24)
    for service in SERVICES:
        values[f"{service}_MONGO_PASSWORD"] = secrets.token_hex(24)
        values[f"{service}_KAFKA_PASSWORD"] = secrets.token_hex(24)
        values[f"{service}_ID_KEY"] = secrets.token_hex(32)
        values[f"{service}_SEALING_KEY"] = secrets.token_hex(32)
    values |= {"INTAKE_KEK": secrets.token_hex(32), "GRAFANA_PASSWORD": secrets.token_hex(24)}
    return values | (OFFLINE if offline else {})


def administrator(agency: str) -> tuple[str, str]:
    """A new key, `<agency>-1`: its bearer token, and what IEUM_FIRST_ADMIN says of it."""
    key_id, secret = f"{agency}-1", secrets.token_bytes(32)
    return f"{key_id}.{secret.hex()}", f"{agency}:{key_id}:{hashlib.sha256(secret).hexdigest()}"


def _cluster_id() -> str:
    """22 characters, as Kafka's StorageTool random-uuid makes them; not beginning with a dash."""
    while (made := base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")).startswith("-"):
        pass
    return made


if __name__ == "__main__":
    sys.exit(main())
