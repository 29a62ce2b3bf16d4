"""A lane: its slots are freed by what was taken before it is written down, kept by everything else; recalls go first;
it sends by the channel of its subscription, and only what can be written down and is surely its own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from services.notifications.delivery.dispatcher import Dispatcher
from services.notifications.delivery.lane import Lane, LaneRules, Tools
from services.notifications.delivery.message import Messages
from services.notifications.delivery.recorder import Recorder
from services.notifications.domain.verdict import Answer
from shared.kit.base import metrics
from shared.kit.base.clock import Clock
from tests.unit.notifications.world import START

pytestmark = pytest.mark.unit
SLOTS = 4
UNSETTLED = 50


def delivery(number: int, about: str = "recall") -> dict[str, Any]:
    id = f"{number:032x}"
    return {
        "_id": id, "notice": id, "recipient": "gjf", "person": id, "alias": id, "version": number, "month": "2026-11",
        "about": about, "opportunity": id, "kind": "job", "said": "proposed", "band": "high",
    }  # fmt: skip


class Parts:
    """Everything a lane works with; nothing is written down until ``written`` is set."""

    def __init__(self, answer: Answer, name: str = "webhook", about: str = "recall") -> None:
        self.answer = answer
        self.waiting = [delivery(number, about) for number in range(1, 101)]
        self.sent: list[str] = []
        self.claimed: list[tuple[str, int]] = []
        self.given_back: list[str] = []
        self.doubted: list[tuple[str, str]] = []
        self.written = asyncio.Event()
        self.answering = asyncio.Event()
        self.answering.set()
        self.name = name
        self.owner: str | None = "test-1/1"
        self.ahead = 0
        self.in_hand = Counter[str]()
        self.renew_seconds = 60.0
        self.away = False
        any_part: Any = self
        self.recorder = Recorder(any_part, group=10, unsettled=UNSETTLED)

    async def claim(self, _: str, about: str, owner: str, claim: str, __: Any, limit: int) -> list[dict[str, Any]]:
        if self.away:
            raise AutoReconnect
        some = [each for each in self.waiting if each["about"] == about][:limit]
        self.waiting = [each for each in self.waiting if each not in some]
        self.claimed.append((about, len(some)))
        return [{**each, "owner": owner, "claim": claim} for each in some]

    async def subscription(self, _: str) -> dict[str, Any]:
        return {"_id": "s", "channel": self.name, "state": "active", "held_until": None}

    async def agency(self, _: str) -> dict[str, Any]:
        return {"state": {"recipient_class": "service", "rights": {"receives": True}}}

    async def people(self, people: Sequence[str]) -> dict[str, Any]:
        consents = [
            {"purpose": "matching", "recipient": None, "until": "2199-12-31"},
            {"purpose": "notice", "recipient": "gjf", "until": "2199-12-31"},
        ]
        return {
            person: {
                "sequence": 1,
                "active": True,
                "consents": consents,
                "aliases": [{"agency": "gjf", "alias": person}],
            }
            for person in people
        }

    async def floors(self, _: Any) -> dict[str, Any]:
        return {}

    async def give_back(self, _: str, ids: Sequence[str]) -> None:
        self.given_back.extend(ids)

    def doubt(self, owner: str, claim: str) -> None:
        self.doubted.append((owner, claim))

    async def pay(self) -> None:
        pass

    async def renew(self) -> None:
        pass

    async def end(self) -> None:
        pass

    async def send(self, endpoint: Any, notice: str, *_: Any) -> Answer:
        self.sent.append(notice)
        await self.answering.wait()
        return self.answer

    def settle(self, *_: Any) -> None:
        pass

    async def perform(self, tasks: Sequence[Any]) -> list[None]:
        await self.written.wait()
        return [None for _ in tasks]

    def tools(self, *channels: Parts) -> Tools:
        any_part: Any = self
        others: Any = channels
        return Tools(
            repository=any_part, channels={each.name: each for each in others}, settler=any_part,
            recorder=self.recorder, tenure=any_part, messages=Messages(), rules=LaneRules(slots=SLOTS),
            today=lambda now: now.date(), clock=Clock(wall=lambda: START),
        )  # fmt: skip

    async def until_stuck(self) -> int:
        """How much is sent until nothing moves any more."""
        before = -1
        while before != len(self.sent):
            before = len(self.sent)
            await asyncio.sleep(0.1)
        return before

    async def run_until_stuck(self) -> int:
        """How much is sent while nothing is written down."""
        lane = Lane("s", self.tools(self))
        running = asyncio.create_task(lane.run())
        recording = asyncio.create_task(self.recorder.run())
        found = await self.until_stuck()
        lane.stop()
        self.written.set()
        await running
        await self.recorder.flush()
        await asyncio.sleep(0)
        recording.cancel()
        assert not +self.in_hand, "what is written down is in nobody's hand"
        return found


class TestSlots:
    async def test_what_was_taken_does_not_wait_to_be_written_down_but_not_without_bound(self) -> None:
        parts = Parts(Answer(204, {}))
        assert await parts.run_until_stuck() == UNSETTLED
        assert len(set(parts.sent)) == len(parts.sent)

    @pytest.mark.parametrize("answer", [Answer(500, {}), Answer(410, {}), Answer(200, {"webhook-delivery": "disable"})])
    async def test_any_other_answer_is_written_down_before_the_slot_is_used_again(self, answer: Answer) -> None:
        assert await Parts(answer).run_until_stuck() == SLOTS

    async def test_all_lanes_together_send_no_more_than_can_be_written_down(self) -> None:
        several = [Parts(Answer(204, {})) for _ in range(3)]
        for parts in several[1:]:
            parts.recorder = several[0].recorder
        found = await asyncio.gather(*(parts.run_until_stuck() for parts in several))
        assert sum(found) == UNSETTLED

    async def test_all_that_was_claimed_and_not_sent_is_given_back(self) -> None:
        parts = Parts(Answer(500, {}), about="notice")
        sent = await parts.run_until_stuck()
        assert sent == SLOTS - 1, "one is kept for recalls"
        assert len(parts.given_back) == 100 - len(parts.waiting) - sent > 0
        assert parts.ahead == 0


class TestRecalls:
    async def test_a_recall_goes_before_all_notices_that_wait_also_those_that_are_claimed(self) -> None:
        parts = Parts(Answer(204, {}), about="notice")
        parts.answering.clear()
        lane = Lane("s", parts.tools(parts))
        running = asyncio.create_task(lane.run())
        assert await parts.until_stuck() == SLOTS - 1
        parts.waiting.insert(0, delivery(777))
        lane.wake(["recall"])
        assert await parts.until_stuck() == SLOTS, "the slot that was kept for it"
        assert parts.sent[-1] == delivery(777)["_id"]
        lane.stop()
        parts.answering.set()
        parts.written.set()
        await running

    async def test_what_is_due_at_the_start_is_claimed_with_the_recalls_first(self) -> None:
        parts = Parts(Answer(204, {}), about="notice")
        parts.waiting += [delivery(777), delivery(778)]
        await parts.run_until_stuck()
        assert parts.claimed[0] == ("recall", 2)
        assert parts.sent[:2] == [delivery(777)["_id"], delivery(778)["_id"]]


class TestTenure:
    async def test_nothing_is_claimed_or_sent_without_the_lease(self) -> None:
        parts = Parts(Answer(204, {}))
        parts.owner = None
        assert await parts.run_until_stuck() == 0
        assert parts.claimed == []

    async def test_what_was_claimed_under_a_lease_that_is_lost_is_not_sent(self) -> None:
        parts = Parts(Answer(204, {}), about="notice")
        parts.answering.clear()
        lane = Lane("s", parts.tools(parts))
        running = asyncio.create_task(lane.run())
        assert await parts.until_stuck() == SLOTS - 1
        first = len(parts.given_back)
        parts.owner, parts.waiting = "test-1/2", []  # it was lost, and is held again
        parts.written.set()
        parts.answering.set()
        await running
        assert len(parts.sent) == SLOTS - 1
        assert len(parts.given_back) > first

    async def test_a_claim_of_which_nothing_is_known_is_let_go(self) -> None:
        parts = Parts(Answer(204, {}))
        parts.away = True
        with pytest.raises(AutoReconnect):
            await Lane("s", parts.tools(parts)).run()
        assert [owner for owner, _ in parts.doubted] == ["test-1/1"]


class ThreePartners(Parts):
    """What the dispatcher works with: three subscriptions, each named like its channel; one is not known here."""

    def __init__(self) -> None:
        super().__init__(Answer(204, {}))
        self.written.set()
        self.due = {name: [delivery(number)] for number, name in enumerate(("webhook", "letter", "later"), start=1)}

    async def release_lost(self) -> int:
        return 0

    async def waiting_endpoints(self, about: str, _: Any) -> list[str]:
        return sorted(name for name, due in self.due.items() if due and about == "recall")

    async def claim(self, subscription: str, about: str, owner: str, claim: str, *_: Any) -> list[dict[str, Any]]:
        some = [each for each in self.due[subscription] if each["about"] == about]
        self.due[subscription] = [each for each in self.due[subscription] if each not in some]
        return [{**each, "owner": owner, "claim": claim} for each in some]

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
