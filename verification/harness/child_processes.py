"""The processes of a demo beside the stack: services and partners, started like servers and dying with us."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from deploy.local.process import Server

ROOT = Path(__file__).parents[2]


class Program(Server):
    """`python -m <module>` with these variables and nothing else of our environment. Answers when `ready` says 200."""

    def __init__(
        self, module: str, port: int, log: Path, variables: Mapping[str, str], *, variable: str, ready: str = "/ready"
    ) -> None:
        super().__init__(port, log)
        self.name = module.rpartition(".")[2]
        self.variable = variable
        self._module, self._variables, self._ready = module, variables, ready

    @property
    def url(self) -> str:
        """Where its API is."""
        return f"http://{self.address}"

    def command(self) -> list[str]:
        return [sys.executable, "-m", self._module]

    def environment(self) -> dict[str, str]:
        places = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        found = {name: os.environ[name] for name in ("LANG", "LC_ALL") if name in os.environ}
        return super().environment() | found | places | dict(self._variables)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + self._ready, timeout=5.0) as answer:  # noqa: S310  our own loopback
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
