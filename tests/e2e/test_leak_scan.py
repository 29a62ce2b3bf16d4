"""The leak scan with few people: nothing leaks, and every control is found, so that the silence means something."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from shared.events import registry
from verification.harness.console import Screen
from verification.leaks.encodings import ENCODINGS
from verification.leaks.scan import report_lines, scan

pytestmark = pytest.mark.e2e
SERVICES = ("intake", "matching", "notifications")


class TestTheLeakScan:
    async def test_finds_every_control_and_nobody_anywhere(self, tmp_path: Path) -> None:
        verdict = await scan(6, 3, Screen(Console(file=io.StringIO())), keep=tmp_path, kills=False)
        assert verdict.well, "\n".join(report_lines(verdict))
        looked_at = verdict.bytes_of.keys()
        for service in SERVICES:
            wanted = ("metrics", "openapi.json", "docs", "quarantine", "refusals")
            assert {f"{service} {what}" for what in wanted} <= looked_at
            assert {f"log {service}", f"database {service}"} <= looked_at
        for topic in registry.topics:
            parts = ("keys", "headers", "payloads")
            assert {f"topic {name} {part}" for name in (topic, f"{topic}.dead") for part in parts} <= looked_at
        assert {"feed as received", "webhook as received", "log broker", "log mongod", "database local"} <= looked_at
        assert {"mails", "notifications files"} <= looked_at
        assert verdict.controls == len(looked_at) * len(ENCODINGS)
