"""Who may be told of whom is asked at the moment of telling: by the rule alone, then where something leaves."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from services.notifications.delivery.pre_send_check import recheck_before_send
from services.notifications.documents import AGENCIES, DELIVERIES, FLOORS, PEOPLE, SUBSCRIPTIONS
from services.notifications.domain.permission import (
    MATCHING,
    NOTICE,
    Allowance,
    Subject,
    alias_to_tell,
)
from shared.kit.base.clock import Clock
from shared.kit.store.typed_collection import Collection
from tests.unit.notifications.world import START, World, agency_of, hexid, match_of, person_of

pytestmark = pytest.mark.unit
TODAY = date(2026, 11, 22)
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
ALIASES = {"gjf": "alias-of-gjf", "khf": "alias-of-khf"}


def matching(until: date = TOMORROW) -> Allowance:
    return Allowance(MATCHING, None, until)


def notice(until: date = TOMORROW, recipient: str = "gjf") -> Allowance:
    return Allowance(NOTICE, recipient, until)


class TestAliasToTell:
    @pytest.mark.parametrize(
        ("allowances", "told"),
        [
            pytest.param((matching(), notice()), True, id="both until tomorrow"),
            pytest.param((matching(TODAY), notice(TODAY)), True, id="today is the last day of both"),
            pytest.param((matching(), notice(YESTERDAY)), False, id="yesterday was the last day for notices"),
            pytest.param((matching(YESTERDAY), notice()), False, id="yesterday was the last day for matching"),
            pytest.param((matching(), notice(YESTERDAY), notice(TODAY)), True, id="of two for notices one is live"),
            pytest.param((matching(), notice(recipient="khf")), False, id="notices to another recipient"),
            pytest.param((notice(),), False, id="no consent for matching"),
            pytest.param((matching(),), False, id="no consent for notices"),
            pytest.param((matching(), Allowance("profile", "gjf", TOMORROW)), False, id="another purpose"),
            pytest.param((), False, id="no consent at all"),
        ],
    )
    def test_takes_live_consents_for_matching_and_for_notices_to_this_recipient(
        self, allowances: tuple[Allowance, ...], told: bool
    ) -> None:
        subject = Subject(True, allowances, ALIASES)
        assert alias_to_tell(subject, "gjf", TODAY) == ("alias-of-gjf" if told else None)

    def test_of_somebody_who_left_nothing_is_told(self) -> None:
        assert alias_to_tell(Subject(False, (matching(), notice()), ALIASES), "gjf", TODAY) is None

    def test_of_somebody_unknown_nothing_is_told(self) -> None:
        assert alias_to_tell(None, "gjf", TODAY) is None

    def test_without_an_alias_for_the_recipient_nothing_is_told(self) -> None:
        subject = Subject(True, (matching(), notice()), {"khf": "alias-of-khf"})
        assert alias_to_tell(subject, "gjf", TODAY) is None


class Database:
    """What the pre-send check reads, from the dictionaries of the world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def _one(self, collection: Collection[Any], id: str) -> dict[str, Any] | None:
        return next(iter(self._world.all(collection, _id=id)), None)

    async def subscription(self, subscription: str) -> dict[str, Any] | None:
        return self._one(SUBSCRIPTIONS, subscription)

    async def agency(self, agency: str) -> dict[str, Any] | None:
        return self._one(AGENCIES, agency)

    async def people(self, people: list[str]) -> dict[str, Any]:
        return {person: found for person in people if (found := self._one(PEOPLE, person)) is not None}

    async def floors(self, people: list[str]) -> dict[str, Any]:
        return {person: found for person in people if (found := self._one(FLOORS, person)) is not None}

    async def possibly_sent(self, deliveries: list[str]) -> dict[str, bool]:
        return {id: found["possibly_sent"] for id in deliveries if (found := self._one(DELIVERIES, id)) is not None}


class TestAConsentThatLapsedWhileNobodySaidSo:
    """Its last day was START's. What was made on that day still waits; `consent-lapsed` has not come yet."""

    @pytest.fixture
    def world(self) -> World:
        world = World()
        person = person_of("a", ("gjf",), until=START.date())
        world.hear(world.event("agency-registered", agency_of("gjf"), "gjf", 1))
        world.hear(world.event("person-updated", person, hexid("person", "a"), 1))
        for channel in ("feed", "webhook"):
            world.subscribe("gjf", channel)
        world.hear(world.event("match-found", match_of("a", "x"), hexid("person", "a"), 1))
        return world

    @pytest.mark.parametrize(("later", "given"), [(0, 1), (1, 0), (30, 0)])
    def test_the_feed_gives_nothing_after_the_last_day(self, world: World, later: int, given: int) -> None:
        world.now += timedelta(days=later)
        events, position = world.pull("gjf")
        assert [event["type"] for event in events] == ["notice"] * given
        assert position > 0  # there was an entry

    @pytest.mark.parametrize(("later", "sendable"), [(0, 1), (1, 0), (30, 0)])
    async def test_the_check_before_a_webhook_forbids_it_after_the_last_day(
        self, world: World, later: int, sendable: int
    ) -> None:
        world.now += timedelta(days=later)
        [waiting] = world.due()
        database: Any = Database(world)
        check = await recheck_before_send(
            database, waiting["subscription"], [waiting], Clock(wall=lambda: world.now), lambda now: now.date()
        )
        assert check.endpoint is not None
        assert (len(check.sendable), len(check.forbidden)) == (sendable, 1 - sendable)

    @pytest.mark.parametrize(("later", "sent"), [(0, 1), (1, 0), (30, 0)])
    def test_a_webhook_is_sent_nothing_after_the_last_day(self, world: World, later: int, sent: int) -> None:
        world.now += timedelta(days=later)
        assert world.due()
        world.deliver_all()
        assert [event["type"] for event in world.partners["gjf"]] == ["notice"] * sent
