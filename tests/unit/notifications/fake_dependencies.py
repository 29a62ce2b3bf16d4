"""All that a worker works with, without a database: what is due is a list, and partners remember what reached them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from pymongo.errors import AutoReconnect

from services.notifications.delivery.attempt_recorder import AttemptRecorder
from services.notifications.delivery.dependencies import Dependencies
from services.notifications.delivery.endpoint_worker import EndpointWorker
from services.notifications.delivery.fair_queue import queue_class_of
from services.notifications.delivery.notice_content import Messages
from services.notifications.delivery.recent_prohibitions import RecentProhibitions
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.domain.replica_shares import ReplicaShare
from services.notifications.queries.delivery_queries import DeliveryQueries
from shared.kit.base.clock import Clock
from tests.support.piggyback_store import PiggybackStore
from tests.support.waiting import eventually
from tests.unit.notifications.world import START

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


async def until_still(done: Sequence[Any]) -> int:
    """How much is done once nothing moves any more. That is told by how often the loop has come round, too, not by time
    alone: a process that was not let run for a while has not been still."""
    before, still = len(done), 0
    while still < 20:
        await asyncio.sleep(0.005)
        still = still + 1 if len(done) == before else 0
        before = len(done)
    return before


class FakeDependencies(PiggybackStore):
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
        self, _: str, queue_class: str, owner: str, claim: str, __: Any, limit: int, *_held: Any
    ) -> list[dict[str, Any]]:
        if self.away:
            raise AutoReconnect
        some = [each for each in self.waiting if queue_class_of(each) == queue_class][:limit]  # type: ignore[arg-type]  # of a test
        self.waiting = [each for each in self.waiting if each not in some]
        self.claimed.append((queue_class, len(some)))
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

    async def possibly_sent(self, _: Any) -> dict[str, bool]:
        return {}

    async def recalled_and_let_go(self, _: Any) -> list[Any]:
        return []

    async def left_behind(self, *_: Any) -> set[tuple[str, str]]:
        return set()

    async def release_unsent(self, claims: Mapping[str, Sequence[str]]) -> None:
        self.released.extend(id for ids in claims.values() for id in ids)

    def claim_unknown(self, owner: str, claim: str) -> None:
        self.unknown.append((owner, claim))

    async def release_pending(self) -> None:
        pass

    def owner_for(self, channel: str) -> str | None:
        return self.owner

    def is_ours(self, owner: str) -> bool:
        return owner == self.owner

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
            repository=anything, reads=anything, heard=RecentProhibitions(),
            channels={each.name: each for each in others}, transitions=anything, recorder=self.recorder,
            brought_up_to_date=anything,
            lease=anything, messages=Messages(), slots=SLOTS, jitter=0.2,
            today=lambda now: now.date(), clock=Clock(wall=lambda: START),
        )  # fmt: skip

    async def until(self, true: Callable[[], object]) -> None:
        await eventually(true)

    @staticmethod
    def sent_of(*numbers: int) -> list[str]:
        return [delivery(number)["_id"] for number in numbers]

    async def until_stuck(self) -> int:
        """How much is sent until nothing moves any more."""
        return await until_still(self.sent)

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
