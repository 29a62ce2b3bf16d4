"""The oracle: from accepted events to who must hold what, and how far the partners are from it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from samples.partners.held import Holding
from samples.world import Item, World, load_setting
from samples.world.envelope import EventWriter
from shared.events import registry
from shared.events.topics.people import Consent
from verification.harness.topic_reader import lag
from verification.oracle.expected import expected_of, may_hear, receivers
from verification.oracle.state import State
from verification.oracle.verdict import percentile, verdict_of

pytestmark = pytest.mark.unit
TODAY = date(2026, 11, 22)
PERSON, OTHER = ("hanawon", "HW-1"), ("khf", "KHF-1")
JOB = ("gjf", "GJF-1")


@pytest.fixture(scope="module")
def world() -> World:
    return World(load_setting(), seed=1, people=30, today=TODAY)


def after(world: World, *kinds: str) -> State:
    """The state after the day's right events of these types (all without one)."""
    state = State(world.pack)
    for item in right(world):
        if not kinds or item.event["type"] in kinds:
            state.apply(item.agency, item.event)
    return state


def right(world: World) -> list[Item]:
    return [item for chapter in world.day(1) for item in chapter.items if item.mistake is None]


def holding(*pairs: tuple[str, str], doubled: int = 0) -> Holding:
    return Holding(frozenset(pairs), {}, 0, doubled, len(pairs), 0)


class TestState:
    @pytest.mark.parametrize("name", sorted({each.name for each in registry if each.door is not None}))
    def test_knows_what_every_event_of_the_door_leaves(self, world: World, name: str) -> None:
        state, data = State(world.pack), registry.find(name).door_example or {}
        writer = EventWriter(TODAY, 1, world.pack.timezone)
        for arrival in ("trainee-graduated", "job-posted", "programme-opened", name):
            said = dict(registry.find(arrival).door_example or {})
            if "reference" in said:
                said["reference"] = data.get("reference", said["reference"])
            state.apply("hanawon", writer.write("hanawon", arrival, said).event)

    def test_knows_everybody_and_every_opening(self, world: World) -> None:
        state = after(world)
        assert len(state.people) == len(world.people)
        assert len(state.openings) == len(world.openings) + len(world.programmes)

    def test_turns_titles_into_codes_of_the_pack(self, world: World) -> None:
        state = after(world, "trainee-graduated", "person-enrolled")
        codes = [code for person in state.people.values() for code in person.certificates]
        assert codes
        assert all(world.pack.accepts("certificate", code) for code in codes)

    def test_closes_what_was_closed(self, world: World) -> None:
        closed = [item for item in right(world) if item.event["type"].endswith("-closed")]
        state = after(world)
        assert closed
        for item in closed:
            assert state.openings[item.agency, item.event["data"]["reference"]].status == "closed"

    def test_takes_back_what_was_withdrawn(self, world: World) -> None:
        withdrawn = [item for item in right(world) if item.event["type"] == "consent-withdrawn"]
        state = after(world)
        assert withdrawn
        for item in withdrawn:
            person = state.people[item.agency, item.event["data"]["reference"]]
            left = {(consent.purpose, consent.recipient) for consent in person.consents}
            assert not left & {(key["purpose"], key.get("recipient")) for key in item.event["data"]["consents"]}

    @pytest.mark.parametrize(
        ("taken_back", "left"),
        [
            ({"purpose": "notice"}, {("matching", None)}),
            ({"purpose": "notice", "recipient": "gjf"}, {("matching", None), ("notice", "khf")}),
            ({"purpose": "matching"}, {("notice", "gjf"), ("notice", "khf")}),
            ({"purpose": "profile"}, {("matching", None), ("notice", "gjf"), ("notice", "khf")}),
        ],
        ids=["from everybody", "from one", "a purpose without recipients", "what was never given"],
    )
    def test_takes_back_what_the_door_takes_back(
        self, world: World, taken_back: dict[str, str], left: set[tuple[str, str | None]]
    ) -> None:
        state = after(world, "trainee-graduated", "person-enrolled")
        (agency, reference), person = next(iter(state.people.items()))
        given = (("matching", None), ("notice", "gjf"), ("notice", "khf"))
        consents = tuple(Consent(purpose=purpose, recipient=to, until=TODAY) for purpose, to in given)
        state.people[agency, reference] = person.model_copy(update={"consents": consents})
        event_writer = EventWriter(TODAY, 0, world.pack.timezone)
        data = {"reference": reference, "consents": [taken_back]}
        state.apply(agency, event_writer.write(agency, "consent-withdrawn", data).event)
        assert {(c.purpose, c.recipient) for c in state.people[agency, reference].consents} == left

    def test_lets_people_leave(self, world: World) -> None:
        state = after(world)
        left = [item for item in right(world) if item.event["type"] == "person-left"]
        assert left
        assert all(state.people[item.agency, item.event["data"]["reference"]].status == "left" for item in left)


