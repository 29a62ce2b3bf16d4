"""Fan-out takes turns between recipients: whose flow an event is in."""

from __future__ import annotations

from typing import Any

import pytest

from services.notifications.fan_out.flows import MOST_ASKED, RecipientFlows

pytestmark = pytest.mark.unit
KEPT, NEW, OF_NOBODY = (f"{number:032x}" for number in (1, 2, 3))


async def test_of_whom_is_remembered_nobody_asks_and_who_is_not_known_has_no_flow() -> None:
    asked: list[str] = []

    async def people(ids: list[str]) -> Any:
        asked.extend(ids)
        return {KEPT: {"recipients": ["a", "b"]}, OF_NOBODY: {"recipients": []}}

    flows = RecipientFlows({"seen": {"b", "a"}, "seen alone": set()}.get, people)
    keys = {b"seen", b"seen alone", KEPT.encode(), NEW.encode(), OF_NOBODY.encode(), b"\xff", b"no id" * 1_000}
    assert await flows(keys) == {b"seen": ("a", "b"), KEPT.encode(): ("a", "b")}
    assert asked == [KEPT, NEW, OF_NOBODY]


async def test_many_are_asked_for_in_pieces() -> None:
    sizes: list[int] = []

    async def people(ids: list[str]) -> Any:
        sizes.append(len(ids))
        return {}

    await RecipientFlows(lambda person: None, people)({f"{n:032x}".encode() for n in range(MOST_ASKED + 1)})
    assert sizes == [MOST_ASKED, 1]
