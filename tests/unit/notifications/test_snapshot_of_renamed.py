"""A person is given another alias while a snapshot is read page by page, in the order of aliases."""

from __future__ import annotations

import asyncio

import pytest

from services.notifications.channels import feed_snapshot
from services.notifications.channels.feed_reader import FeedReader
from services.notifications.channels.feed_snapshot import FeedSnapshot
from services.notifications.documents import DELIVERIES
from tests.unit.notifications.world import World, agency_of, hexid, match_of, person_of
from tests.unit.notifications.world_store import WorldStore

pytestmark = pytest.mark.unit
FIRST, MIDDLE, LAST = "0" * 32, "8" * 32, "f" * 32


class Reading(World):
    """gjf reads a feed, which names b in the middle; a, the last one, was told and is to be recalled."""

    def __init__(self) -> None:
        super().__init__()
        over, today, queues, anything = WorldStore(self), self.now.date(), self.reconciler.queues, asyncio.Event()
        self.feed_reader = FeedReader(
            *(self.feed, over.store, over.repository, queues, self.messages, self.sealer), lambda now: today, anything
        )
        self.snapshots = FeedSnapshot(
            *(self.feed_reader, over.store, over.repository, queues, self.messages, self.ids, self.sealer),
            lambda now: today,
        )
        self.hear(self.event("agency-registered", agency_of("gjf"), "gjf", 1))
        self.subscribe("gjf", "feed")
        for name, alias in (("a", LAST), ("b", MIDDLE)):
            self.called(name, alias, 1)
            self.hear(self.event("match-found", match_of(name, "x"), hexid("person", name), 1))
        self.pull("gjf")
        self.called("a", LAST, 2, consents=False)

    def called(self, name: str, alias: str, sequence: int, *, consents: bool = True) -> None:
        state = person_of(name, ("gjf",) if consents else ())
        aliases = tuple(each.model_copy(update={"alias": alias}) for each in state.aliases)
        said = state.model_copy(update={"aliases": aliases})
        self.hear(self.event("person-updated", said, hexid("person", name), sequence))


async def test_the_feed_goes_on_before_a_recall_that_no_page_showed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_snapshot, "MOST_THREADS", 1)
    world = Reading()
    page = await world.snapshots.page("gjf", None)
    assert [event["data"]["alias"] for event in page.events] == [MIDDLE]
    world.called("a", FIRST, 3)
    while page.next is not None:
        page = await world.snapshots.page("gjf", page.next)
    begins = (await world.feed_reader.place("gjf", page.cursor)).position
    world.partners.clear()
    world.pull("gjf", begins)
    assert (LAST, "recall") in [(event["data"]["alias"], event["type"]) for event in world.partners["gjf"]]
    assert not world.all(DELIVERIES, about="recall", state="posted")


async def test_else_it_goes_on_where_it_was_when_the_snapshot_began() -> None:
    world = Reading()
    page = await world.snapshots.page("gjf", None)
    assert page.next is None
    assert (await world.feed_reader.place("gjf", page.cursor)).position == 3
