"""A relay that catches up from the database, as far as it needs no broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from shared.kit.base.observer import Observer
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.kafka.topics import Topics
from shared.kit.store import outbox_relay as relay_module
from shared.kit.store.outbox_relay import OutboxRelay

pytestmark = pytest.mark.unit
KAFKA = KafkaSettings(bootstrap="127.0.0.1:1", instance="me")
ADOPTED = f"{0:020d}/dead"


class Rows:
    """The outbox's collection: pages of what waits, in order."""

    def __init__(self, count: int) -> None:
        self.ids = [f"{n:020d}/me" for n in range(1, count + 1)]
        self.asked: Callable[[], None] = lambda: None

    def find(self, query: Any, hint: str) -> Rows:
        self._after = query["_id"]["$gt"]
        return self

    def sort(self, *_: Any) -> Rows:
        return self

    def limit(self, most: int) -> Rows:
        self._most = most
        return self

    def max_time_ms(self, _: int) -> Rows:
        return self

    async def to_list(self, _: None) -> list[dict[str, Any]]:
        found = [{"_id": id, "events": []} for id in sorted(self.ids) if id > self._after][: self._most]
        self.asked()
        await asyncio.sleep(0)
        return found


class Opened:
    async def find_one(self, _: Any) -> dict[str, str]:
        return {"topic_id": "one"}


@pytest.mark.parametrize("when", ["in the middle of a page", "while the database is asked", "while it waits for room"])
async def test_rows_taken_over_while_a_lane_is_behind_are_sent_and_nothing_is_sent_twice(
    when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = Rows(30)
    database: Any = {"outbox": rows, "outbox_opened": Opened(), "leases": None}
    relay = OutboxRelay("agencies", database, Topics(KAFKA), Observer())
    sent: list[str] = []
    adopted, all_sent = asyncio.Event(), asyncio.Event()

    def adopt() -> None:
        if not adopted.is_set():
            adopted.set()
            rows.ids.append(ADOPTED)
            relay.look_again()

    async def send(_: Any, row: Any) -> asyncio.Future[None]:
        sent.append(row["_id"])
        if when == "in the middle of a page" and len(sent) == 5:
            adopt()
        if when == "while it waits for room" and len(sent) == 10:
            asyncio.get_running_loop().call_soon(stamped, adopt)
        if len(set(sent)) == 31:
            all_sent.set()
        return asyncio.get_running_loop().create_future()

    def stamped(first: Any = lambda: None) -> None:
        first()
        relay._unmarked.clear()
        rows.ids = [id for id in rows.ids if id not in sent]
        relay._room.set()
        asyncio.get_running_loop().call_later(0.001, stamped)

    if when == "while the database is asked":
        rows.asked = adopt
    if when == "while it waits for room":
        monkeypatch.setattr(relay_module, "_WINDOW_ROWS", 10)
    monkeypatch.setattr(relay, "_send", send)
    producer: Any = SimpleNamespace(start=lambda: asyncio.sleep(0))
    running = asyncio.create_task(relay._open_and_send(producer, "one", asyncio.Future()))
    async with asyncio.timeout(20):
        await all_sent.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert ADOPTED in sent
    assert len(sent) == len(set(sent))
