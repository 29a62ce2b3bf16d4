"""A recall of what was claimed and never left is not sent: it would tell of somebody who was never named. One for
whose end it waits, and that is let go of or left behind, is ended without being looked at for sending: it may be held.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.notifications.documents import DELIVERIES, RESYNCS, SUBSCRIPTIONS, THREADS
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.recovery.resend import Resend
from services.notifications.resync_request import request_resync
from shared.events.envelope import from_kafka
from shared.kit.store.store import Operation
from shared.kit.web.problems import Problem
from tests.unit.notifications.world import World, agency_of, hexid, match_of, person_of
from tests.unit.notifications.world_store import WorldStore

pytestmark = pytest.mark.unit
PERSON, _NO_TIME = hexid("person", "a"), timedelta(0)


class Claimed:
    """gjf's webhook has one notice about somebody new, which a dispatcher holds when consent is withdrawn."""

    def __init__(self, openings: int = 1) -> None:
        self.world = World()
        self._say("agency-registered", agency_of("gjf"), "gjf", 1)
        self.subscription = self.world.subscribe("gjf", "webhook")
        self._say("person-updated", person_of("a", ("gjf",)), PERSON, 1)
        for number in range(openings):
            self._say("match-found", match_of("a", f"o{number}"), PERSON, 1)
        self.held = [self.world.claim(d["_id"]) for d in self.world.due()]
        self.withdraw()

    def _say(self, type: str, data: Any, key: str, sequence: int) -> None:
        self.world.hear(self.world.event(type, data, key, sequence))

    def withdraw(self) -> None:
        self._say("person-updated", person_of("a"), PERSON, 2)

    def consent_again(self) -> None:
        self._say("person-updated", person_of("a", ("gjf",)), PERSON, 3)

    def drop(self, *held: Any) -> None:
        """As the check before sending does."""
        for each in held:
            self.world.perform(self.world.transitions.drop(each, "consent-ended"))

    @property
    def recall(self) -> dict[str, Any]:
        (found,) = self.world.all(DELIVERIES, about="recall")
        return found

    def outcomes(self) -> list[tuple[str, str | None]]:
        told = [from_kafka(record.value, record.headers) for record in self.world.emitted]
        return [(event.data.about, event.data.reason) for event in told if event.type == "notice-failed"]


def test_nothing_left_so_nothing_is_recalled_and_nobody_is_shown_that_there_was_something() -> None:
    case = Claimed()
    assert case.recall["state"] == "waiting"
    case.drop(*case.held)
    assert (case.recall["state"], case.recall["reason"], case.recall["listed"]) == ("dropped", "nothing-left", False)
    assert case.outcomes() == [("notice", "consent-ended"), ("recall", "nothing-left")]
    assert case.world.due() == []
    case.world.subscribe("gjf", "feed")
    case.world.resync()
    assert case.world.pull("gjf")[0] == [], "nor is it brought by whoever subscribes later"


def test_an_attempt_that_reached_nobody_is_no_reason_either() -> None:
    case = Claimed()
    unreached = Verdict("again", "no-connection", possibly_sent=False)
    case.world.perform(
        case.world.transitions.after_attempt(case.held[0], unreached, _NO_TIME, 0.0, case.world.all(SUBSCRIPTIONS)[0])
    )
    assert case.recall["state"] == "dropped"


def test_one_of_several_that_left_is_reason_enough() -> None:
    case = Claimed(openings=3)
    case.drop(case.held[0])
    taken = Verdict("delivered", endpoint_healthy=True)
    case.world.perform(
        case.world.transitions.after_attempt(case.held[1], taken, _NO_TIME, 0.0, case.world.all(SUBSCRIPTIONS)[0])
    )
    case.drop(case.held[2])
    assert case.recall["state"] == "due"


def test_what_a_killed_dispatcher_held_may_have_left() -> None:
    case = Claimed()
    case.world.release(case.held[0]["_id"])
    again = case.world.claim(case.held[0]["_id"])
    case.drop(again)
    assert case.recall["state"] == "due"


