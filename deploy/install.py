"""The packages of a lock file into the environment of the Python that runs this:

    python deploy/install.py requirements/dev.txt

By uv, which fetches and unpacks several at once: a quarter of pip's time. It comes by pip, from requirements/uv.txt,
and is told which index pip is configured for; proxies that the usual variables name it knows itself. Both check hashes.
What is imported is compiled then, by Python; most of it never is. Standard library only.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
UV = str(Path(sys.executable).with_name("uv"))
# scopes of pip's configuration: a later one counts more
SCOPES = ("global", "install", ":env:")

OPTIONS = {
    "index-url": "--default-index",
    "extra-index-url": "--index",
    "find-links": "--find-links",
    "trusted-host": "--allow-insecure-host",
}


def main(file: str) -> int:
    """Install what ``file`` names. The exit code: 0, or that of who has said what is not to be had."""
    locked = ["install", "--quiet", "--require-hashes", "--no-deps", "--requirement"]
    if code := subprocess.run([*PIP, *locked, "requirements/uv.txt"], check=False).returncode:
        return code
    listed = subprocess.run([*PIP, "config", "list"], check=True, capture_output=True, text=True).stdout
    configured = configuration(listed)
    environment = os.environ | ({"SSL_CERT_FILE": configured["cert"]} if "cert" in configured else {})
    options = ["--python", sys.executable, *index_options(configured)]
    return subprocess.run([UV, "--no-config", "pip", *locked, file, *options], check=False, env=environment).returncode


def configuration(listed: str) -> dict[str, str]:
    """What `pip config list` says of installing, by option."""
    found = dict(line.split("=", 1) for line in listed.splitlines() if "=" in line)
    return {
        name.removeprefix(f"{scope}."): str(ast.literal_eval(value))
        for scope in SCOPES
        for name, value in found.items()
        if name.startswith(f"{scope}.")
    }


def index_options(configured: dict[str, str]) -> Iterator[str]:
    """Where packages come from, in uv's words."""
    for name, option in OPTIONS.items():
        for place in configured.get(name, "").split():
            yield from (option, place)
    if configured.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        yield "--no-index"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
