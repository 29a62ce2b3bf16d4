"""`make compose-env`: write .env, which docker-compose.yml reads, with passwords and keys made at random.
`make compose-check` (`--check`): look at one that is there, before anything starts. A service sees its own keys only;
here all of them lie side by side, so here it is seen that no key is used twice, across services and purposes.

Standard library only: whoever runs containers needs no .venv. Never overwrites: the keys in an .env open the data in
the volumes. The first administrator's token is printed once and stands nowhere else; .env holds only its hash.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import importlib.util
import os
import secrets
import sys
from pathlib import Path
from typing import Any

SERVICES = ("INTAKE", "MATCHING", "NOTIFICATIONS")
OFFLINE = {
    "PYTHON_IMAGE": "ieum-offline/python:3.11",
    "KAFKA_IMAGE": "ieum-offline/kafka:4.3.1",
    "MONGO_IMAGE": "ieum-offline/mongodb:latest",
    "PROMETHEUS_IMAGE": "ieum-offline/prometheus:latest",
    "ALERTMANAGER_IMAGE": "ieum-offline/alertmanager:latest",
    "PIP_NO_INDEX": "1",
}
"""What deploy/offline/build.sh and wheels.sh make."""
ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """0 when .env was written, 1 when it is there already."""
    parser = argparse.ArgumentParser(prog="make compose-env", description=__doc__)
    parser.add_argument("--file", type=Path, default=Path(".env"))
    parser.add_argument("--profile", choices=["development", "production"], default="development")
    parser.add_argument("--administrator", default="office", help="agency that registers the others")
    parser.add_argument("--offline", action="store_true", help="use the images of deploy/offline/build.sh")
    parser.add_argument("--check", action="store_true", help="look at the file instead of writing it")
    given = parser.parse_args()
    if given.check:
        return _checked(given.file)
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


def _checked(file: Path) -> int:
    try:
        found = findings(read(file), file.stat().st_mode)
    except OSError as error:
        found = [f"{file} cannot be read: {error.strerror}"]
    for each in found:
        print(each, file=sys.stderr)
    if not found:
        print(f"{file}: every secret is there, no two are the same, none is guessable.")
    return 2 if found else 0


def read(file: Path) -> dict[str, str]:
    """NAME=value per line, as compose reads it (we write no quotes)."""
    lines = [line.strip() for line in file.read_text().splitlines()]
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name.strip(): value.strip().strip("'\"") for name, _, value in pairs}


def findings(values: dict[str, str], mode: int) -> list[str]:
    """What is wrong with an .env, one line each; names of variables, never a value."""
    rules = _rules("shared/kit/base/weak_keys.py")
    wanted = variables("production", "", offline=False).keys()
    found = [f"{name} is missing or empty" for name in wanted if not values.get(name)]
    keys: dict[str, bytes] = {}
    for name in sorted(name for name in wanted if name.endswith(("_ID_KEY", "_SEALING_KEY", "_KEK"))):
        key = rules.parsed(values.get(name, ""))
        if values.get(name) and key is None:
            found.append(f"{name} is not 64 hex digits")
        elif key is not None and rules.guessable(key):
            found.append(f"{name} is guessable: put 64 hex digits of your own, for example from: openssl rand -hex 32")
        if key is not None:
            keys[name] = key
    seen: dict[bytes, str] = {}
    passwords = {name: values[name].encode() for name in wanted if "PASSWORD" in name and values.get(name)}
    for name, secret in {**passwords, **keys}.items():
        if secret in seen:
            found.append(f"{name} is the same as {seen[secret]}: each secret has one purpose in one service")
        seen.setdefault(secret, name)
    if values.get("IEUM_PROFILE") not in (None, "", "development", "production"):
        found.append("IEUM_PROFILE is neither development nor production")
    known_hash = _rules("shared/screening/known_secrets.py").known_hash
    if known_hash(values.get("IEUM_FIRST_ADMIN", "").rpartition(":")[2]):
        found.append("IEUM_FIRST_ADMIN holds the hash of a key that everybody knows")
    if mode & 0o077:
        found.append("other users of this machine may read the file: chmod 600")
    return found


def _rules(file: str) -> Any:
    """The services' own rules, by path: whoever runs containers has no package of ours to import."""
    spec = importlib.util.spec_from_file_location(Path(file).stem, ROOT / file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
