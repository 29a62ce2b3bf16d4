"""A lane: its slots are freed by what was taken before it is written down, kept by everything else; it sends by the
channel of its subscription."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.notifications.delivery.dispatcher import Dispatcher
from services.notifications.delivery.lane import Lane, LaneRules, Tools
from services.notifications.delivery.message import Messages
from services.notifications.domain.verdict import Answer
from shared.kit import metrics
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

    def __init__(self, answer: Answer, name: str = "webhook") -> None:
        self.answer = answer
        self.waiting = [delivery(number) for number in range(1, 101)]
        self.sent: list[str] = []
        self.written = asyncio.Event()
        self.name = name

    async def claim(self, *_: Any) -> list[dict[str, Any]]:
        some, self.waiting = self.waiting[: 4 * SLOTS], self.waiting[4 * SLOTS :]
        return some

    async def subscription(self, _: str) -> dict[str, Any]:
        return {"_id": "s", "channel": self.name, "state": "active", "held_until": None}

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

    def tools(self, *channels: Parts) -> Tools:
        any_part: Any = self
        others: Any = channels
        return Tools(
            store=any_part, repository=any_part, channels={each.name: each for each in others}, settler=any_part,
            messages=Messages(), rules=LaneRules(slots=SLOTS, lease=timedelta(seconds=45)), instance="test-1",
            today=lambda now: now.date(), now=lambda: START,
        )  # fmt: skip

    async def run_until_stuck(self) -> int:
        """How much is sent while nothing is written down."""
        lane = Lane("s", self.tools(self))
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


class ThreePartners(Parts):
    """What the dispatcher works with: three subscriptions, each named like its channel; one is not known here."""

    def __init__(self) -> None:
        super().__init__(Answer(204, {}))
        self.written.set()
        self.due = {name: [delivery(number)] for number, name in enumerate(("webhook", "letter", "later"), start=1)}

    async def release_of(self, _: str) -> int:
        return 0

    async def release_lost(self) -> int:
        return 0

    async def waiting_endpoints(self, _: Any) -> list[str]:
        return sorted(name for name, due in self.due.items() if due)

    async def claim(self, subscription: str, *_: Any) -> list[dict[str, Any]]:
        some, self.due[subscription] = self.due[subscription], []
        return some

    async def subscription(self, id: str) -> dict[str, Any]:
        return {"_id": id, "channel": id, "state": "active", "held_until": None}


class TestChannels:
    async def test_every_delivery_goes_out_by_the_channel_of_its_subscription(self) -> None:
        parts, webhook, letter = ThreePartners(), Parts(Answer(204, {})), Parts(Answer(204, {}), "letter")
        gauges = {name: metrics.in_flight.of(channel=name) for name in ("webhook", "letter")}
        during: list[float] = []
        sent = asyncio.Event()

        async def send(endpoint: Any, notice: str, *_: Any) -> Answer:
            letter.sent.append(f"{endpoint['_id']} {notice}")
            during.append(gauges["letter"]._value.get())
            sent.set()
            return letter.answer

        letter.send = send  # type: ignore[method-assign]  # as it looks while one is under way
        dispatcher, stopping = Dispatcher(timedelta(seconds=5)), asyncio.Event()
        running = asyncio.create_task(dispatcher.run(parts.tools(webhook, letter), stopping))
        async with asyncio.timeout(10):
            await sent.wait()
        await asyncio.sleep(0.2)  # the others, too
        stopping.set()
        await running
        assert webhook.sent == [delivery(1)["_id"]]
        assert letter.sent == [f"letter {delivery(2)['_id']}"]
        assert parts.due["later"] == [delivery(3)], "left to a replica that knows the channel"
        assert during == [1]
        assert [gauge._value.get() for gauge in gauges.values()] == [0, 0]
