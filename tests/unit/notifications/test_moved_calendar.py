"""What MongoDB compares with its own clock is written by that clock: a calendar that was moved puts no resync off, and
lets nothing be forgotten early or late."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.notifications.documents import DELIVERIES, MATCHES, RECOVERIES, RESYNCS, SUBSCRIPTIONS
from services.notifications.indexes_and_retention import INDEXES
from services.notifications.recovery.recovery_requests import Recoveries
from tests.unit.notifications.world import World, agency_of, hexid, match_of, person_of
from tests.unit.notifications.world_store import WorldStore

pytestmark = pytest.mark.unit


@pytest.fixture(params=[timedelta(days=70), timedelta(0), timedelta(days=-70)], ids=["ahead", "right", "behind"])
def world(request: pytest.FixtureRequest) -> World:
    """gjf has a webhook and may hear of a person with one match."""
    world = World()
    world.moved = request.param
    world.hear(world.event("agency-registered", agency_of("gjf"), "gjf", 1))
    world.hear(world.event("person-updated", person_of("a", ("gjf",)), hexid("person", "a"), 1))
    world.subscribe("gjf", "webhook")
    world.hear(world.event("match-found", match_of("a", "x"), hexid("person", "a"), 1))
    return world


def test_a_resync_that_is_asked_for_is_due_at_once(world: World) -> None:
    (resync,) = world.all(RESYNCS)
    assert resync["not_before"] == world.now - world.moved


async def test_what_has_ended_is_kept_for_as_long_as_it_should_be(world: World) -> None:
    world.deliver_all()
    world.hear(world.event("match-withdrawn", match_of("a", "x", stands=False), hexid("person", "a"), 2))
    (subscription,) = world.all(SUBSCRIPTIONS)
    over = WorldStore(world)
    await Recoveries(over.store, over.repository, lambda: None).start("gjf", subscription["_id"], "failed", None)
    await Recoveries(over.store, over.repository, lambda: None).stop("gjf", subscription["_id"])
    written = {
        (DELIVERIES.name, "ended"): [d["ended"] for d in world.all(DELIVERIES, state="delivered")],
        (RECOVERIES.name, "ended"): [r["ended"] for r in world.all(RECOVERIES)],
        (MATCHES.name, "ended"): [m["ended"] for m in world.all(MATCHES)],
    }
    deleted_by = {
        (collection, next(iter(index.document["key"])))
        for collection, indexes in INDEXES.items()
        for index in indexes
        if "expireAfterSeconds" in index.document
    }
    assert written.keys() == deleted_by, "every field that MongoDB deletes by"
    assert written == {field: [world.now - world.moved] for field in written}
