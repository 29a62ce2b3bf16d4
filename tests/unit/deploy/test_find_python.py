"""Which Python `make setup` takes: one that can make an environment, and of those a quick one where there is one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path("deploy/find_python.sh")
pytestmark = pytest.mark.unit


def _found(folder: Path, system: Path, can: dict[str, str]) -> str:
    """What the script prints where these are on the path, each of which `can` do so much."""
    for name, abilities in can.items():
        wants = " ".join(
            f"*{each}*) test x = {'x' if each in abilities else 'y'};;" for each in ("sysconfig", "ensurepip")
        )
        (folder / name).write_text(f'#!/bin/sh\ncase "$2" in {wants} *) true;; esac\n')
        (folder / name).chmod(0o755)
    script = SCRIPT.read_text().replace("/usr/bin/", f"{system}/")
    done = subprocess.run(
        ["/bin/sh", "-c", script], env={**os.environ, "PATH": str(folder)}, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


@pytest.mark.parametrize(
    ("can", "expected"),
    [
        ({"python3.11": "ensurepip", "python3.12": "ensurepip sysconfig"}, "python3.12"),
        ({"python3.11": "ensurepip", "python3.12": "ensurepip"}, "python3.11"),
        ({"python3.11": "sysconfig", "python3.12": "ensurepip"}, "python3.12"),
        ({"python3.11": ""}, "python3.11"),
        ({}, ""),
    ],
)
def test_one_that_can_and_of_those_a_quick_one_first(tmp_path: Path, can: dict[str, str], expected: str) -> None:
    assert _found(tmp_path, tmp_path / "nothing", can) == expected


def test_a_distributions_own_is_taken_though_a_slow_one_is_first_on_the_path(tmp_path: Path) -> None:
    (system := tmp_path / "system").mkdir()
    _found(system, system, {"python3.11": "ensurepip sysconfig"})
    (own := tmp_path / "own").mkdir()
    assert _found(own, system, {"python3.11": "ensurepip"}) == f"{system}/python3.11"
