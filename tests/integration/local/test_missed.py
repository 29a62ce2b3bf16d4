"""A run that could not show something says so, and cannot pass for a full one where it counts."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration

ONE_TEST = "tests/integration/local/test_stack.py::TestSharedStack::test_the_database_knows_transactions"


def run_without_a_broker(**environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", ONE_TEST]
    inherited = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("PYTEST_")}
    return subprocess.run(
        command,
        env=inherited | {"KAFKA": "pigeon"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_end_of_a_run_says_what_it_missed_and_why() -> None:
    run = run_without_a_broker()
    assert run.returncode == 0
    assert "MISSED everything on a real broker (pigeon) and database: no broker of kind 'pigeon'" in run.stdout
    assert "passed" not in run.stdout


def test_in_ci_it_fails() -> None:
    run = run_without_a_broker(CI="true")
    assert run.returncode == 1
    assert "not shown: everything on a real broker (pigeon)" in run.stdout