class TestMayHear:
    @pytest.fixture
    def person(self, world: World) -> Any:
        state = after(world, "trainee-graduated", "person-enrolled")
        return next(p for p in state.people.values() if may_hear(p, "gjf", TODAY))

    def test_not_after_the_last_day(self, person: Any) -> None:
        assert not may_hear(person, "gjf", TODAY + timedelta(days=400))

    def test_not_who_is_not_named(self, person: Any) -> None:
        assert not may_hear(person, "jobaba", TODAY)

    def test_not_of_somebody_who_left(self, person: Any) -> None:
        assert not may_hear(person.model_copy(update={"status": "left"}), "gjf", TODAY)

    def test_not_without_consent_to_matching(self, person: Any) -> None:
        notice = tuple(consent for consent in person.consents if consent.purpose == "notice")
        assert not may_hear(person.model_copy(update={"consents": notice}), "gjf", TODAY)


class TestReceivers:
    def test_are_case_and_service_with_the_right(self) -> None:
        kinds = [("case", True), ("service", True), ("service", False), ("employer", True), ("public", True)]
        agencies = [
            {"agency": f"{kind} {right}", "recipient_class": kind, "rights": {"receives": right}}
            for kind, right in kinds
        ]
        assert receivers(agencies) == {"case True", "service True"}

    def test_the_demos_partners_are_among_them(self, world: World) -> None:
        partners = world.setting.partners
        assert {partners.feed, partners.webhook} <= receivers(world.agencies())


class TestExpected:
    def test_nobody_is_told_of_somebody_without_a_match(self, world: World) -> None:
        state = after(world)
        people = {own: f"{n:032x}" for n, own in enumerate(state.people)}
        openings = {own: f"{n:032x}" for n, own in enumerate(state.openings)}
        found = expected_of(state, ["gjf", "khf"], people, openings, TODAY)
        assert found.told
        assert {(person, opening) for _, person, opening in found.told} <= found.matches


class TestVerdict:
    def test_finds_nothing_wrong_where_all_is_held(self) -> None:
        found = verdict_of(
            frozenset({("gjf", PERSON, JOB)}), {"gjf": holding(("a", "o"))}, {("gjf", "a"): PERSON}, {"o": JOB}
        )
        assert (found.lost, found.doubled) == (0, 0)

    def test_counts_what_is_missing(self) -> None:
        assert verdict_of(frozenset({("gjf", PERSON, JOB)}), {"gjf": holding()}, {}, {}).lost == 1

    def test_counts_what_is_held_after_it_should_be_gone(self) -> None:
        found = verdict_of(frozenset(), {"gjf": holding(("a", "o"))}, {("gjf", "a"): PERSON}, {"o": JOB})
        assert found.surplus == {("gjf", PERSON, JOB)}

    def test_counts_an_alias_that_nobody_knows(self) -> None:
        assert verdict_of(frozenset(), {"gjf": holding(("x", "y"), ("z", "y"))}, {}, {}).lost == 2

    def test_tells_partners_apart(self) -> None:
        expected = frozenset({("gjf", PERSON, JOB)})
        found = verdict_of(expected, {"khf": holding(("a", "o"))}, {("khf", "a"): PERSON}, {"o": JOB})
        assert found.lost == 2

    def test_adds_up_what_was_doubled(self) -> None:
        assert verdict_of(frozenset(), {"gjf": holding(doubled=2), "khf": holding(doubled=1)}, {}, {}).doubled == 3


class TestPercentile:
    def test_of_nothing_is_nothing(self) -> None:
        assert percentile([], 0.5) is None

    @pytest.mark.parametrize(("share", "value"), [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0), (0.001, 1.0)])
    def test_is_the_nearest_rank(self, share: float, value: float) -> None:
        assert percentile([float(n) for n in range(100, 0, -1)], share) == value


class TestBehind:
    def test_is_nothing_when_every_reader_is_at_the_end(self) -> None:
        found = lag({("people", 0): 3}, {("matching", "people", 0): 2, ("notifications", "people", 0): 2})
        assert not any(found.values())

    def test_counts_for_each_reader(self) -> None:
        found = lag({("people", 0): 3}, {("matching", "people", 0): 0})
        assert found == {"matching reads people/0": 2, "notifications reads people/0": 3}

    def test_takes_a_checkpoint_of_a_lost_log_for_unread(self) -> None:
        assert lag({("deliveries", 0): 1}, {("intake", "deliveries", 0): 9}) == {"intake reads deliveries/0": 9}
