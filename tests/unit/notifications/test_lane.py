"""A lane's slots: freed by what was taken before it is written down, kept by everything else."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.notifications.delivery.lane import Lane, LaneRules, Tools
from services.notifications.delivery.message import Messages
from services.notifications.domain.verdict import Answer
from tests.unit.notifications.world import START

pytestmark = pytest.mark.unit
SLOTS = 2


def delivery(number: int) -> dict[str, Any]:
    id = f"{number:032x}"
    return {
        "_id": id, "notice": id, "recipient": "gjf", "alias": id, "version": number, "month": "2026-11",
        "about": "recall", "owner": "test-1/x",
    }  # fmt: skip


class Parts:
    """Everything a lane works with; nothing is written down until ``written`` is set."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.waiting = [delivery(number) for number in range(1, 101)]
        self.sent: list[str] = []
        self.written = asyncio.Event()
        self.name = "webhook"

    async def claim(self, *_: Any) -> list[dict[str, Any]]:
        some, self.waiting = self.waiting[: 4 * SLOTS], self.waiting[4 * SLOTS :]
        return some

    async def subscription(self, _: str) -> dict[str, Any]:
        return {"_id": "s", "state": "active", "held_until": None}

    async def agency(self, _: str) -> None:
        return None

    async def people(self, _: Any) -> dict[str, Any]:
        return {}

    async def give_back(self, *_: Any) -> None:
        pass

    async def send(self, endpoint: Any, notice: str, *_: Any) -> Answer:
        self.sent.append(notice)
        return self.answer

    def settle(self, *_: Any) -> None:
        pass

    async def submit(self, _: Any) -> None:
        await self.written.wait()

    async def run_until_stuck(self) -> int:
        """How much is sent while nothing is written down."""
        any_part: Any = self
        lane = Lane(
            "s",
            Tools(
                store=any_part, repository=any_part, channel=any_part, settler=any_part, messages=Messages(),
                rules=LaneRules(slots=SLOTS, lease=timedelta(seconds=45)), instance="test-1",
                today=lambda now: now.date(), now=lambda: START,
            ),
        )  # fmt: skip
        running = asyncio.create_task(lane.run())
        before = -1
        while before != len(self.sent):
            before = len(self.sent)
            await asyncio.sleep(0.1)
        lane.stop()
        self.written.set()
        await running
        return before


class TestSlots:
    async def test_what_was_taken_does_not_wait_to_be_written_down_but_not_without_bound(self) -> None:
        parts = Parts(Answer(204, {}))
        assert await parts.run_until_stuck() == 16 * SLOTS
        assert len(set(parts.sent)) == len(parts.sent)

    @pytest.mark.parametrize("answer", [Answer(500, {}), Answer(410, {}), Answer(200, {"webhook-delivery": "disable"})])
    async def test_any_other_answer_is_written_down_before_the_slot_is_used_again(self, answer: Answer) -> None:
        assert await Parts(answer).run_until_stuck() == SLOTS
