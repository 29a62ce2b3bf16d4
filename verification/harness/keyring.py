"""The secrets of one demo: made once, kept for the owner alone, so that a second run finds its data readable."""

from __future__ import annotations

import json
import os
import secrets
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from deploy.local.folder import data_folder

SERVICES = ("intake", "matching", "notifications")


class Keyring:
    """Keys of the services, tokens of the agencies. A file of mode 0600; made when it is not there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def key(self, name: str) -> str:
        """256 random bits as hex, the same every time."""
        if name not in self._kept:
            self._kept[name] = secrets.token_hex(32)
            self._write()
        return self._kept[name]

    def token(self, agency: str) -> str:
        """What an agency sends as its bearer token."""
        return f"{agency}-1.{self.key(f'agency/{agency}')}"

    def accept(self, agency: str, token: str) -> None:
        """Keep a token that was made elsewhere: that of a first administrator. Raises ValueError for another form."""
        key_id, _, secret = token.partition(".")
        if key_id != f"{agency}-1" or len(bytes.fromhex(secret)) != 32:
            raise ValueError(f"a token of {agency} is {agency}-1.<64 hex digits>")
        self._kept[f"agency/{agency}"] = secret
        self._write()

    def registered_key(self, agency: str) -> dict[str, Any]:
        """The key of an agency as it is registered: its id and the hash, not the secret."""
        secret = bytes.fromhex(self.key(f"agency/{agency}"))
        return {"key_id": f"{agency}-1", "secret_sha256": sha256(secret).hexdigest()}

    def first_admin(self, agency: str) -> str:
        """The first administrator, as intake's setting wants it."""
        key = self.registered_key(agency)
        return f"{agency}:{key['key_id']}:{key['secret_sha256']}"

    @property
    def is_new(self) -> bool:
        """Whether no key was made yet."""
        return not self._kept

    def _write(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        half = self._path.with_name(f".{self._path.name}.half")
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(self._kept, file, indent=1)
        half.replace(self._path)


def main(arguments: list[str]) -> int:
    """`python -m verification.harness.keyring gjf`: the token of an agency of `make run`, for curl."""
    path = data_folder() / "keys.json"
    if len(arguments) != 1 or not path.exists():
        print("python -m verification.harness.keyring <agency>, after make run", file=sys.stderr)
        return 2
    print(Keyring(path).token(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
