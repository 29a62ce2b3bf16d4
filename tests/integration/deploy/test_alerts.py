"""The alerts' own unit tests, run by Prometheus's tool: when each one fires, and when not."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.support.missed import missed

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    "check",
    [
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
        ("test", "rules", "alerts_days_test.yml"),
    ],
)
def test_promtool_agrees(check: tuple[str, str, str]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:  # no package index has it, so not even CI may count on it
        missed["the alerts' unit tests"] = "promtool is missing -> sudo apt-get install prometheus"
        pytest.skip("promtool is missing -> sudo apt-get install prometheus")
    *verbs, file = check
    run = subprocess.run([promtool, *verbs, f"deploy/prometheus/{file}"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "SUCCESS" in run.stdout + run.stderr


def test_amtool_agrees() -> None:
    amtool = shutil.which("amtool")
    if amtool is None:
        missed["the check of alertmanager.yml"] = "amtool is missing -> sudo apt-get install prometheus-alertmanager"
        pytest.skip("amtool is missing -> sudo apt-get install prometheus-alertmanager")
    command = [amtool, "check-config", "deploy/prometheus/alertmanager.yml"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    routes = [amtool, "config", "routes", "test", "--config.file=deploy/prometheus/alertmanager.yml"]
    called = [subprocess.check_output([*routes, f"severity={each}"], text=True).strip() for each in ("page", "ticket")]
    assert called == ["page", "ticket"]
