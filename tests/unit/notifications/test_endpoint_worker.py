"""A worker: recalls go first; it sends by the channel of its subscription, and only what can be written down and is
surely its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from services.notifications import metrics
from services.notifications.delivery.dispatcher import Dispatcher
from services.notifications.delivery.endpoint_worker import EndpointWorker
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.domain.retry_schedule import OUTAGE
from tests.unit.notifications.fake_dependencies import (
    AGAIN,
    DELIVERED,
    MOST_UNRECORDED,
    SLOTS,
    FakeDependencies,
    delivery,
    until_still,
)

pytestmark = pytest.mark.unit


class Counted(FakeDependencies):
    """One of several; ``order``: who sent, of all. Each group is written down when one more may be (``may_write``)."""

    def __init__(self, who: str, order: list[str], waiting: int) -> None:
        super().__init__(DELIVERED, about="notice")
        self.waiting = [delivery(number, "notice") for number in range(1, waiting + 1)]
        self.who, self.order = who, order
        self.may_write = asyncio.Semaphore(0)

    async def send(self, endpoint: Any, notice: str, *_: Any) -> Verdict:
        self.order.append(self.who)
        return await super().send(endpoint, notice)

    async def commit(self, tasks: Sequence[Any]) -> list[None]:
        await self.may_write.acquire()
        return [None for _ in tasks]

    async def until_stuck(self) -> int:
        return await until_still(self.order)


class TestSlots:
    async def test_with_nothing_left_to_send_it_ends_at_the_last_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("services.notifications.delivery.endpoint_worker.GATHER_SECONDS", 1_000.0)
        deps = FakeDependencies(DELIVERED)
        worker = EndpointWorker("s", deps.dependencies(deps), look=False)
        claimed: Any = {**delivery(1), "owner": deps.owner, "claim": "c"}
        worker.give(claimed, None)
        async with asyncio.timeout(60):
            await worker.run()
        assert deps.sent == [claimed["notice"]]

    async def test_a_recall_of_what_has_not_left_is_ended_instead_of_sent_beside_others_that_are(self) -> None:
        deps, ended = FakeDependencies(DELIVERED), list[str]()
        doubtful: dict[str, Any] = {"if_sent": ["n"], "possibly_sent_before": False}
        deps.waiting = [delivery(1) | doubtful, delivery(2), delivery(3) | doubtful | {"if_sent": ["left"]}]

        async def possibly_sent(_: Any) -> dict[str, bool]:
            return {"n": False, "left": True}

        deps.possibly_sent = possibly_sent  # type: ignore[method-assign]  # of what they are for
        transitions: Any = deps
        transitions.needless = lambda recall: ended.append(recall["_id"])
        deps.written.set()
        recording = asyncio.create_task(deps.recorder.run())
        async with asyncio.timeout(60):
            await EndpointWorker("s", deps.dependencies(deps)).run()
        recording.cancel()
        assert (sorted(deps.sent), ended) == (deps.sent_of(2, 3), deps.sent_of(1))

    async def test_all_workers_together_send_no_more_than_can_be_written_down(self) -> None:
        several = [FakeDependencies(DELIVERED) for _ in range(3)]
        for deps in several[1:]:
            deps.recorder = several[0].recorder
        found = await asyncio.gather(*(deps.run_until_stuck() for deps in several))
        assert sum(found) == MOST_UNRECORDED

    async def test_one_that_floods_takes_no_more_of_what_is_freed_than_one_with_little(self) -> None:
        order: list[str] = []
        flood, little = Counted("flood", order, 10_000), Counted("little", order, 10)
        little.recorder = flood.recorder
        workers = [EndpointWorker("s", each.dependencies(each)) for each in (flood, little)]
        recording = asyncio.create_task(flood.recorder.run())
        running = [asyncio.create_task(workers[0].run())]
        await flood.until_stuck()
        assert len(order) == MOST_UNRECORDED, "all that could be written down is taken"
        running.append(asyncio.create_task(workers[1].run()))
        await flood.until_stuck()
        assert order.count("little") == 0
        while order.count("little") < 10:
            assert len(order) < MOST_UNRECORDED + 60, "of all that was freed it got too little"
            flood.may_write.release()  # one group of ten more
            await flood.until_stuck()
        assert order.count("flood") < MOST_UNRECORDED + 50
        for worker in workers:
            worker.stop()
        recording.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def test_an_endpoint_that_wants_less_gets_less_and_what_waits_is_released_at_the_end(self) -> None:
        deps = FakeDependencies(DELIVERED)
        deps.per_second = 0.0001
        assert await deps.run_until_stuck() == 1
        assert len(deps.released) == 100 - len(deps.waiting) - 1

    async def test_all_that_was_claimed_and_not_sent_is_released(self) -> None:
        deps = FakeDependencies(AGAIN, about="notice")
        sent = await deps.run_until_stuck()
        assert sent == SLOTS - 1, "one is kept for recalls"
        assert len(deps.released) == 100 - len(deps.waiting) - sent > 0
        assert deps.prefetched == 0


class TestRecalls:
    async def test_a_recall_goes_before_all_notices_that_wait_also_those_that_are_claimed(self) -> None:
        deps = FakeDependencies(DELIVERED, about="notice")
        deps.answering.clear()
        worker = EndpointWorker("s", deps.dependencies(deps))
        running = asyncio.create_task(worker.run())
        assert await deps.until_stuck() == SLOTS - 1
        deps.waiting.insert(0, delivery(777))
        worker.wake(["recall"])
        assert await deps.until_stuck() == SLOTS, "the slot that was kept for it"
        assert deps.sent[-1] == delivery(777)["_id"]
        worker.stop()
        deps.answering.set()
        deps.written.set()
        await running


class TestLease:
    async def test_nothing_is_claimed_or_sent_without_the_lease(self) -> None:
        deps = FakeDependencies(DELIVERED)
        deps.owner = None
        assert await deps.run_until_stuck() == 0
        assert deps.claimed == []

    async def test_what_was_claimed_under_a_lease_that_is_lost_is_not_sent(self) -> None:
        deps = FakeDependencies(DELIVERED, about="notice")
        deps.answering.clear()
        worker = EndpointWorker("s", deps.dependencies(deps))
        running = asyncio.create_task(worker.run())
        assert await deps.until_stuck() == SLOTS - 1
        first = len(deps.released)
        deps.owner, deps.waiting = "test-1/2", []  # it was lost, and is held again
        deps.written.set()
        deps.answering.set()
        await running
        assert len(deps.sent) == SLOTS - 1
        assert len(deps.released) > first


class TestOutage:
    @pytest.mark.parametrize(
        ("fields", "first"),
        [({"probe": True}, "recall"), ({"probe": False}, "recall"), ({}, "notice")],
        ids=["chosen as the probe", "for the second time", "due by itself"],
    )
    async def test_a_notice_that_was_chosen_as_the_probe_gives_way_to_a_recall_that_came_since(
        self, fields: dict[str, Any], first: str
    ) -> None:
        deps = FakeDependencies(AGAIN)
        deps.failures, deps.waiting, deps.later = OUTAGE, [delivery(1, "notice") | fields], [delivery(2)]
        await deps.run_until_stuck()
        assert deps.sent[0] == {"notice": delivery(1), "recall": delivery(2)}[first]["_id"]
        assert deps.prefetched == 0

    @pytest.mark.parametrize(("failures", "at_once"), [(OUTAGE, 1), (0, SLOTS)])
    async def test_whoever_begins_in_an_outage_sends_one_at_a_time(self, failures: int, at_once: int) -> None:
        deps = FakeDependencies(DELIVERED)
        deps.failures = failures
        deps.answering.clear()
        worker = EndpointWorker("s", deps.dependencies(deps))
        running = asyncio.create_task(worker.run())
        await deps.until_stuck()
        assert deps.most_at_once == at_once
        worker.stop()
        deps.answering.set()
        deps.written.set()
        recording = asyncio.create_task(deps.recorder.run())
        await running
        recording.cancel()

    async def test_an_outage_that_other_replicas_found_is_asked_about_one_at_a_time(self) -> None:
        deps = FakeDependencies(DELIVERED)
        later, deps.waiting = deps.waiting, deps.waiting[:1]
        deps.written.set()
        worker = EndpointWorker("s", deps.dependencies(deps))
        recording = asyncio.create_task(deps.recorder.run())
        await worker.run()
        deps.failures, deps.most_at_once = OUTAGE, 0
        deps.answering.clear()
        deps.waiting = later[1:]
        worker.wake()
        running = asyncio.create_task(worker.run())
        await deps.until_stuck()
        assert deps.most_at_once == 1
        worker.stop()
        deps.answering.set()
        await running
        recording.cancel()


class ThreePartners(FakeDependencies):
    """What the dispatcher works with: three subscriptions, each named like its channel; one is not known here."""

    def __init__(self) -> None:
        super().__init__(DELIVERED)
        self.written.set()
        self.due = {name: [delivery(number)] for number, name in enumerate(("webhook", "letter", "later"), start=1)}

    async def release_orphaned(self) -> int:
        return 0

    async def waiting_endpoints(self, about: str, _: Any) -> list[str]:
        return sorted(name for name, due in self.due.items() if due and about == "recall")

    async def claim(self, subscription: str, turn: str, owner: str, claim: str, *_: Any) -> list[dict[str, Any]]:
        some = [each for each in self.due[subscription] if each["about"] == turn]
        self.due[subscription] = [each for each in self.due[subscription] if each not in some]
        return [{**each, "owner": owner, "claim": claim} for each in some]

    async def subscription(self, id: str) -> dict[str, Any]:
        return {"_id": id, "channel": id, "state": "active", "held_until": None, "failures": self.failures}


class TestChannels:
    async def test_every_delivery_goes_out_by_the_channel_of_its_subscription(self) -> None:
        deps, webhook, letter = (
            ThreePartners(),
            FakeDependencies(DELIVERED),
            FakeDependencies(DELIVERED, "letter"),
        )
        gauges = {name: metrics.in_flight.of(channel=name) for name in ("webhook", "letter")}
        during: list[float] = []
        sent = asyncio.Event()

        async def send(endpoint: Any, notice: str, *_: Any) -> Verdict:
            letter.sent.append(f"{endpoint['_id']} {notice}")
            during.append(gauges["letter"]._value.get())
            sent.set()
            return letter.verdict

        letter.send = send  # type: ignore[method-assign]  # as it looks while one is under way
        dispatcher, stopping = Dispatcher(timedelta(seconds=5)), asyncio.Event()
        running = asyncio.create_task(dispatcher.run(deps.dependencies(webhook, letter), stopping))
        async with asyncio.timeout(10):
            await sent.wait()
        await asyncio.sleep(0.2)  # the others, too
        stopping.set()
        await running
        assert webhook.sent == [delivery(1)["_id"]]
        assert letter.sent == [f"letter {delivery(2)['_id']}"]
        assert deps.due["later"] == [delivery(3)], "left to a replica that knows the channel"
        assert during == [1]
        assert [gauge._value.get() for gauge in gauges.values()] == [0, 0]
