"""A worker lets what is new and what was left waiting take turns, and takes no more than its replica's share."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.notifications.delivery.endpoint_worker import EndpointWorker
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.domain.replica_shares import ReplicaShare
from services.notifications.domain.retry_schedule import OUTAGE
from tests.unit.notifications.fake_dependencies import (
    AGAIN,
    DELIVERED,
    MOST_UNRECORDED,
    SLOTS,
    FakeDependencies,
    delivery,
)

pytestmark = pytest.mark.unit
NONE, LATE = timedelta(0), timedelta(seconds=20)


class TestTurns:
    async def test_a_backlog_and_what_is_new_take_turns_and_the_new_ones_do_not_wait_for_all_of_it(self) -> None:
        deps = FakeDependencies(DELIVERED, about="notice")
        deps.waiting = [delivery(number, "notice") | {"attempts": 1} for number in range(1, 101)]
        deps.waiting += [delivery(number, "notice") for number in range(101, 111)]
        await deps.run_until_stuck()
        new = [place for place, id in enumerate(deps.sent) if id > delivery(100)["_id"]]
        assert new == list(range(0, 20, 2))
        assert sorted(deps.sent[:MOST_UNRECORDED]) == deps.sent_of(*range(1, 41), *range(101, 111))

    async def test_what_is_new_is_taken_though_retries_wait_in_the_database(self) -> None:
        deps = FakeDependencies(DELIVERED, about="notice")
        deps.waiting = [delivery(number, "notice") | {"attempts": 1} for number in range(1, 101)]
        deps.answering.clear()
        worker = EndpointWorker("s", deps.dependencies(deps))
        running = asyncio.create_task(worker.run())
        await deps.until_stuck()
        assert (worker.room("new") > 0, worker.room("left")) == (True, 0)
        born: Any = delivery(200, "notice") | {"owner": deps.owner, "claim": "c"}
        worker.give(born, None)
        deps.answering.set()
        await deps.until_stuck()
        assert deps.sent.index(born["_id"]) <= SLOTS
        worker.stop()
        deps.written.set()
        await running

    async def test_what_is_new_in_the_database_is_looked_for_though_retries_are_held(self) -> None:
        deps = FakeDependencies(DELIVERED, about="notice")
        deps.waiting = [delivery(number, "notice") | {"attempts": 1} for number in range(1, 13)]
        deps.answering.clear()
        worker = EndpointWorker("s", deps.dependencies(deps))
        running = asyncio.create_task(worker.run())
        await deps.until_stuck()
        assert worker.holds
        deps.waiting = [delivery(200, "notice"), delivery(201, "notice")]
        worker.wake(["new"])
        deps.answering.set()
        await deps.until_stuck()
        assert deps.sent.index(delivery(200)["_id"]) <= SLOTS
        assert deps.sent.index(delivery(201)["_id"]) <= SLOTS + 2
        worker.stop()
        deps.written.set()
        await running

    async def test_with_one_slot_they_take_turns_too(self) -> None:
        deps = FakeDependencies(DELIVERED, about="notice")
        deps.share = ReplicaShare("test-1", [f"test-{number}" for number in range(1, SLOTS + 1)])
        deps.waiting = [delivery(number, "notice") | {"attempts": 1} for number in range(1, 11)]
        deps.waiting += [delivery(number, "notice") for number in range(101, 111)]
        deps.written.set()
        await deps.run_until_stuck()
        assert deps.most_at_once == 1
        assert deps.sent == deps.sent_of(*(n for both in zip(range(101, 111), range(1, 11), strict=True) for n in both))


class TestARecallWhereTheShareIsOneSlot:
    """None can be kept for recalls: so many replicas run."""

    NAMES = tuple(f"test-{number}" for number in range(1, SLOTS + 1))

    async def busy(self, deps: FakeDependencies) -> tuple[EndpointWorker, asyncio.Task[None]]:
        """A notice is under way, and more wait."""
        deps.share = ReplicaShare("test-1", self.NAMES)
        deps.answering.clear()
        worker = EndpointWorker("s", deps.dependencies(deps))
        running = asyncio.create_task(worker.run())
        assert await deps.until_stuck() == 1
        return worker, running

    @pytest.mark.parametrize("claimed", [True, False])
    @pytest.mark.parametrize("verdict", [DELIVERED, AGAIN])
    async def test_it_waits_for_the_one_notice_that_is_under_way_and_for_no_other(
        self, claimed: bool, verdict: Verdict
    ) -> None:
        deps = FakeDependencies(verdict, about="notice")
        deps.written.set()
        worker, running = await self.busy(deps)
        recording = asyncio.create_task(deps.recorder.run())
        if claimed:
            born: Any = delivery(777) | {"owner": deps.owner, "claim": "c"}
            worker.give(born, None)
        else:
            deps.waiting.append(delivery(777))
            worker.wake(["recall"])
        assert await deps.until_stuck() == 1
        deps.answering.set()
        await deps.until(lambda: len(deps.sent) > 1)
        assert deps.sent[1] == delivery(777)["_id"]
        assert deps.most_at_once == 1
        worker.stop()
        await running
        recording.cancel()

    async def test_one_that_is_said_meanwhile_is_left_to_whoever_has_room_first(self) -> None:
        deps = FakeDependencies(DELIVERED, about="notice")
        deps.waiting = deps.waiting[:1]
        worker, running = await self.busy(deps)
        worker._claims.look_for_nothing()
        assert (worker.room("recall"), worker.room("new") > 0) == (0, True)
        deps.share = ReplicaShare("test-1", ["test-1"])  # nobody else is there
        assert worker.room("recall") > 0
        worker.stop()
        deps.answering.set()
        deps.written.set()
        await running

    async def test_where_a_slot_is_kept_for_it_it_is_taken_at_once(self) -> None:
        deps = FakeDependencies(DELIVERED, about="notice")
        deps.waiting = deps.waiting[:1]
        deps.share = ReplicaShare("test-1", self.NAMES[:2])
        deps.answering.clear()
        worker = EndpointWorker("s", deps.dependencies(deps))
        running = asyncio.create_task(worker.run())
        assert await deps.until_stuck() == 1
        assert worker.room("recall") > 0
        worker.stop()
        deps.answering.set()
        deps.written.set()
        await running


class TestReplicas:
    async def test_each_takes_its_share_of_the_slots(self) -> None:
        deps = FakeDependencies(DELIVERED)
        deps.share = ReplicaShare("test-1", ["test-1", "test-2"])
        deps.answering.clear()
        worker = EndpointWorker("s", deps.dependencies(deps))
        running = asyncio.create_task(worker.run())
        assert await deps.until_stuck() == SLOTS // 2
        deps.share = ReplicaShare("test-1", ["test-1"])  # the other one has gone
        worker.wake()
        assert await deps.until_stuck() == SLOTS
        worker.stop()
        deps.answering.set()
        deps.written.set()
        await running

    async def test_an_endpoint_that_is_down_is_asked_by_one_of_them(self) -> None:
        names = ["test-1", "test-2", "test-3"]
        sent = []
        for name in names:
            deps = FakeDependencies(AGAIN)
            deps.failures = OUTAGE
            deps.share = ReplicaShare(name, names, timedelta(seconds=20))
            await deps.run_until_stuck()
            sent.append(len(deps.sent))
            assert deps.prefetched == 0
        assert sorted(sent) == [0, 0, 1]

    async def test_what_was_given_to_one_that_is_not_to_ask_is_let_go(self) -> None:
        deps = FakeDependencies(AGAIN)
        names = ["test-1", "test-2"]
        (other,) = (name for name in names if not ReplicaShare(name, names, LATE).probes("s", NONE))
        deps.failures, deps.waiting, deps.share = OUTAGE, [], ReplicaShare(other, names, LATE)
        worker = EndpointWorker("s", deps.dependencies(deps), look=False)
        born: Any = delivery(200, "notice") | {"owner": deps.owner, "claim": "c"}
        worker.give(born, None)
        await worker.run()
        assert (deps.sent, deps.released, worker.room("new")) == ([], [born["_id"]], 0)
