"""Order on request: what a subscription is told of one alias comes first in, first out, whatever happens in between."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifications.delivery.transitions import BLOCKED_HEAD_SECONDS
from services.notifications.documents import DELIVERIES, SUBSCRIPTIONS, THREADS
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.domain.retry_schedule import STANDARD_SCHEDULE
from tests.unit.notifications.world import World, agency_of, hexid, match_of, person_of

pytestmark = pytest.mark.unit
TAKEN = Verdict("delivered", endpoint_healthy=True)
REFUSED = Verdict("again", "refused-400", endpoint_healthy=True)
BAD = Verdict("again", "refused-500")
UNREACHED = Verdict("again", "no-connection", possibly_sent=False)
ABORTED = Verdict("failed", "aborted", endpoint_healthy=True)


class Ordered:
    """gjf's webhook wants order; it may hear of two people."""

    def __init__(self, **options: Any) -> None:
        self.world = World(STANDARD_SCHEDULE)
        self._sequences: dict[str, int] = {}
        self.hear("agency-registered", agency_of("gjf"), "gjf")
        self.subscription = self.world.subscribe("gjf", "webhook", **({"order": "alias"} | options))
        for name in ("a", "b"):
            self.consent(name, True)

    def hear(self, type: str, data: Any, key: str) -> None:
        self._sequences[key] = self._sequences.get(key, 0) + 1
        self.world.hear(self.world.event(type, data, key, self._sequences[key]))

    def consent(self, name: str, given: bool) -> None:
        self.hear("person-updated", person_of(name, ("gjf",) if given else ()), hexid("person", name))

    def match(self, name: str, opening: str, band: str = "high", stands: bool = True) -> None:
        data = match_of(name, opening, band, stands)
        self.hear("match-found" if stands else "match-withdrawn", data, data.match)

    def answer(self, verdict: Verdict = TAKEN, **how: Any) -> None:
        """To everything that is due."""
        for each in self.world.due():
            if self.world.all(DELIVERIES, _id=each["_id"], state="due"):
                self.world.attempt(each["_id"], verdict, **how)

    def later(self, **time: float) -> None:
        self.world.now += timedelta(**time)

    def told(self, name: str) -> list[int]:
        """Versions, as they came."""
        alias = hexid("alias", name, "gjf")
        return [e["data"]["version"] for e in self.world.partners["gjf"] if e["data"]["alias"] == alias]

    def states(self) -> dict[int, str]:
        return {d["version"]: d["state"] for d in self.world.all(DELIVERIES)}


def test_one_after_another_and_each_person_apart() -> None:
    case = Ordered()
    for opening in ("x", "y", "z"):
        case.match("a", opening)
    case.match("b", "x")
    assert sorted(d["state"] for d in case.world.all(DELIVERIES)) == ["due", "due", "waiting", "waiting"]
    for _ in range(3):
        case.answer()
    assert (case.told("a"), case.told("b")) == ([1, 2, 3], [1])
    assert all(thread["queues"] == {} for thread in case.world.all(THREADS))


def test_without_the_wish_openings_do_not_wait_for_each_other() -> None:
    case = Ordered(order=None)
    for opening in ("x", "y"):
        case.match("a", opening)
    assert case.states() == {1: "due", 2: "due"}


def test_the_first_keeps_its_place_while_it_is_tried_again_and_when_its_sender_is_killed() -> None:
    case = Ordered()
    case.match("a", "x")
    case.match("a", "y")
    case.answer(BAD)
    assert case.states() == {1: "due", 2: "waiting"}
    case.later(minutes=1)
    case.answer(dies=True)
    assert case.states() == {1: "due", 2: "waiting"}
    case.answer()
    case.answer()
    assert case.told("a") == [1, 1, 1, 2]


def test_a_recall_comes_behind_what_is_under_way_and_before_all_that_waits() -> None:
    case = Ordered()
    case.match("a", "x")
    case.answer()
    case.match("a", "y")
    case.match("a", "z")
    held = case.world.claim(case.world.due()[0]["_id"])
    case.consent("a", False)
    assert {d["about"]: d["state"] for d in case.world.all(DELIVERIES) if d["version"] > 2} == {
        "notice": "dropped", "recall": "waiting",
    }  # fmt: skip
    endpoint: Any = case.world.all(SUBSCRIPTIONS)[0]
    case.world.perform(case.world.transitions.after_attempt(held, BAD, timedelta(0), 0.0, endpoint))
    case.answer()
    assert case.world.partners["gjf"][-1]["type"] == "recall"


def test_a_head_that_is_not_taken_is_set_aside_after_a_while_and_the_rest_goes_on() -> None:
    case = Ordered()
    case.match("a", "x")
    case.match("a", "y")
    for _ in range(9):
        if case.states()[1] != "due":
            break
        (head,) = (d for d in case.world.all(DELIVERIES, version=1) if d["alias"] == hexid("alias", "a", "gjf"))
        case.world.now = max(case.world.now, head["due"])
        case.answer(REFUSED)
    assert case.states() == {1: "failed", 2: "due"}
    (head,) = case.world.all(DELIVERIES, version=1)
    assert (head["reason"], head["listed"]) == ("set-aside", True)
    assert (case.world.now - head["since"]).total_seconds() < BLOCKED_HEAD_SECONDS
    case.answer()
    assert case.told("a")[-1] == 2