def test_what_was_told_before_is_recalled_whatever_becomes_of_what_is_held() -> None:
    case = Claimed()
    case.drop(*case.held)
    case.consent_again()
    case.world.deliver_all()
    case._say("match-found", match_of("a", "o1"), PERSON, 1)
    held = case.world.claim(case.world.due()[0]["_id"])
    case._say("person-updated", person_of("a"), PERSON, 4)
    case.drop(held)
    case.world.deliver_all()
    assert [event["type"] for event in case.world.partners["gjf"]] == ["notice", "recall"]


def test_one_that_nobody_has_obeyed_is_not_done_with_because_one_after_it_was_needless() -> None:
    case = Claimed()
    case.drop(*case.held)
    case.consent_again()
    case.world.deliver_all()
    case._say("person-updated", person_of("a"), PERSON, 4)
    case.world.deliver_all()
    case._say("person-updated", person_of("a", ("gjf",)), PERSON, 5)
    held = [case.world.claim(each["_id"]) for each in case.world.due()]
    case._say("person-updated", person_of("a"), PERSON, 6)
    case.drop(*held)
    case.world.subscribe("gjf", "feed")
    case.world.resync()
    assert [event["type"] for event in case.world.pull("gjf")[0]] == ["recall"], "who comes later brings it, too"


def test_it_is_not_brought_by_who_comes_when_the_only_notice_is_found_left_behind() -> None:
    case = Claimed()
    case.world.unsubscribe(case.subscription)
    case.world.resync()
    case.world.let_go(case.held[0]["_id"])
    case.world.subscribe("gjf", "webhook")
    case.world.resync()
    assert {each["state"] for each in case.world.all(DELIVERIES)} == {"dropped"}
    case.world.deliver_all()
    assert case.world.partners["gjf"] == []


def test_consent_that_is_given_again_meanwhile_is_told_as_if_nothing_had_been() -> None:
    case = Claimed()
    case.consent_again()
    case.drop(*case.held)
    case.world.deliver_all()
    assert [event["type"] for event in case.world.partners["gjf"]] == ["notice"]
    (thread,) = case.world.all(THREADS)
    assert thread["queues"] == {}


def test_a_recall_behind_what_a_killed_dispatcher_held_does_not_wait_until_that_may_be_sent() -> None:
    case = Claimed(openings=2)
    assert case.world.end_recalled() == [], "while they are under way they are left alone"
    for each in case.held:
        case.world.release(each["_id"])
    assert len(case.world.end_recalled()) == 2
    notices = case.world.all(DELIVERIES, about="notice")
    assert {(each["state"], each["reason"], each["listed"]) for each in notices} == {("dropped", "superseded", True)}
    assert [each["about"] for each in case.world.due()] == ["recall"]
    case.world.deliver_all()
    assert [event["type"] for event in case.world.partners["gjf"]] == ["recall"]


def test_what_was_let_go_of_unsent_ends_and_needs_no_recall() -> None:
    case = Claimed(openings=2)
    for each in case.held:
        case.world.let_go(each["_id"])
    case.world.end_recalled()
    assert {each["state"] for each in case.world.all(DELIVERIES)} == {"dropped"}
    assert case.recall["reason"] == "nothing-left"
    assert not any(each["listed"] for each in case.world.all(DELIVERIES))


async def test_nor_is_it_sent_again_when_its_subscription_was_away_as_that_turned_out() -> None:
    case = Claimed()
    (subscription,) = case.world.all(SUBSCRIPTIONS)
    case.world.store.put(SUBSCRIPTIONS.name, {**subscription, "state": "disabled"})
    case.world.perform(Operation(lambda work: [RESYNCS.by_id("gjf")], lambda work: request_resync(work, "gjf")))
    case.world.resync()
    assert case.recall["reason"] == "unsubscribed"
    case.drop(*case.held)
    case.world.store.put(SUBSCRIPTIONS.name, subscription)
    over = WorldStore(case.world)
    with pytest.raises(Problem):
        await Resend(over.store, over.repository, case.world.reconciler.queues).resend("gjf", case.recall["_id"])
    assert case.world.due() == []


