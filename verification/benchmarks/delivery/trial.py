"""One service, one receiver, and a driver that says on Kafka what the service then tells the endpoints."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from pymongo import AsyncMongoClient

from deploy.local.ports import LOOPBACK
from deploy.local.stack import LocalStack
from deploy.local.timeouts import scaled
from shared.events import Event
from shared.events.envelope import to_kafka
from verification.benchmarks.arithmetic import percentile
from verification.benchmarks.backlog import KEYS_SECONDS, make_topics
from verification.benchmarks.command import InvalidTrial
from verification.benchmarks.delivery.world import Told, agencies
from verification.benchmarks.process import START_SECONDS, ServiceProcess, cpu_seconds
from verification.benchmarks.workload import PARTITIONS, hex_id

PATIENCE_SECONDS = 30.0
STALLED_SECONDS = 60.0
POLL_SECONDS = 0.1
NOT_YET_SECONDS = 86_400
COPIED = 1_000  # documents
AT_ONCE = 1_000  # events in the producer's buffers
WHOLE_BATCH_BYTES = 256 * 1024
WAIT_MS = 180_000  # for a broker that a trial restarts: on a busy machine its start takes longer than the usual 40 s
Document = dict[str, Any]


class Trial:
    """``seen``: of everything that was told, by opening, the second at which it reached the endpoint first. ``again``:
    how often each notice came that came more than once; ``notices``: how many came; ``hung``: how many requests hang
    as of the last look. ``prefix``: before the names of its topics and its database, where there are several on one
    stack; ``through``, ``settings``: of its service. ``second`` is a second replica, which runs when it is started."""

    def __init__(
        self,
        stack: LocalStack,
        folder: Path,
        endpoints: int,
        *,
        prefix: str = "",
        through: str | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._stack, self.endpoints, self._prefix = stack, endpoints, prefix
        name = f"{prefix}notifications"
        own = {"IEUM_TOPIC_PREFIX": prefix, "IEUM_DATABASE": name, **(settings or {})}
        self.service = ServiceProcess(stack, folder, "notifications", through, own)
        self.second = ServiceProcess(stack, folder, "notifications", through, own, number=2)
        self._client: AsyncMongoClient[Document] = AsyncMongoClient(stack.mongo_url, tz_aware=True)
        self.database = self._client[name]
        self._http = httpx.AsyncClient(trust_env=False, timeout=scaled(PATIENCE_SECONDS))
        # what is said at once must not make wait in this program what is said when it is due
        self._at_once, self._when_due = (
            AIOKafkaProducer(bootstrap_servers=stack.kafka, acks="all", max_batch_size=size, request_timeout_ms=WAIT_MS)
            for size in (WHOLE_BATCH_BYTES, 16_384)
        )
        self._receiver: asyncio.subprocess.Process | None = None
        self.url = ""
        self.seen: dict[str, float] = {}
        self.again: dict[str, int] = {}
        self.notices = self.hung = self.lost = self._people = 0

    async def __aenter__(self) -> Self:
        receiver = [sys.executable, "-m", "verification.benchmarks.delivery.receiver"]
        pipe = asyncio.subprocess.PIPE
        self._receiver = await asyncio.create_subprocess_exec(*receiver, stdin=pipe, stdout=pipe)
        assert self._receiver.stdout is not None
        self.url = f"http://{LOOPBACK}:{int(await self._receiver.stdout.readline())}"
        for producer in (self._at_once, self._when_due):
            await producer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for replica in (self.service, self.second):
            await replica.end(kill=True)
        assert self._receiver is not None
        for producer in (self._at_once, self._when_due):
            await producer.stop()
        self._receiver.kill()
        await self._receiver.wait()
        await self._http.aclose()
        await self._client.close()

    # --- the world

    async def subscribe(self, **options: str) -> None:
        """An agency with a webhook for each endpoint, with these options."""
        tokens: dict[str, str] = {}
        said = list(agencies(self.endpoints, tokens))
        await make_topics(self._stack, self._prefix)
        await self.service.start()
        await self.say(said)
        await self.until(lambda: self._stored("agencies", self.endpoints), "agencies")
        await asyncio.sleep(KEYS_SECONDS)
        for n, token in enumerate(tokens.values()):
            secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
            wanted = {"channel": "webhook", "url": f"{self.url}/{n}", "secret": secret, **options}
            await self.until(lambda w=wanted, t=token: self._subscribed(w, t), "subscriptions")
        # both passes over everybody: the second would fall into one of the phases, and is no delivery
        await self.until(self._no_resync, "both passes over everybody", within=2 * START_SECONDS)

    async def people(self, told: Told) -> None:
        """These people are known to the service."""
        await self.say(told.persons())
        self._people += told.people
        await self.until(lambda: self._stored("people", self._people), "people")

    async def age(self, old: int) -> None:
        """So many more deliveries that have ended, as those of before."""
        some = await self.database.deliveries.find({"state": "delivered"}).limit(COPIED).to_list(None)
        for start in range(0, old, COPIED):
            rows = [_copy(each, start + n) for n, each in enumerate(some[: old - start])]
            await self.database.deliveries.insert_many(rows, ordered=False)

    async def crowd(self, subscriptions: int) -> None:
        """So many subscriptions of agencies that are told nothing, as those of before."""
        (one,), (agency,) = [
            await each.find({}).limit(1).to_list() for each in (self.database.subscriptions, self.database.agencies)
        ]
        state = {**agency["state"], "keys": []}
        for start in range(0, subscriptions, COPIED):
            names = [f"crowd-{n}" for n in range(start, min(start + COPIED, subscriptions))]
            await self.database.agencies.insert_many([{**agency, "_id": name, "state": state} for name in names])
            rows = [{**one, "_id": hex_id("crowd", name), "agency": name} for name in names]
            await self.database.subscriptions.insert_many(rows)

    # --- events

    async def say(self, events: Iterable[Event[Any]]) -> None:
        """As fast as Kafka takes them."""
        sent = []
        for each in events:
            sent.append(await self._send(self._at_once, each))
            await asyncio.sleep(0)  # others have things to say when they are due
            if len(sent) >= AT_ONCE:
                await asyncio.gather(*sent)
                sent.clear()
        await asyncio.gather(*sent)

    def prepared(self, events: Iterable[Event[Any]]) -> list[tuple[str, int, Any]]:
        """The same in whole batches, for `hand_over`: by topic and partition."""
        partition_of, numbers = DefaultPartitioner(), list(range(PARTITIONS))
        open_: dict[tuple[str, int], Any] = {}
        batches = []
        for each in events:
            key, value, headers = to_kafka(each)
            topic = self._prefix + each.event_type.topic.name
            place = topic, partition_of(key, numbers, numbers)
            if place not in open_ or not open_[place].append(timestamp=None, key=key, value=value, headers=headers):
                open_[place] = self._at_once.create_batch()
                open_[place].append(timestamp=None, key=key, value=value, headers=headers)
                batches.append((*place, open_[place]))
        return batches

    async def hand_over(self, batches: Iterable[tuple[str, int, Any]]) -> None:
        """All at this moment: what it costs to make and hand over 10,000 records one by one would be taken from those
        who wait meanwhile, on the same processors."""
        sent = [await self._at_once.send_batch(batch, topic, partition=n) for topic, n, batch in batches]
        await asyncio.gather(*sent)

    async def say_at(self, told: Told, per_second: float) -> dict[str, float]:
        """Each when it is due; by opening the second at which it was."""
        due, began, sent = {}, time.monotonic() + 0.1, []
        for n in range(len(told.endpoints)):
            at = began + n / per_second
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            due[told.opportunity(n)] = at
            sent.append(await self._send(self._when_due, told.match(n)))
        await asyncio.gather(*sent)
        return due

    async def _send(self, producer: AIOKafkaProducer, each: Event[Any]) -> asyncio.Future[Any]:
        key, value, headers = to_kafka(each)
        topic = self._prefix + each.event_type.topic.name
        sent: asyncio.Future[Any] = await producer.send(topic, value, key=key, headers=headers)
        return sent

    # --- what arrived

    async def look(self) -> None:
        """Ask the receiver."""
        found = json.loads((await self._http.get(f"{self.url}/arrivals")).content)
        self.seen |= found["first"]
        self.notices, self.again, self.hung = found["notices"], found["again"], found["hung"]

    @property
    def twice(self) -> int:
        """How many notices came more than once."""
        return len(self.again)

    async def hang(self, below: int) -> None:
        """Endpoints below this number answer nothing; 0: all answer."""
        await self._http.get(f"{self.url}/hang/{below}")

    async def arrived(self, told: Told, *, settled: bool = True) -> int:
        """Wait until all of it is there and (``settled``) written down, or nothing moves any more. How many came."""
        wanted, moved_at, before = {told.opportunity(n) for n in range(len(told.endpoints))}, time.monotonic(), (-1, -1)
        while time.monotonic() - moved_at < scaled(STALLED_SECONDS):
            await self.look()
            missing = len(wanted - self.seen.keys())
            left = 0 if missing or not settled else await self.open()
            if not missing and not left:
                break
            if before != (now := (missing, left)):
                before, moved_at = now, time.monotonic()
            await asyncio.sleep(POLL_SECONDS)
        missing = len(wanted - self.seen.keys())
        self.lost += missing
        return len(wanted) - missing

    async def open(self) -> int:
        """Deliveries that are not settled: what waits does so for one of these. Others no index finds: among a million
        that have ended this question would be most of what is measured."""
        return sum([await self.database.deliveries.count_documents({"state": each}) for each in ("due", "sending")])

    async def in_flight(self) -> set[str]:
        """Notices that have arrived and are not settled."""
        left = {"state": {"$in": ["due", "sending", "waiting"]}}
        found = self.database.deliveries.find(left, {"notice": 1, "opportunity": 1})
        return {each["notice"] async for each in found if each["opportunity"] in self.seen}

    def cpu_seconds(self) -> Counter[str]:
        """Of the service (both replicas), the database and the broker, so far."""
        pids = {"mongod": self._stack.database.pid, "broker": self._stack.broker.pid}
        service = self.service.cpu_so_far + self.second.cpu_so_far
        return Counter({"service": service, **{name: cpu_seconds(pid) for name, pid in pids.items()}})

    async def commands(self) -> Counter[str]:
        """How many commands of each kind the database has done, and how often it has synced its journal."""
        status = await self._client.admin.command("serverStatus")
        each = status["metrics"]["commands"].items()
        done = {name: int(counts["total"]) for name, counts in each if isinstance(counts, dict)}
        return Counter({**done, "log syncs": int(status["wiredTiger"]["log"]["log sync operations"])})

    async def examined(self) -> Counter[str]:
        """What the database has looked at for its queries: keys, documents, and how often at a whole collection."""
        found = (await self._client.admin.command("serverStatus"))["metrics"]["queryExecutor"]
        scans = int(found["collectionScans"]["total"])
        return Counter(keys=int(found["scanned"]), documents=int(found["scannedObjects"]), collection_scans=scans)

    # --- waiting

    async def until(self, true: Any, what: str, every: float = POLL_SECONDS, within: float = START_SECONDS) -> None:
        """Raises InvalidTrial when it does not come."""
        end = time.monotonic() + scaled(within)
        while not await true():
            if time.monotonic() > end:
                raise InvalidTrial(f"{what} did not come")
            await asyncio.sleep(every)

    async def _stored(self, collection: str, count: int) -> bool:
        return bool(await self.database[collection].count_documents({}) >= count)

    async def _no_resync(self) -> bool:
        # the second pass is a minute behind the first for what is being handled meanwhile, and here nothing is yet
        now = [{"$set": {"not_before": "$$NOW"}}]
        await self.database.resyncs.update_many({"second_pass": True}, now)
        return await self.database.resyncs.count_documents({}) == 0

    async def _subscribed(self, wanted: Document, token: str) -> bool:
        address = f"http://{LOOPBACK}:{self.service.port}/subscriptions"
        answer = await self._http.post(address, json=wanted, headers={"authorization": f"Bearer {token}"})
        return answer.status_code in (201, 409)


def _copy(delivery: Document, number: int) -> Document:
    """The same about somebody else, under ids that are spread over the indexes as ids are."""
    return {**delivery, **{name: hex_id("old", name, number) for name in ("_id", "notice", "person", "thread")}}


def percentiles_ms(
    due: dict[str, float], seen: dict[str, float], but: frozenset[str] = frozenset()
) -> tuple[float, float]:
    """p50 and p99 of what arrived, in milliseconds; ``but`` for these."""
    took = [1_000 * (seen[each] - at) for each, at in due.items() if each in seen and each not in but]
    if not took:
        raise InvalidTrial("nothing arrived")
    return percentile(took, 0.5), percentile(took, 0.99)


def longest_pause(told: Told, seen: dict[str, float]) -> float:
    """Seconds between two arrivals one after the other, at most: whether something stood still."""
    came = sorted(seen[each] for each in map(told.opportunity, range(len(told.endpoints))) if each in seen)
    return max((after - before for before, after in itertools.pairwise(came)), default=0.0)


def per_second(due: dict[str, float], seen: dict[str, float]) -> float:
    """How many arrived a second, from when the first was due until the last of them came."""
    came = [seen[each] for each in due if each in seen]
    if not came:
        raise InvalidTrial("nothing arrived")
    return len(came) / (max(came) - min(due.values()))
