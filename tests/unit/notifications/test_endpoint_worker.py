"""A worker: its slots are freed by what was taken before it is written down, kept by everything else; recalls go first;
it sends by the channel of its subscription, and only what can be written down and is surely its own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from services.notifications import metrics
from services.notifications.delivery.attempt_recorder import AttemptRecorder
from services.notifications.delivery.delivery_queries import DeliveryQueries
from services.notifications.delivery.dispatcher import Dispatcher
from services.notifications.delivery.endpoint_worker import Dependencies, EndpointWorker
from services.notifications.delivery.heard_prohibitions import HeardProhibitions
from services.notifications.delivery.notice_content import Messages
from services.notifications.delivery.turns import turn_of
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.domain.replica_shares import ReplicaShare
from services.notifications.domain.retry_schedule import OUTAGE
from shared.kit.base.clock import Clock
from tests.support.along import AlongStore
from tests.unit.notifications.world import START

pytestmark = pytest.mark.unit
SLOTS = 4
DELIVERED, AGAIN = Verdict("delivered", endpoint_healthy=True), Verdict("again", "refused-500")
MOST_UNRECORDED = 50


def delivery(number: int, about: str = "recall") -> dict[str, Any]:
    id = f"{number:032x}"
    return {
        "_id": id, "thread": f"gjf:{id}", "notice": id, "subscription": "s", "recipient": "gjf", "person": id,
        "alias": id, "version": number, "month": "2026-11",
        "about": about, "attempts": 0, "opportunity": id, "kind": "job", "match_state": "proposed", "band": "high",
    }  # fmt: skip


class FakeDependencies(AlongStore):
    """Everything a worker works with; nothing is written down until ``written`` is set."""

    def __init__(self, verdict: Verdict, name: str = "webhook", about: str = "recall") -> None:
        self.verdict = verdict
        self.waiting = [delivery(number, about) for number in range(1, 101)]
        self.sent: list[str] = []
        self.claimed: list[tuple[str, int]] = []
        self.released: list[str] = []
        self.unknown: list[tuple[str, str]] = []
        self.written = asyncio.Event()
        self.answering = asyncio.Event()
        self.answering.set()
        self.name = name
        self.owner: str | None = "test-1/1"
        self.share = ReplicaShare("test-1", ["test-1"], timedelta(seconds=20))
        self.prefetched = 0
        self.unrecorded = Counter[str]()
        self.renew_seconds = 60.0
        self.away = False
        self.failures = 0
        self.per_second: float | None = None
        self.later: list[dict[str, Any]] = []  # what waits for a retry
        self.outages_ended = 0
        self.chunks = [True, False]  # what `bring_forward` says: whether there may be more
        self.at_once = self.most_at_once = 0
        anything: Any = self
        self.recorder = AttemptRecorder(anything, group=10, most_unrecorded=MOST_UNRECORDED)

    async def claim(
        self, _: str, turn: str, owner: str, claim: str, __: Any, limit: int, *_held: Any
    ) -> list[dict[str, Any]]:
        if self.away:
            raise AutoReconnect
        some = [each for each in self.waiting if turn_of(each) == turn][:limit]  # type: ignore[arg-type]  # of a test
        self.waiting = [each for each in self.waiting if each not in some]
        self.claimed.append((turn, len(some)))
        return [{**each, "owner": owner, "claim": claim} for each in some]

    async def subscription(self, _: str) -> dict[str, Any]:
        return {
            "_id": "s",
            "channel": self.name,
            "state": "active",
            "held_until": None,
            "failures": self.failures,
            "target": None,
            "per_second": self.per_second,
        }

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

    async def release_unsent(self, _: str, ids: Sequence[str]) -> None:
        self.released.extend(ids)

    def claim_unknown(self, owner: str, claim: str) -> None:
        self.unknown.append((owner, claim))

    async def release_pending(self) -> None:
        pass

    def asks(self, endpoint: Any, waited: timedelta) -> bool:
        return self.share.probes(endpoint["_id"], waited)

    async def renew(self) -> None:
        pass

    async def end(self) -> None:
        pass

    async def send(self, endpoint: Any, notice: str, *_: Any) -> Verdict:
        self.sent.append(notice)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.answering.wait()
        self.at_once -= 1
        return self.verdict

    async def bring_forward(self, *_: Any) -> bool:
        return self.chunks.pop(0) if self.chunks else False

    async def recall_goes_first(self, batch: Any, now: Any) -> bool:
        return await DeliveryQueries.recall_goes_first(self, batch, now)  # type: ignore[arg-type]  # the rule itself

    async def bring_probe_forward(self, _: str, about: str, __: Any) -> bool:
        self.waiting += [each for each in self.later if each["about"] == about]
        found, self.later = bool(self.later), []
        return found

    def after_attempt(self, *_: Any) -> None:
        pass

    def recovered(self, _: str) -> None:
        self.failures = 0
        self.outages_ended += 1

    async def commit(self, tasks: Sequence[Any]) -> list[None]:
        await self.written.wait()
        return [None for _ in tasks]

    def dependencies(self, *channels: FakeDependencies) -> Dependencies:
        anything: Any = self
        others: Any = channels
        return Dependencies(
            repository=anything, reads=anything, heard=HeardProhibitions(),
            channels={each.name: each for each in others}, transitions=anything, recorder=self.recorder,
            lease=anything, messages=Messages(), slots=SLOTS, jitter=0.2,
            today=lambda now: now.date(), clock=Clock(wall=lambda: START),
        )  # fmt: skip

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not true():  # noqa: ASYNC110  a list tells nobody when it grows
                await asyncio.sleep(0.005)

    @staticmethod
    def sent_of(*numbers: int) -> list[str]:
        return [delivery(number)["_id"] for number in numbers]

    async def until_stuck(self) -> int:
        """How much is sent until nothing moves any more."""
        before = -1
        while before != len(self.sent):
            before = len(self.sent)
            await asyncio.sleep(0.1)
        return before

    async def run_until_stuck(self) -> int:
        """How much is sent while nothing is written down."""
        worker = EndpointWorker("s", self.dependencies(self))
        running = asyncio.create_task(worker.run())
        recording = asyncio.create_task(self.recorder.run())
        found = await self.until_stuck()
        worker.stop()
        self.written.set()
        await running
        await self.recorder.flush()
        await asyncio.sleep(0)
        recording.cancel()
        assert not +self.unrecorded, "what is written down is in nobody's hand"
        return found


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
        before = -1
        while before != len(self.order):
            before = len(self.order)
            await asyncio.sleep(0.1)
        return before


class TestSlots:
    async def test_what_was_taken_does_not_wait_to_be_written_down_but_not_without_bound(self) -> None:
        deps = FakeDependencies(DELIVERED)
        assert await deps.run_until_stuck() == MOST_UNRECORDED
        assert len(set(deps.sent)) == len(deps.sent)

    async def test_with_nothing_left_to_send_it_ends_at_the_last_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("services.notifications.delivery.endpoint_worker.GATHER_SECONDS", 1_000.0)
        deps = FakeDependencies(DELIVERED)
        worker = EndpointWorker("s", deps.dependencies(deps), look=False)
        claimed: Any = {**delivery(1), "owner": deps.owner, "claim": "c"}
        worker.give(claimed, None)
        async with asyncio.timeout(60):
            await worker.run()
        assert deps.sent == [claimed["notice"]]

    @pytest.mark.parametrize(
        "verdict",
        [AGAIN, Verdict("failed", "gone", disable=True), Verdict("delivered", disable=True, endpoint_healthy=True)],
    )
    async def test_any_other_verdict_is_written_down_before_the_slot_is_used_again(self, verdict: Verdict) -> None:
        assert await FakeDependencies(verdict).run_until_stuck() == SLOTS

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

    async def test_what_is_due_at_the_start_is_claimed_with_the_recalls_first(self) -> None:
        deps = FakeDependencies(DELIVERED, about="notice")
        deps.waiting += [delivery(777), delivery(778)]
        await deps.run_until_stuck()
        assert deps.claimed[0] == ("recall", 2)
        assert deps.sent[:2] == [delivery(777)["_id"], delivery(778)["_id"]]


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

    async def test_a_claim_of_which_nothing_is_known_is_let_go(self) -> None:
        deps = FakeDependencies(DELIVERED)
        deps.away = True
        with pytest.raises(AutoReconnect):
            await EndpointWorker("s", deps.dependencies(deps)).run()
        assert [owner for owner, _ in deps.unknown] == ["test-1/1"]


class TestOutage:
    @pytest.mark.parametrize(("failures", "chunks"), [(0, 2), (OUTAGE - 1, 2), (OUTAGE, 0)])
    async def test_what_waits_is_brought_forward_until_none_is_left_and_only_after_an_outage(
        self, failures: int, chunks: int
    ) -> None:
        deps = FakeDependencies(DELIVERED)
        deps.failures = failures
        deps.written.set()
        await deps.run_until_stuck()
        assert len(deps.chunks) == chunks
        assert (deps.outages_ended > 0) == (failures > 0)

    async def test_a_bad_answer_brings_nothing_forward(self) -> None:
        deps = FakeDependencies(AGAIN)
        deps.failures = OUTAGE
        await deps.run_until_stuck()
        assert (len(deps.chunks), deps.outages_ended) == (2, 0)

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
