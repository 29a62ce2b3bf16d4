"""What waits behind something in its queue says so: an attempt there is written down without a linger."""

from __future__ import annotations

from typing import Any

import pytest

from services.notifications.delivery_queues import queue_of
from services.notifications.documents import THREADS
from tests.unit.notifications.world import World, agency_of, match_of, person_of

pytestmark = pytest.mark.unit


class Told(World):
    """``waited``: queues of which it was said that something waits there."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.waited: list[str] = []
        self.reconciler.queues.waits = lambda work, queue: work.after_commit(lambda: self.waited.append(queue))
        self.hear(self.event("agency-registered", agency_of("gjf"), "gjf", 1))
        self.subscription = self.subscribe("gjf", "webhook", **options)
        self.resync()
        self.hear(self.event("person-updated", person_of("kim", ("gjf",)), "kim", 1))

    def match(self, opening: str, sequence: int = 1, band: str = "high") -> None:
        data = match_of("kim", opening, band=band)
        self.hear(self.event("match-found", data, data.match, sequence))

    def forget(self) -> None:
        self.hear(self.event("person-updated", person_of("kim", ()), "kim", 2))

    @property
    def queue(self) -> str:
        (thread,) = self.all(THREADS)
        return queue_of(thread["_id"], self.subscription)


def test_of_another_opening_nobody_waits() -> None:
    world = Told()
    world.match("cook")
    world.claim(world.due()[0]["_id"])
    world.match("baker")
    world.deliver_all()
    assert world.waited == []


def test_what_is_told_of_the_same_opening_waits_for_what_is_under_way() -> None:
    world = Told()
    world.match("cook")
    world.claim(world.due()[0]["_id"])
    world.match("cook", 2, "low")
    assert world.waited == [world.queue]


def test_a_recall_waits_for_what_is_under_way() -> None:
    world = Told()
    world.match("cook")
    world.claim(world.due()[0]["_id"])
    world.forget()
    assert world.waited == [world.queue]


def test_a_recall_waits_in_each_queue_for_what_is_under_way_there() -> None:
    world = Told()
    other = world.subscribe("gjf", "webhook")
    world.resync()
    world.match("cook")
    for delivery in world.due():
        world.claim(delivery["_id"])
    world.forget()
    (thread,) = world.all(THREADS)
    assert sorted(world.waited) == sorted(queue_of(thread["_id"], each) for each in (world.subscription, other))


def test_as_long_as_something_waits_it_is_said_at_each_end() -> None:
    world = Told(order="thread")
    for opening in ("cook", "baker", "clerk"):
        world.match(opening)
    world.waited.clear()
    for still in ([world.queue], [], []):
        world.attempt(world.due()[0]["_id"])
        assert world.waited == still
        world.waited.clear()
