"""A poller between a portal and a door, both on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.clients.polled import Polled
from verification.doors.portal import LocalPortal


@pytest.fixture
def polled(tmp_path: Path) -> Iterator[Polled]:
    with LocalPortal() as portal:
        yield Polled(portal, tmp_path / "state")
