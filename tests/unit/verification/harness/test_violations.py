"""What went wrong in a day is told, and what somebody killed on purpose is nothing that went wrong."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from samples import run
from samples.world import Item, load_setting
from verification.harness.console import Screen
from verification.harness.ledger import Ledger
from verification.harness.senders import Outcome
from verification.harness.system import Ports, System
from verification.harness.violations import violations

pytestmark = pytest.mark.unit


class Played:
    """A day on which all was well, until a test says otherwise."""

    def __init__(self, folder: Path) -> None:
        self.system = System(folder, load_setting(), Ports(0, 0, {}))
        self.ledger = Ledger()
        self.apart = 0
        self.quiet = True
        self.databases = SimpleNamespace(quarantined=lambda: self.apart)
        self.world = SimpleNamespace(day=lambda number: [])
        self.console = Console(file=io.StringIO(), width=200)
        self.screen = Screen(self.console)

    async def until_quiet(self, patience: float) -> bool:
        return self.quiet

    async def say_unfinished(self) -> None:
        self.screen.say("", "not finished: deliveries")

    async def register(self) -> None: ...

    async def watch(self) -> None: ...

    def counts(self) -> dict[str, Any]:
        return {}

    @property
    def said(self) -> str:
        assert isinstance(self.console.file, io.StringIO)
        return self.console.file.getvalue()

    async def found(self, *, quiet: bool = True) -> list[str]:
        return await violations(self, quiet, None)  # type: ignore[arg-type]  # as much as is used


@pytest.fixture
def played(tmp_path: Path) -> Played:
    return Played(tmp_path)


class TestTroubles:
    async def test_are_none_when_all_was_well(self, played: Played) -> None:
        assert await played.found() == []
        assert played.said == ""

    async def test_are_said_as_well(self, played: Played) -> None:
        played.apart = 2
        assert await played.found(quiet=False) == ["it did not become quiet in time", "2 records were set apart"]
        assert "2 records were set apart" in played.said

    async def test_name_an_answer_that_should_have_been_another(self, played: Played) -> None:
        item = Item("hanawon", {"type": "person-left", "data": {}})
        played.ledger.record(Outcome(item, {"status": "refused", "problem": {"status": 422, "rule": "unknown-field"}}))
        assert await played.found() == ["person-left should have been accepted, was 422 unknown-field"]

    async def test_name_who_ended_by_itself(self, played: Played) -> None:
        played.system.restarted = ["matching"]
        assert await played.found() == ["ended by itself and was started again: matching"]

    async def test_do_not_name_who_was_killed_on_purpose_once(self, played: Played) -> None:
        played.system.restarted, played.system.killed = ["matching"], ["matching"]
        assert await played.found() == []
        played.system.restarted.append("matching")
        assert await played.found() == ["ended by itself and was started again: matching"]


class TestARun:
    @pytest.mark.parametrize("quiet", [True, False])
    async def test_says_what_is_not_finished(
        self, played: Played, quiet: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def started(told: Any) -> None: ...

        monkeypatch.setattr(played.system, "start_partners", started)
        played.quiet = quiet
        assert await run._day(played, 1) is quiet  # type: ignore[arg-type]  # as much as is used
        assert ("not finished: deliveries" in played.said) is not quiet
