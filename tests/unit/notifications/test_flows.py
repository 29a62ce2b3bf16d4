"""Fan-out takes turns between recipients: whose flow an event is in."""

from __future__ import annotations

from typing import Any

import pytest

from services.notifications.fan_out.flows import MOST_ASKED, RecipientFlows

pytestmark = pytest.mark.unit


async def test_of_whom_is_remembered_nobody_asks_and_who_is_not_known_has_no_flow() -> None:
    asked: list[str] = []

    async def people(ids: list[str]) -> Any:
        asked.extend(ids)
        return {"kept": {"recipients": ["a", "b"]}}

    flows = RecipientFlows({"seen": {"b", "a"}}.get, people)
    assert await flows({b"seen", b"kept", b"new", b"\xff"}) == {b"seen": ("a", "b"), b"kept": ("a", "b")}
    assert asked == ["kept", "new", "\ufffd"]


async def test_many_are_asked_for_in_pieces() -> None:
    sizes: list[int] = []

    async def people(ids: list[str]) -> Any:
        sizes.append(len(ids))
        return {}

    await RecipientFlows(lambda person: None, people)({f"{n}".encode() for n in range(MOST_ASKED + 1)})
    assert sizes == [MOST_ASKED, 1]
