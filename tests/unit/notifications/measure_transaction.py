"""What a transaction costs the interpreter, without database and network: `python -m
tests.unit.notifications.measure_transaction [ROUNDS]` writes what it saw as one JSON object. No test: nothing is
asserted of a time.

200 matches of 50 people to 100 agencies are fanned out, each delivery is claimed at birth, and 200 attempts that were
taken are written down. Of each the quickest round counts, which other work on the machine changes least.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import bson

from services.notifications.delivery.dispatcher import Dispatcher
from services.notifications.documents import DELIVERIES, SENDING, SUBSCRIPTIONS
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.kafka_handlers import TOPICS
from shared.kit.base.garbage_collection import tune_gc
from shared.kit.store.mongo import UTC_CODEC
from shared.kit.store.transaction_attempt import Operation, TransactionAttempt
from shared.kit.store.transaction_io import Found, Wanted
from shared.kit.store.unit_of_work import UnitOfWork
from tests.support.memory_store import CODEC
from tests.unit.notifications.world import World, agency_of, hexid, match_of, person_of

AGENCIES, PEOPLE, MATCHES, ROUNDS = 100, 50, 200, 25
ASKED_BY = {"threads": "person", "subscriptions": "agency", "matches": "person"}  # beside the id
TAKEN = Verdict("delivered", endpoint_healthy=True)


class Documents:
    """Those of one round, which answers at once."""

    def __init__(self, before: Mapping[str, Mapping[str, bytes]]) -> None:
        self.of = defaultdict(dict, {name: dict(documents) for name, documents in before.items()})
        self._found: dict[str, defaultdict[str, list[bytes]]] = {}
        for name, field in ASKED_BY.items():
            self._found[name] = defaultdict(list)
            for raw in self.of[name].values():
                self._found[name][bson.decode(raw)[field]].append(raw)

    async def read(self, wanted: Wanted) -> Found:
        """As `TransactionIO`."""
        return {
            (name, field): [self.of[name][value] for value in values if value in self.of[name]]
            if field == "_id"
            else [raw for value in values for raw in self._found[name][str(value)]]
            for (name, field), values in wanted.items()
        }

    def keep(self, work: UnitOfWork) -> None:
        """What it has written; it deletes nothing."""
        for name, changes in work.changes().items():
            self.of[name].update({id: raw for id, raw, *_ in changes if raw is not None})

    def all(self, name: str) -> list[dict[str, Any]]:
        """Decoded."""
        return [bson.decode(raw, UTC_CODEC) for raw in self.of[name].values()]


def world() -> World:
    """Agencies with a webhook each, people who let one of them be told, and a dispatcher that takes everything."""
    made, dispatcher = World(), Dispatcher(timedelta(seconds=1))
    taking: Any = SimpleNamespace(today=lambda now: now.date())
    dispatcher._deps = taking
    vars(dispatcher).update(_owner=lambda *_: "one/1", _take=lambda *_: None)
    made.webhook._on_due = dispatcher.due
    for n in range(AGENCIES):
        made.hear(made.event("agency-registered", agency_of(f"agency-{n}"), f"agency-{n}", 1))
        made.subscribe(f"agency-{n}", "webhook")
    made.resync()
    for n in range(PEOPLE):
        agency, name = f"agency-{n % AGENCIES}", f"person-{n}"
        state = person_of(name, (agency,), aliases=(agency,))
        made.hear(made.event("person-updated", state, hexid("person", name), 1))
    return made


async def seconds(made: World, operations: list[Operation[Any]], documents: Documents) -> float:
    """Of one transaction, up to what it would write."""
    now = made.now
    work = UnitOfWork(now, codec=CODEC, earliest=now, latest=now, trusted=now)
    attempt, io = TransactionAttempt(operations, work, [], {}), documents
    began = time.perf_counter()
    await attempt.run(io)  # type: ignore[arg-type]  # as much of TransactionIO as it reads
    took = time.perf_counter() - began
    if failed := [each for each in attempt.results if isinstance(each, Exception)]:
        raise failed[0]
    documents.keep(work)
    return took


async def one_round(made: World, anything: Any = None) -> dict[str, float]:
    """Microseconds of one event, and of one attempt."""
    documents, routes = Documents(made.store.documents), made.streams[TOPICS]._routes
    matches = [match_of(f"person-{n % PEOPLE}", f"opening-{n}") for n in range(MATCHES)]
    events = [made.event("match-found", match, match.match, 1) for match in matches]
    fan_out = await seconds(made, [routes.operation(each, anything, anything) for each in events], documents)
    endpoints: Any = {each["_id"]: each for each in documents.all(SUBSCRIPTIONS.name)}
    held: Any = [each for each in documents.all(DELIVERIES.name) if each["state"] == SENDING]
    if len(held) != MATCHES:
        raise RuntimeError("not every match was claimed at birth")
    after, took = made.transitions.after_attempt, timedelta(milliseconds=3)
    attempts = [after(each, TAKEN, took, 0.0, endpoints[each["subscription"]]) for each in held]
    written = await seconds(made, attempts, documents)
    return {"fan_out_us": 1e6 * fan_out / MATCHES, "attempt_us": 1e6 * written / MATCHES}


def main(rounds: int = ROUNDS) -> None:
    """The quickest of so many rounds."""
    tune_gc()
    made = world()
    seen = [asyncio.run(one_round(made)) for _ in range(rounds)]
    print(json.dumps({name: round(min(each[name] for each in seen), 1) for name in seen[0]}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
