"""What the docs and the end of `make run` say about the demo is what the demo does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from samples.run import RunState, match_to_ask_about
from samples.world import load_setting
from verification.harness.ledger import Ledger

pytestmark = pytest.mark.unit
DOC = Path(__file__).resolve().parents[3] / "docs" / "sending-events.md"
GROUPS = {
    "person-*": ("person-enrolled", "person-updated", "person-left"),
    "consent-*": ("consent-given", "consent-withdrawn"),
    "job-*": ("job-posted", "job-updated", "job-closed"),
    "programme-*": ("programme-opened", "programme-updated", "programme-closed"),
}


def told_in_the_docs() -> Iterator[tuple[Any, ...]]:
    for line in DOC.read_text().splitlines():
        if row := re.fullmatch(r"\| `([a-z-]+)` \| (\w+) \| (.*) \| (.*) \| (yes|no) \|", line):
            name, kind, sends, reads, told = row.groups()
            types = {type for word in sends.split(", ") for type in GROUPS.get(word, (word,))}
            yield name, kind, types, set(reads.split(", ")), told == "yes"


class TestRights:
    def test_the_table_in_the_docs_is_what_the_demo_registers(self) -> None:
        registered = [
            (one.agency, one.recipient_class, set(one.rights.emits), set(one.rights.reads), one.rights.receives)
            for one in load_setting("kr-gyeonggi").agencies
        ]
        assert list(told_in_the_docs()) == registered


class Played:
    """A day on which two people came; the second has one match."""

    def __init__(self, *, came: bool = True) -> None:
        aliases = {("hanawon", "HW-1"): "a1", ("hanawon", "HW-2"): "a2"} if came else {}
        self.ledger = Ledger(aliases=aliases, titles={"o1": "baker", "o2": "driver"})

    async def matches(self, agency: str, alias: str) -> list[dict[str, Any]]:
        return [{"opportunity": "o1"}] if (agency, alias) == ("hanawon", "a2") else []


class TestWhyNot:
    async def test_it_asks_about_somebody_with_matches_and_an_opening_that_is_none(self) -> None:
        diary = RunState()
        assert await match_to_ask_about(Played(), diary) == ("hanawon", "a2", "o2")  # type: ignore[arg-type]  # as much as is used
        assert await match_to_ask_about(Played(came=False), diary) == ("hanawon", "a2", "o2")  # type: ignore[arg-type]  # as much as is used

    async def test_without_anybody_it_says_nothing(self) -> None:
        nobody = SimpleNamespace(ledger=Ledger(), matches=None)
        assert await match_to_ask_about(nobody, RunState()) is None  # type: ignore[arg-type]  # as much as is used