def test_it_leaves_by_no_subscription_while_what_was_let_go_of_waits_for_its_end_at_another() -> None:
    world = World()
    world.hear(world.event("agency-registered", agency_of("gjf"), "gjf", 1))
    one, other = (world.subscribe("gjf", "webhook") for _ in range(2))
    world.hear(world.event("person-updated", person_of("a", ("gjf",)), PERSON, 1))
    world.hear(world.event("match-found", match_of("a", "x"), PERSON, 1))
    held = {each["subscription"]: world.claim(each["_id"]) for each in world.due()}
    world.hear(world.event("person-updated", person_of("a"), PERSON, 2))
    world.let_go(held[one]["_id"])
    world.perform(world.transitions.drop(held[other], "consent-ended"))
    assert {each["state"] for each in world.all(DELIVERIES)} == {"dropped"}
    assert {each["reason"] for each in world.all(DELIVERIES, about="recall")} == {"nothing-left"}


def test_what_was_claimed_again_meanwhile_is_left_to_whoever_holds_it() -> None:
    case = Claimed()
    case.world.let_go(case.held[0]["_id"])
    (found,) = case.world.all(DELIVERIES, waits="recalled")
    again = case.world.claim(found["_id"])
    case.world.perform(case.world.transitions.recalled(found))
    assert case.world.all(DELIVERIES, about="notice")[0]["state"] == "sending"
    case.drop(again)
    assert case.recall["state"] == "dropped"


def test_what_no_recall_waits_for_any_more_is_not_found_again() -> None:
    case = Claimed()
    recall = case.recall
    case.world.unsubscribe(case.subscription)
    (held,) = case.held
    case.world.release(held["_id"])
    case.world.store.put(DELIVERIES.name, {**recall, "state": "dropped", "ended": case.world.now})
    (thread,) = case.world.all(THREADS)
    queue = [entry for entry in thread["queues"][case.subscription] if entry["delivery"] != recall["_id"]]
    case.world.store.put(THREADS.name, {**thread, "queues": {case.subscription: queue}})
    assert case.world.end_recalled() == [held["_id"]]
    assert case.world.end_recalled() == []
    assert case.world.due() != []


def test_only_what_is_under_way_is_marked_and_only_for_a_recall() -> None:
    case = Claimed()
    case.consent_again()
    case._say("match-found", match_of("a", "o1"), PERSON, 1)
    assert [each["opportunity"] for each in case.world.all(DELIVERIES, waits="recalled")] == [
        case.held[0]["opportunity"]
    ]


@pytest.mark.parametrize("ends", ["while it is held", "and another one is there"])
def test_what_a_killed_dispatcher_held_at_a_subscription_that_has_ended_ends_once_it_is_released(ends: str) -> None:
    world = World()
    for event in (
        world.event("agency-registered", agency_of("gjf"), "gjf", 1),
        world.event("person-updated", person_of("a", ("gjf",)), PERSON, 1),
    ):
        world.hear(event)
    ended = world.subscribe("gjf", "webhook")
    if ends == "and another one is there":
        world.subscribe("gjf", "webhook")
    world.hear(world.event("match-found", match_of("a", "o"), PERSON, 1))
    (held,) = (world.claim(each["_id"]) for each in world.due() if each["subscription"] == ended)
    world.unsubscribe(ended)
    world.resync()
    world.end_left_behind()
    assert world.all(DELIVERIES, subscription=ended)[0]["state"] == "sending", "it may still be under way"
    world.release(held["_id"])
    world.end_left_behind()
    (left,) = world.all(DELIVERIES, subscription=ended)
    assert (left["state"], left["reason"]) == ("dropped", "unsubscribed")
    assert {each["subscription"] for each in world.due()} == {each["_id"] for each in world.all(SUBSCRIPTIONS)}
