"""A backlog of due deliveries to 100 healthy webhooks on the loopback, and what it takes to drain it.

`python -m verification.benchmarks.backlog --due 20000 [--kill]`. The last line is one JSON object; the exit code says
whether it is sound.

The store is filled by the service itself (one notice for every endpoint, held back by its spread), then these documents
are copied under new ids: so the benchmark knows no more of how they look than the few fields that it changes. Then the
service is started anew with everything due. ``--kill``: kill -9 when half has arrived, and a new start.

``cpu_s_per_1000`` and ``documents_per_delivery`` count the service and the database, from the first delivery that
arrives to the last one settled: what a start costs is not a matter of the backlog. Without a kill nothing may come
twice; with one at most ``unsettled_at_kill``: what had arrived and was not settled.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import uvloop
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pymongo import AsyncMongoClient

from deploy.local.errors import StartError
from deploy.local.stack import LocalStack
from deploy.local.timeouts import scaled
from shared.access.api_keys import make_key
from shared.events import Event, registry
from shared.events.envelope import to_kafka
from verification.benchmarks.command import InvalidTrial
from verification.benchmarks.process import START_SECONDS, ServiceProcess, cpu_seconds
from verification.benchmarks.webhooks import Webhooks
from verification.benchmarks.workload import PARTITIONS, hex_id

# Of the database, the same for every size. Each delivery changes documents in random places; once what is changed
# between two of the database's checkpoints is more than its cache takes, pages are written again and again, and the
# database pays twice as much for each: 0.4 ms with 1,000, 1.2 ms with 100,000 at half a gigabyte
# (docs/performance-history.md).
CACHE_GB = 4.0
ENDPOINTS = 100
ROWS_AT_ONCE = 1_000
STALLED_SECONDS = 60.0
POLL_SECONDS = 0.1
PATIENCE_SECONDS = 30.0
KEYS_SECONDS = 2.0  # the service reads its keys again when it holds them for longer than a second
SHOWN_LINES = 20  # of what the service had to say: nothing, when all is well
Document = dict[str, Any]


def event(type: str, data: Document, key: str) -> Event[Any]:
    """An event as intake or matching would say it."""
    now = datetime.now(UTC)
    kind = registry.find(type)
    return Event(
        id=hex_id(type, key), source="/services/benchmark", type=type, version=kind.version, time=now, key=key,
        data=kind.bus.model_validate(data), sequence=1, correlationid=hex_id("root", key), recordedtime=now,
    )  # fmt: skip


def events(tokens: dict[str, str]) -> Iterator[Event[Any]]:
    """For every endpoint an agency, a person who allows it to be told, and a match; keys of the agencies are noted."""
    until = date(2199, 12, 31)
    for n in range(ENDPOINTS):
        agency, person = f"partner-{n}", hex_id("person", n)
        tokens[agency], key = make_key(f"{agency}-1")
        rights = {"receives": True, "reads": ("matches", "deliveries")}
        yield event(
            "agency-registered",
            {"agency": agency, "name": {"en": agency}, "recipient_class": "service", "rights": rights, "keys": (key,)},
            agency,
        )
        consents = ({"purpose": "matching", "until": until}, {"purpose": "notice", "recipient": agency, "until": until})
        alias = {"agency": agency, "alias": hex_id("alias", n)}
        state = {"person": person, "status": "active", "owner": "hanawon", "consents": consents, "aliases": (alias,)}
        yield event("person-updated", state, person)
        match = {
            "match": hex_id("match", n), "person": person, "opportunity": hex_id("opportunity", n), "kind": "job",
            "state": "eligible", "score": 0.5, "band": "high", "model": "benchmark-1", "as_of": date(2026, 11, 22),
        }  # fmt: skip
        yield event("match-found", match, person)


async def make_topics(stack: LocalStack, prefix: str = "", service: str = "notifications") -> None:
    """Those that other services would make: each service waits for what it only reads."""
    others = [prefix + topic.name for topic in registry.topics.values() if topic.written_by != service]
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in others])
    finally:
        await admin.close()


async def prepared(stack: LocalStack, service: ServiceProcess, webhooks: Webhooks, database: Any, due: int) -> None:
    """So many deliveries lie there, none of them sent, and no service runs."""
    tokens: dict[str, str] = {}
    said = list(events(tokens))
    await make_topics(stack)
    await service.start({"IEUM_SPREAD_SECONDS": "86400"})
    producer = AIOKafkaProducer(bootstrap_servers=stack.kafka, acks="all")
    await producer.start()
    try:
        await _publish(producer, [each for each in said if each.type == "agency-registered"])
        await _until(lambda: _count(database.agencies, ENDPOINTS), "agencies")
        await asyncio.sleep(KEYS_SECONDS)
        address = f"http://127.0.0.1:{service.port}"
        async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=scaled(PATIENCE_SECONDS)) as http:
            for n, token in enumerate(tokens.values()):
                secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
                wanted = {"channel": "webhook", "url": webhooks.url(n), "secret": secret}
                await _until(lambda w=wanted, t=token: _subscribed(http, w, t), "subscriptions")
        await _publish(producer, [each for each in said if each.type != "agency-registered"])
        await _until(lambda: _count(database.deliveries, ENDPOINTS), "first notices")
    finally:
        await producer.stop()
    await service.end()
    await copy(database, due)
    await database.deliveries.update_many({}, {"$set": {"due": datetime.now(UTC)}})
    for collection in await database.list_collection_names():  # a resync of new subscriptions has nothing to say
        if collection == "resyncs":
            await database.resyncs.delete_many({})


async def copy(database: Any, due: int) -> None:
    """Copy the first notices with their persons and threads until there are so many."""
    first = await database.deliveries.find({}).sort("_id", 1).to_list(None)
    people = {d["_id"]: d async for d in database.people.find({})}
    threads = {d["_id"]: d async for d in database.threads.find({})}
    rows: dict[str, list[Document]] = {"people": [], "threads": [], "deliveries": []}
    for n in range(due - len(first)):
        delivery = first[n % len(first)]
        thread = threads[delivery["thread"]]
        person, id = secrets.token_hex(16), secrets.token_hex(16)
        of = thread["_id"].replace(thread["person"], person)
        queues = {name: [{**entry, "delivery": id} for entry in queue] for name, queue in thread["queues"].items()}
        rows["people"].append({**people[delivery["person"]], "_id": person})
        rows["threads"].append({**thread, "_id": of, "person": person, "queues": queues})
        notice = secrets.token_hex(16)
        rows["deliveries"].append({**delivery, "_id": id, "notice": notice, "thread": of, "person": person})
        if len(rows["deliveries"]) == ROWS_AT_ONCE or n == due - len(first) - 1:
            for collection, some in rows.items():
                await database[collection].insert_many(some, ordered=False)
                some.clear()


class Meter:
    """Processor seconds and documents examined while something is drained; a start is not counted."""

    def __init__(self, service: ServiceProcess, stack: LocalStack, database: Any) -> None:
        self._service, self._mongod, self._database = service, stack.database.pid, database
        self.service = self.mongod = self.seconds = 0.0
        self.documents = 0

    async def count(self, sign: int) -> None:
        """-1 where a stretch begins, +1 where it ends."""
        self.service += sign * self._service.cpu_so_far
        self.mongod += sign * cpu_seconds(self._mongod)
        self.seconds += sign * time.monotonic()
        self.documents += sign * await _examined(self._database)


async def drain(
    service: ServiceProcess, webhooks: Webhooks, database: Any, meter: Meter, until: int, to_the_end: bool
) -> tuple[int, int]:
    """Start the service and wait until so many have arrived (``to_the_end``: and are settled) or nothing moves
    any more. How many arrived while it was counted, and how many are not settled."""
    base = len(webhooks.taken)
    await service.start(wait=False)
    await _until(lambda: _more(webhooks, base), "first delivery", every=0.002)
    first = len(webhooks.taken)
    await meter.count(-1)
    moved_at, seen = time.monotonic(), (0, 0)
    left = until
    while (len(webhooks.taken) < until or (left and to_the_end)) and time.monotonic() - moved_at < scaled(
        STALLED_SECONDS
    ):
        await asyncio.sleep(POLL_SECONDS)
        if to_the_end and (len(webhooks.taken) >= until or time.monotonic() - moved_at > 1):
            left = await _open(database)
        if seen != (now := (webhooks.taken.total(), left)):
            seen, moved_at = now, time.monotonic()
    await meter.count(1)
    return len(webhooks.taken) - first, left


async def drained(
    service: ServiceProcess, webhooks: Webhooks, database: Any, stack: LocalStack, due: int, kill: bool
) -> Document:
    """The backlog, to the end; what it took."""
    meter, counted, unsettled = Meter(service, stack, database), 0, 0
    if kill:
        counted, _ = await drain(service, webhooks, database, meter, due // 2, False)
        await service.end(kill=True)
        unsettled = len(webhooks.taken) - (due - await _open(database))
    more, left = await drain(service, webhooks, database, meter, due, True)
    counted += more
    delivered = [d["notice"] async for d in database.deliveries.find({"state": "delivered"}, {"notice": 1})]
    return {
        "backlog": due,
        "deliveries": len(webhooks.taken),
        "cpu_s_per_1000": round(1_000 * (meter.service + meter.mongod) / counted, 2),
        "sent_twice": sum(times > 1 for times in webhooks.taken.values()),
        "settled": left == 0,
        "lost": due - len(delivered) + sum(notice not in webhooks.taken for notice in delivered),
        "deliveries_per_s": round(counted / meter.seconds),
        "cpu_s_per_1000_mongod": round(1_000 * meter.mongod / counted, 2),
        "documents_per_delivery": round(meter.documents / counted, 1),
        "unsettled_at_kill": unsettled,
    }


async def measure(stack: LocalStack, folder: Path, due: int, kill: bool) -> Document:
    """One backlog from beginning to end. Raises InvalidTrial when it could not be made."""
    service = ServiceProcess(stack, folder, "notifications")
    client: AsyncMongoClient[Document] = AsyncMongoClient(stack.mongo_url, tz_aware=True)
    database = client["notifications"]
    try:
        async with Webhooks() as webhooks:
            await prepared(stack, service, webhooks, database, due)
            webhooks.taken.clear()
            found = await drained(service, webhooks, database, stack, due, kill)
            await service.end()
            for line in service.log().splitlines()[:SHOWN_LINES]:
                print(line[:300], file=sys.stderr)
            return found
    finally:
        await service.end(kill=True)
        await client.close()


async def _publish(producer: AIOKafkaProducer, said: list[Event[Any]]) -> None:
    for each in said:
        key, value, headers = to_kafka(each)
        await producer.send_and_wait(each.event_type.topic.name, value, key=key, headers=headers)


async def _subscribed(http: httpx.AsyncClient, wanted: Document, token: str) -> bool:
    answer = await http.post("/subscriptions", json=wanted, headers={"authorization": f"Bearer {token}"})
    return answer.status_code in (201, 409)


async def _count(collection: Any, wanted: int) -> bool:
    return bool(await collection.count_documents({}) >= wanted)


async def _more(webhooks: Webhooks, than: int) -> bool:
    return len(webhooks.taken) > than


async def _open(database: Any) -> int:
    # each by an index of the service: this look must not count among what it examines
    return sum([await database.deliveries.count_documents({"state": state}) for state in ("due", "sending")])


async def _until(true: Any, what: str, every: float = POLL_SECONDS) -> None:
    end = time.monotonic() + scaled(START_SECONDS)
    while not await true():
        if time.monotonic() > end:
            raise InvalidTrial(f"{what} did not come")
        await asyncio.sleep(every)


async def _examined(database: Any) -> int:
    status = await database.client.admin.command("serverStatus")
    return int(status["metrics"]["queryExecutor"]["scannedObjects"])


@asynccontextmanager
async def _stack(kind: str) -> AsyncIterator[tuple[LocalStack, Path]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stack = LocalStack(folder / "stack", kind=kind, cache_gb=CACHE_GB)
        await asyncio.to_thread(stack.start)
        try:
            yield stack, folder
        finally:
            await asyncio.to_thread(stack.kill)


async def main(due: int, kill: bool) -> int:
    """0 when all were delivered and none came twice that need not, 1 otherwise, 2 when nothing could be measured."""
    try:
        async with _stack(os.environ.get("KAFKA") or "embedded") as (stack, folder):
            found = await measure(stack, folder, due, kill)
    except (StartError, InvalidTrial) as reason:
        print(reason, file=sys.stderr)
        return 2
    print(json.dumps(found))
    sound = found["settled"] and not found["lost"] and found["sent_twice"] <= found["unsettled_at_kill"]
    return 0 if sound else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m verification.benchmarks.backlog")
    parser.add_argument("--due", type=int, default=1_000, help=f"how many deliveries wait, at least {ENDPOINTS}")
    parser.add_argument("--kill", action="store_true", help="kill -9 when half has arrived")
    given = parser.parse_args()
    sys.exit(uvloop.run(main(max(ENDPOINTS, given.due), given.kill)))
