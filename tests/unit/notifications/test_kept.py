"""What is kept of a match that ended, for how long, and what an event that comes again does meanwhile and after."""

from __future__ import annotations

import pytest

from services.notifications.documents import MATCHES, THREADS
from services.notifications.indexes_and_retention import INDEXES, KEEP_WITHDRAWN_SECONDS
from tests.unit.notifications.world import World, agency_of, hexid, match_of, person_of

pytestmark = pytest.mark.unit
PERSON = hexid("person", "kim")


def told_and_withdrawn() -> World:
    """gjf reads a feed and was told of one match, which then ended."""
    world = World()
    world.hear(world.event("agency-registered", agency_of("gjf", "service", True), "gjf", 1))
    world.subscribe("gjf", "feed")
    world.hear(world.event("person-updated", person_of("kim", ("gjf",)), PERSON, 1))
    world.hear(world.event("match-found", match_of("kim", "job"), PERSON, 1))
    world.hear(world.event("match-withdrawn", match_of("kim", "job", stands=False), PERSON, 2))
    return world


class TestWithdrawnMatches:
    def test_they_are_dated_and_mongodb_forgets_them_after_thirty_days(self) -> None:
        (marker,) = told_and_withdrawn().all(MATCHES)
        assert marker["ended"] is not None
        (index,) = [index.document for index in INDEXES[MATCHES.name] if "expireAfterSeconds" in index.document]
        assert dict(index["key"]) == {"ended": 1}
        assert index["expireAfterSeconds"] == KEEP_WITHDRAWN_SECONDS > 14 * 86_400

    def test_one_that_stands_has_no_date_also_when_it_had_one(self) -> None:
        world = told_and_withdrawn()
        world.hear(world.event("match-found", match_of("kim", "job"), PERSON, 3))
        (kept,) = world.all(MATCHES)
        assert (kept["stands"], "ended" in kept) == (True, False)

    def test_an_old_event_that_comes_again_is_dropped_by_the_marker(self) -> None:
        world = told_and_withdrawn()
        before = world.all(THREADS)
        world.hear(world.event("match-found", match_of("kim", "job"), PERSON, 1))
        assert world.all(THREADS) == before
        assert not world.all(MATCHES)[0]["stands"]

    def test_once_it_is_forgotten_the_pair_is_told_again_and_the_partners_version_goes_on(self) -> None:
        world = told_and_withdrawn()
        version = world.all(THREADS)[0]["version"]
        world.store.documents[MATCHES.name].clear()  # the thirty days are over
        world.hear(world.event("match-found", match_of("kim", "job"), PERSON, 9))
        (thread,) = world.all(THREADS)
        assert list(thread["held"]) == [match_of("kim", "job").opportunity]
        assert thread["version"] > version
