"""An endpoint that fails is asked ever less often, soon again while a recall waits, given up after days (19)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.notifications.documents import DELIVERIES, SUBSCRIPTIONS
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.domain.circuit_breaker import Breaker
from tests.unit.notifications.world import START, World, agency_of, hexid, match_of, person_of

pytestmark = pytest.mark.unit
BREAKER = Breaker(timedelta(seconds=3), timedelta(minutes=1), timedelta(days=5))
BAD, GOOD = Verdict("again", "refused-503"), Verdict("delivered", endpoint_healthy=True)


@pytest.mark.parametrize(
    ("failures", "about", "seconds"),
    [
        (0, "notice", None),
        (4, "notice", None),
        (5, "notice", 3),
        (6, "notice", 6),
        (9, "notice", 48),
        (10, "notice", 60),
        (20, "notice", 60),
        (4, "recall", None),
        (5, "recall", 3),
        (20, "recall", 3),
    ],
)
def test_how_long_nothing_is_sent(failures: int, about: str, seconds: float | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert BREAKER.open_for(failures, about) == expected


@pytest.mark.parametrize(
    ("failures", "days", "ends"), [(20, 5, True), (20, 4.99, False), (19, 50, False), (5, 5, False), (20, 50, True)]
)
def test_it_is_given_up_by_count_and_time_only(failures: int, days: float, ends: bool) -> None:
    assert BREAKER.gives_up(failures, START, START + timedelta(days=days)) is ends


def test_when_is_told_from_the_beginning_of_an_outage_on() -> None:
    assert BREAKER.gives_up_at(4, START) is None
    assert BREAKER.gives_up_at(5, START) == START + timedelta(days=5)


@pytest.mark.parametrize(
    ("whole", "before"), [(timedelta(days=5), timedelta(days=1)), (timedelta(hours=2), timedelta(hours=1))]
)
def test_its_owner_is_warned_a_day_before_or_at_half_of_the_time(whole: timedelta, before: timedelta) -> None:
    breaker = Breaker(give_up_after=whole)
    assert breaker.warns_at(5, START) == START + whole - before
    assert breaker.warns_at(4, START) is None
    assert breaker.warns_at(5, None) is None


class Failing:
    """gjf has a webhook that fails, and one notice that is due to it again and again."""

    def __init__(self, schedule: tuple[float, ...] = (0.0,) * 100) -> None:
        self.world = World(schedule)
        self.say("agency-registered", agency_of("gjf"), "gjf")
        self.say("person-updated", person_of("a", ("gjf",)), hexid("person", "a"))
        self.subscription = self.world.subscribe("gjf", "webhook")
        self.say("match-found", match_of("a", "x"), hexid("person", "a"))

    def say(self, type: str, data: Any, key: str) -> None:
        self.world.hear(self.world.event(type, data, key, 1))

    def answers(self, *verdicts: Verdict, apart: timedelta = timedelta(seconds=1)) -> dict[str, Any]:
        """One after the other; the subscription then."""
        for verdict in verdicts:
            self.world.attempt(self.world.due()[0]["_id"], verdict)
            self.world.now += apart
        return self.endpoint

    @property
    def endpoint(self) -> dict[str, Any]:
        (found,) = self.world.all(SUBSCRIPTIONS)
        return found


def test_it_opens_with_the_fifth_bad_answer_and_closes_with_a_good_one() -> None:
    case = Failing()
    assert case.answers(*[BAD] * 4)["held_until"] is None
    assert case.answers(BAD)["held_until"] == case.world.now + timedelta(seconds=3 - 1)
    assert case.endpoint["failing_since"] == START
    case.answers(GOOD)
    case.world.perform(case.world.transitions.recovered(case.subscription))
    assert (case.endpoint["failures"], case.endpoint["failing_since"]) == (0, None)


def test_one_that_answers_every_second_time_is_never_shut_out() -> None:
    case = Failing()
    for _ in range(10):
        assert case.answers(BAD)["held_until"] is None
        case.world.perform(case.world.transitions.recovered(case.subscription))  # as the worker does after a good one


def test_after_five_days_of_nothing_but_bad_answers_the_subscription_ends_and_says_why() -> None:
    case = Failing()
    case.answers(*[BAD] * 30)
    assert case.endpoint["state"] == "active"
    case.world.now = START + timedelta(days=5)
    found = case.answers(BAD)
    assert (found["state"], found["reason"]) == ("disabled", "failing")
    case.world.resync()
    assert case.world.due() == []


@pytest.mark.parametrize(
    "said",
    [
        *(Verdict("failed", reason, disable=True) for reason in ("gone", "disabled-by-recipient", "no-such-mailbox")),
        Verdict("failed", "mail-554", hold=timedelta(hours=1), possibly_sent=False, ends_recall=False),
        Verdict("again", "refused-503", hold=timedelta(days=1)),
        Verdict("again", "timeout"),
    ],
)
@pytest.mark.parametrize("schedule", [(0.0,), (0.0, 86_400.0)])
def test_what_the_old_address_says_after_a_change_ends_nothing(said: Verdict, schedule: tuple[float, ...]) -> None:
    case = Failing(schedule)
    held: Any = case.world.claim(case.world.due()[0]["_id"])
    as_it_was: Any = case.endpoint
    case.world.store.put(SUBSCRIPTIONS.name, {**case.endpoint, "target": b"the new one"})
    case.world.perform(case.world.transitions.after_attempt(held, said, timedelta(0), 0.0, as_it_was))
    assert (case.endpoint["state"], case.endpoint["failures"]) == ("active", 0)
    case.world.now += timedelta(minutes=1)
    case.answers(GOOD)  # the new one is told what the old one did not take
    assert [told["id"] for told in case.world.partners["gjf"]] == [held["notice"]]


def test_a_clock_that_may_be_ahead_ends_none() -> None:
    case = Failing()
    case.answers(*[BAD] * 30)
    case.world.now, case.world.doubt = START + timedelta(days=4), timedelta(days=70)  # the other one says so much more
    assert case.answers(BAD)["state"] == "active"


class TestTroubleOfOurs:
    OURS = Verdict("again", "mail-server", ours=True)

    def test_keeps_an_endpoint_from_being_asked_and_gives_none_up_however_long_it_lasts(self) -> None:
        case = Failing()
        found = case.answers(*[self.OURS] * 6)
        assert (found["failures"], found["failing_since"]) == (6, None)
        assert found["held_until"] is not None
        for _ in range(30):
            case.world.now += timedelta(days=1)
            found = case.answers(self.OURS)
        assert (found["state"], found["failing_since"]) == ("active", None)

    def test_of_one_mail_alone_counts_for_nobody_and_sets_nothing_aside_that_others_wait_behind(self) -> None:
        case = Failing()
        case.answers(GOOD)
        in_order = {"order": "alias", "blocked_head_seconds": 1}
        case.world.store.put(SUBSCRIPTIONS.name, {**case.endpoint, **in_order})
        for opening in ("y", "z"):
            case.say("match-found", match_of("a", opening), hexid("person", "a"))
        busy = Verdict("again", "mail-server", endpoint_healthy=True, possibly_sent=False, ours=True)
        case.answers(*[busy] * 30, apart=timedelta(minutes=1))
        assert case.endpoint["failures"] == 0
        assert case.world.all(DELIVERIES, state="failed") == []

    def test_is_not_held_against_it_once_we_are_well(self) -> None:
        case = Failing()
        case.answers(BAD)
        for _ in range(30):
            case.world.now += timedelta(days=1)
            case.answers(self.OURS)
        case.world.now += timedelta(days=1)
        again = case.world.now
        found = case.answers(BAD)
        assert (found["state"], found["failing_since"]) == ("active", again)
        case.world.now = again + timedelta(days=5)
        assert case.answers(BAD)["reason"] == "failing"

    def test_is_tried_again_within_a_minute_and_uses_up_none_of_a_schedule(self) -> None:
        """What its mailbox puts off once we are well (greylisting) waits as if nothing had been before."""
        case = Failing((0.0, 300.0, 1_800.0))
        put_off = Verdict("again", "mail-450", endpoint_healthy=True, possibly_sent=False)
        for _ in range(20):
            case.answers(self.OURS, apart=timedelta(minutes=1))
        case.world.perform(case.world.transitions.recovered(case.subscription))
        case.answers(put_off, apart=timedelta(minutes=5))
        case.answers(put_off, apart=timedelta(minutes=29))
        assert case.world.due() == []
        case.world.now += timedelta(minutes=1)
        case.answers(put_off)
        (delivery,) = case.world.all(DELIVERIES)
        assert (delivery["state"], delivery["attempts"]) == ("failed", 23)

    @pytest.mark.parametrize("schedule", [(0.0,), (0.0, 7 * 3_600.0)])
    def test_fails_nothing_for_good_whatever_the_schedule_is(self, schedule: tuple[float, ...]) -> None:
        case = Failing(schedule)
        for _ in range(10):
            assert case.answers(self.OURS, apart=timedelta(hours=7))["state"] == "active"


def test_what_went_in_one_letter_is_one_attempt_and_all_of_it_is_tried_again_together() -> None:
    case = Failing()
    for opening in ("y", "z"):
        case.say("match-found", match_of("a", opening), hexid("person", "a"))
    endpoint: Any = case.endpoint
    held: list[Any] = [case.world.claim(each["_id"]) for each in case.world.due()]
    assert len(held) == 3
    for attempts in range(1, 5):
        for each in held:
            counts = each is held[0]
            case.world.perform(
                case.world.transitions.after_attempt(each, BAD, timedelta(0), 0.0, endpoint, counts=counts)
            )
        assert case.endpoint["failures"] == attempts
        due = case.world.due()
        assert [each["attempts"] for each in due] == [attempts] * 3
        held = [case.world.claim(each["_id"]) for each in due]
    gone = Verdict("failed", "no-such-mailbox", disable=True)
    for each in held:
        case.world.perform(
            case.world.transitions.after_attempt(each, gone, timedelta(0), 0.0, endpoint, counts=each is held[0])
        )
    assert (case.endpoint["state"], case.endpoint["reason"]) == ("disabled", "no-such-mailbox")
