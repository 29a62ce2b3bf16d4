"""What tests of the door by HTTP have in common: a door, examples that are drawn, and what is known there."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.access.api_keys import Caller
from shared.events import EventType, registry
from tests.support.drawing import DRAWN
from tests.unit.intake.memory import House

DOOR_TYPES = [pytest.param(item, id=item.name) for item in registry if item.door]
# Several types share a model; what only depends on the model is tried on one of them.
_BY_MODEL = {item.door: item for item in registry if item.door}
ONE_PER_MODEL = [pytest.param(item, id=item.name) for item in _BY_MODEL.values()]
BY_FORM = {
    "missing-field", "not-a-date", "not-json", "too-few", "too-large", "too-long", "too-many", "too-short",
    "too-small", "unknown-field", "unknown-value", "wrong-form",
}  # fmt: skip
KNOWN = "KNOWN-1"


@dataclass
class Http:
    """A door on a store in memory, behind HTTP, with one known person, job, programme and agency."""

    client: httpx.AsyncClient
    house: House
    opportunity: str
    seen: Counter[str] = field(default_factory=Counter)

    async def send(self, event_type: EventType, data: Any) -> httpx.Response:
        by = "ops" if event_type.name.startswith("agency-") else "hanawon"
        event = self.house.event(event_type.name, data, by, dataschema=event_type.dataschema)
        headers = {"content-type": "application/cloudevents+json", "authorization": by}
        return await self.client.post("/events", content=json.dumps(event), headers=headers)


class Keys:
    """Stands in for the kit's: the header is the agency's name."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def authenticate(self, authorization: str | None) -> Caller:
        return self._house.callers[authorization or ""]

    async def reauthenticate(self, caller: Caller) -> Caller:
        return caller


def of_form(rule: str) -> bool:
    """Whether a refusal is about the form that the schema says; else it is one of the pack or of what is stored."""
    return rule in BY_FORM or rule.endswith("-type")


def drawn(strategy: st.SearchStrategy[Any], count: int = 200) -> list[Any]:
    """Examples of a strategy, the same every time."""
    found: list[Any] = []

    @settings(DRAWN, max_examples=count)
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found


def known(data: Any, opportunity: str) -> Any:
    """The same about something that is there."""
    there = {"reference": KNOWN, "opportunity": opportunity}
    return {**data, **{name: value for name, value in there.items() if name in data}}
