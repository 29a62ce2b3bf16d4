"""Bad answers in a row are counted on the endpoint, up to what is taken for an outage; a good one ends it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.notifications.documents import DELIVERIES, SUBSCRIPTIONS
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.domain.circuit_breaker import MOST_COUNTED
from services.notifications.domain.retry_schedule import OUTAGE
from tests.unit.notifications.world import World, agency_of, hexid, match_of, person_of

pytestmark = pytest.mark.unit
BAD, POISON = Verdict("again", "refused-500"), Verdict("again", "refused-400", endpoint_healthy=True)


@pytest.fixture
def world() -> World:
    """gjf has a webhook and one notice that is due."""
    world = World(schedule=(0.0,) * 40)
    world.hear(world.event("agency-registered", agency_of("gjf"), "gjf", 1))
    world.hear(world.event("person-updated", person_of("a", ("gjf",)), hexid("person", "a"), 1))
    world.subscribe("gjf", "webhook")
    world.hear(world.event("match-found", match_of("a", "x"), hexid("person", "a"), 1))
    return world


def failures(world: World, *verdicts: Verdict) -> list[int]:
    """What is counted after each."""
    found = []
    for verdict in verdicts:
        (notice,) = world.due()
        world.attempt(notice["_id"], verdict)
        world.now += timedelta(seconds=1)
        (endpoint,) = world.all(SUBSCRIPTIONS)
        found.append(endpoint["failures"])
    return found


def test_bad_answers_are_counted_and_no_further_than_ends_a_subscription(world: World) -> None:
    assert failures(world, *[BAD] * (MOST_COUNTED + 1)) == [*range(1, 21), 20]


def test_an_endpoint_that_only_refuses_this_message_is_not_down(world: World) -> None:
    assert failures(world, BAD, POISON, POISON) == [1, 1, 1]


def test_a_recovery_begins_the_count_anew(world: World) -> None:
    failures(world, *[BAD] * OUTAGE)
    (endpoint,) = world.all(SUBSCRIPTIONS)
    world.perform(world.transitions.recovered(endpoint["_id"]))
    assert failures(world, BAD) == [1]


def test_an_attempt_that_was_brought_forward_uses_up_none_of_the_schedule(world: World) -> None:
    (notice,) = world.due()
    world.attempt(notice["_id"], BAD)
    (waiting,) = world.all(DELIVERIES)
    planned = world.now + timedelta(hours=2)
    world.store.put(
        DELIVERIES.name, {**waiting, "due": world.now, "planned": planned}
    )  # as Repository.bring_forward does
    world.attempt(notice["_id"], BAD)
    (waiting,) = world.all(DELIVERIES)
    assert (waiting["attempts"], waiting["due"], waiting["planned"]) == (1, planned, planned)
    world.now = planned
    world.attempt(notice["_id"], BAD)
    (waiting,) = world.all(DELIVERIES)
    assert (waiting["attempts"], "planned" in waiting) == (2, False)


def test_a_probe_that_fails_changes_nothing_and_may_be_brought_forward_with_the_others(world: World) -> None:
    (notice,) = world.due()
    world.attempt(notice["_id"], BAD)
    (waiting,) = world.all(DELIVERIES)
    planned = world.now + timedelta(hours=2)
    probe = {**waiting, "due": world.now, "planned": planned, "probe": True}  # as Repository.bring_probe_forward does
    world.store.put(DELIVERIES.name, probe)
    world.attempt(notice["_id"], BAD)
    (waiting,) = world.all(DELIVERIES)
    assert (waiting["attempts"], waiting["due"]) == (1, planned)
    assert not {"planned", "probe"} & waiting.keys()