def test_its_subscription_says_how_long_that_is() -> None:
    case = Ordered(blocked_head_seconds=60)
    case.match("a", "x")
    case.match("a", "y")
    case.answer(REFUSED)
    case.later(seconds=5)
    case.answer(REFUSED)
    assert case.states() == {1: "failed", 2: "due"}, "the next attempt would be in five minutes"


def test_an_endpoint_that_is_down_sets_nothing_aside_and_uses_up_no_schedule() -> None:
    case = Ordered(blocked_head_seconds=60, retry_schedule=[0.0, 5.0, 5.0])
    trouble = {**case.world.all(SUBSCRIPTIONS)[0], "failures": 5, "failing_since": case.world.now}
    case.world.store.put(SUBSCRIPTIONS.name, trouble)
    case.match("a", "x")
    case.match("a", "y")
    for _ in range(12):
        case.answer(BAD)
        case.later(hours=6)
    assert case.states() == {1: "due", 2: "waiting"}
    case.answer()
    case.answer()
    assert case.told("a")[-1] == 2


def test_a_subscription_has_a_schedule_of_its_own() -> None:
    case = Ordered(order=None, retry_schedule=[0.0, 7.0])
    case.match("a", "x")
    case.answer(REFUSED)
    (waiting,) = case.world.all(DELIVERIES)
    assert waiting["due"] == case.world.now + timedelta(seconds=7)
    case.later(seconds=7)
    case.answer(REFUSED)
    (ended,) = case.world.all(DELIVERIES)
    assert (ended["state"], ended["reason"]) == ("failed", "refused-400")


def test_who_comes_later_is_told_what_stands_in_the_order_in_which_it_was_said() -> None:
    case = Ordered()
    for number in range(6):
        case.match("a", f"o{number}")
        case.answer()
    case.match("a", "o0", "low")
    case.answer()
    later = case.world.subscribe("gjf", "webhook", order="alias")
    case.world.resync()
    queue = case.world.all(THREADS)[0]["queues"][later]
    versions = [case.world.all(DELIVERIES, _id=entry["delivery"])[0]["version"] for entry in queue]
    assert versions == sorted(versions) == [2, 3, 4, 5, 6, 7]


_STEPS = st.one_of(
    st.tuples(st.just("match"), st.sampled_from("ab"), st.sampled_from("wxyz"), st.sampled_from(["high", "low"])),
    st.tuples(st.just("end"), st.sampled_from("ab"), st.sampled_from("wxyz")),
    st.tuples(st.just("consent"), st.sampled_from("ab"), st.booleans()),
    st.tuples(st.just("answer"), st.sampled_from([TAKEN, TAKEN, REFUSED, BAD, UNREACHED, ABORTED])),
    st.tuples(st.just("kill")),
    st.tuples(st.just("later"), st.sampled_from([1, 400, 20_000])),
)


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(_STEPS, max_size=40))
def test_no_version_of_an_alias_ever_comes_behind_a_later_one(steps: list[Any]) -> None:
    case = Ordered()
    for what, *how in steps:
        if what == "match":
            case.match(*how)
        elif what == "end":
            case.match(how[0], how[1], stands=False)
        elif what == "consent":
            case.consent(*how)
        elif what == "answer":
            case.answer(how[0], reaches=how[0].possibly_sent)
        elif what == "kill":
            case.answer(dies=True)
        else:
            case.later(seconds=how[0])
    for _ in range(60):
        case.answer()
        case.later(days=1)
    for name in ("a", "b"):
        assert case.told(name) == sorted(case.told(name))
    assert not case.world.all(DELIVERIES, state="waiting"), "nothing is left waiting for what has ended"


def test_two_of_one_opening_that_end_at_once_make_way_for_the_one_behind_them() -> None:
    case = Ordered()
    case.match("a", "x")
    held = case.world.claim(case.world.due()[0]["_id"])
    case.match("a", "x", "medium")  # while the first is under way
    case.match("a", "y")
    (endpoint,) = case.world.all(SUBSCRIPTIONS)
    case.world.perform(case.world.transitions.after_attempt(held, UNREACHED, timedelta(0), 0.0, endpoint))
    case.match("a", "x", "low")  # supersedes both, and the one about y is next
    case.later(minutes=1)
    for _ in range(3):
        case.answer()
    assert case.told("a") == [3, 4]


def test_nobody_is_set_aside_for_whom_nobody_waits() -> None:
    case = Ordered(blocked_head_seconds=60)
    case.match("a", "x")
    for _ in range(3):
        case.answer(REFUSED)
        case.later(hours=1)
    assert set(case.states().values()) == {"due"}


@pytest.mark.parametrize(
    "limits", [{"blocked_head_seconds": 60}, {"order": None, "retry_schedule": [0.0, 1.0]}], ids=["order", "schedule"]
)
def test_a_recall_falls_under_no_limit_of_the_partners(limits: dict[str, Any]) -> None:
    case = Ordered(**limits)
    case.match("a", "x")
    case.answer()
    case.consent("a", False)
    for _ in range(3):
        case.answer(REFUSED)
        case.later(minutes=6)
    (recall,) = case.world.all(DELIVERIES, about="recall")
    assert recall["state"] == "due"


def test_one_that_waited_for_others_keeps_its_place_among_all_that_is_due() -> None:
    case = Ordered()
    case.match("a", "x")
    said = case.world.now
    case.match("a", "y")
    case.later(seconds=30)
    case.match("b", "x")
    case.answer()
    (next_one,) = case.world.due()
    assert next_one["due"] == next_one["since"] == said
