"""Two clocks differ, and by one of them a consent has ended: nothing is sent, nothing is recalled, nothing is passed
over; once they agree it goes on as if nothing had been."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.notifications.delivery.pre_send_check import recheck_before_send
from services.notifications.documents import CALENDAR, DELIVERIES
from services.notifications.fan_out.clock_recovery import ClockRecovery
from shared.kit.base.clock import Clock
from tests.unit.notifications.test_permission import Database
from tests.unit.notifications.world import START, World, agency_of, hexid, holding, match_of, person_of

pytestmark = pytest.mark.unit
DAYS = timedelta(days=70)


def clock_of(wall: timedelta, server: timedelta) -> Clock:
    clock = Clock(wall=lambda: START + wall, monotonic=lambda: 0.0)
    clock.heard(START + server, 0.0, 0.0)
    return clock


@pytest.fixture
def world() -> World:
    """Of two people one has a consent that ends in 40 days, the other one that does not; both are told twice."""
    world = World()
    world.hear(world.event("agency-registered", agency_of("gjf"), "gjf", 1))
    for channel in ("feed", "webhook"):
        world.subscribe("gjf", channel)
    for person, until in (("short", START + timedelta(days=40)), ("long", START + timedelta(days=150))):
        known = person_of(person, ("gjf",), until=until.date())
        world.hear(world.event("person-updated", known, hexid("person", person), 1))
        world.hear(world.event("match-found", match_of(person, "x"), hexid("person", person), 1))
    return world


class TestTheLastLookBeforeAWebhook:
    @pytest.mark.parametrize(("wall", "server"), [(DAYS, timedelta(0)), (timedelta(0), DAYS), (-DAYS, timedelta(0))])
    async def test_sends_what_holds_by_both_clocks_and_lets_the_rest_wait(
        self, world: World, wall: timedelta, server: timedelta
    ) -> None:
        waiting = world.due()
        database: Any = Database(world)
        looked = await recheck_before_send(
            database, waiting[0]["subscription"], waiting, clock_of(wall, server), lambda now: now.date()
        )
        ended = max(wall, server) > timedelta(days=40)
        assert len(looked.sendable) == (1 if ended else 2)
        assert len(looked.in_doubt) == (1 if ended else 0)
        assert looked.forbidden == ()

    async def test_forbids_what_has_ended_by_both(self, world: World) -> None:
        database: Any = Database(world)
        waiting = world.due()
        looked = await recheck_before_send(
            database, waiting[0]["subscription"], waiting, clock_of(DAYS, 3 * DAYS), lambda now: now.date()
        )
        assert (len(looked.sendable), len(looked.in_doubt), len(looked.forbidden)) == (0, 1, 1)

    def test_what_waits_is_due_again_in_a_minute_and_no_attempt_is_counted(self, world: World) -> None:
        held = world.claim(world.due()[0]["_id"])
        world.perform(world.transitions.postpone(held))
        [again] = world.all(DELIVERIES, _id=held["_id"])
        assert (again["state"], again["attempts"], again["due"]) == ("due", 0, world.now + timedelta(minutes=1))
        assert not again["possibly_sent"]


class TestReconciling:
    def test_recalls_nobody_in_doubt(self, world: World) -> None:
        world.deliver_all()
        world.pull("gjf")
        world.doubt = DAYS
        for person in ("short", "long"):
            world.hear(world.event("match-found", match_of(person, "y"), hexid("person", person), 1))
        assert "recall" not in {event["type"] for event in world.partners["gjf"]}
        assert {d["about"] for d in world.all(DELIVERIES)} == {"notice"}


class TestTheFeed:
    def test_the_cursor_stops_before_what_is_in_doubt_and_passes_it_once_the_clocks_agree(self, world: World) -> None:
        world.doubt = DAYS
        first, position = world.pull("gjf")
        assert first == [], "the first entry is the one in doubt"
        world.doubt = timedelta(0)
        second, position = world.pull("gjf", position)
        assert [event["type"] for event in second] == ["notice", "notice"]

    def test_a_recall_behind_it_is_given_all_the_same(self, world: World) -> None:
        world.pull("gjf")
        held = person_of("long", ())
        world.hear(world.event("match-found", match_of("short", "y"), hexid("person", "short"), 1))
        world.hear(world.event("person-updated", held, hexid("person", "long"), 2))
        world.doubt = DAYS
        given, position = world.pull("gjf", 2)
        assert [event["type"] for event in given] == ["recall"]
        again, position = world.pull("gjf", position)
        assert again == [], "it was given once"
        world.doubt = timedelta(0)
        after, _ = world.pull("gjf", position)
        assert sorted(event["type"] for event in after) == ["notice", "recall"]


class Days:
    """A repository and store over the world's rows, and the resync that is asked for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = Clock(wall=lambda: world.now, monotonic=lambda: 0.0)
        parts: Any = self
        self.recovery = ClockRecovery(parts, parts, self.clock, lambda now: now.date(), lambda: None)

    async def latest_day(self) -> str | None:
        return next((d["day"] for d in self.world.all(CALENDAR)), None)

    async def recipients(self) -> list[str]:
        return ["gjf"]

    async def submit(self, task: Any) -> Any:
        return self.world.perform(task)


class TestAfterTheClockWasWrong:
    async def test_where_nobody_could_doubt_it_partners_get_back_what_they_should_hold(self, world: World) -> None:
        days = Days(world)
        assert not await days.recovery.check()
        world.deliver_all()
        world.now += DAYS  # the whole machine, MongoDB with it
        assert not await days.recovery.check()
        for person in ("short", "long"):
            world.hear(world.event("match-found", match_of(person, "y"), hexid("person", person), 1))
        world.deliver_all()
        short = hexid("alias", "short", "gjf")
        assert short not in {alias for alias, _ in holding(world.partners["gjf"])}, "recalled by the wrong day"
        world.now -= DAYS
        assert await days.recovery.check()
        assert not await days.recovery.check(), "once"
        world.resync()
        world.deliver_all()
        assert {opportunity for alias, opportunity in holding(world.partners["gjf"]) if alias == short} == {
            hexid("opportunity", "x"),
            hexid("opportunity", "y"),
        }

    async def test_when_doubt_has_ended_everybody_is_gone_through_once(self, world: World) -> None:
        days = Days(world)
        await days.recovery.check()
        days.clock.heard(START - DAYS, 0.0, 0.0)
        assert not await days.recovery.check(), "not while it lasts"
        days.clock.heard(START, 0.0, 0.0)
        assert await days.recovery.check()
        assert not await days.recovery.check()

    async def test_a_new_day_asks_for_nothing(self, world: World) -> None:
        days = Days(world)
        await days.recovery.check()
        world.now += timedelta(days=1)
        assert not await days.recovery.check()
        assert await days.latest_day() == (START + timedelta(days=1)).date().isoformat()
