"""A subscription that was disabled while others of its agency stayed hears, when it is back, the ends and changes of
what it was told before, under the ids under which the others heard them, and nothing twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.notifications.documents import DELIVERED, DELIVERIES, DROPPED, RESYNCS, SENDING, SUBSCRIPTIONS, THREADS
from services.notifications.domain import notice_threads
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.resync_request import request_resync
from shared.kit.store.store import Operation
from tests.unit.notifications.subscription_desk import Desk
from tests.unit.notifications.test_wanted import HIGH, TAKEN, Filtered
from tests.unit.notifications.world import World, hexid, holding, match_of, person_of

pytestmark = pytest.mark.unit
PERSON = hexid("person", "a")


class Away(Filtered):
    """``all`` and ``other`` are two webhooks, and both were told of an opening. Then ``all`` is disabled."""

    def __init__(self, **other: Any) -> None:
        super().__init__(**(other or {"filter": None}))
        self.other = self.high
        self.match("x", "high")
        self.told(self.all), self.told(self.other)
        self.goes()

    def goes(self) -> None:
        self.change(self.all, state="disabled")

    def comes_back(self, **changes: Any) -> None:
        self.change(self.all, state="active", **changes)

    @property
    def thread(self) -> Any:
        (found,) = self.world.all(THREADS)
        return found

    def notices(self, subscription: str) -> list[str]:
        """The newest last."""
        found = self.world.all(DELIVERIES, subscription=subscription)
        return [each["notice"] for each in sorted(found, key=lambda d: d["version"])]


def turned(world: World, subscriptions: list[str], state: str) -> None:
    """All of them at once, before anything follows from it."""
    for each in subscriptions:
        (found,) = world.all(SUBSCRIPTIONS, _id=each)
        world.store.put(SUBSCRIPTIONS.name, {**found, "state": state})
    world.perform(Operation(lambda work: [RESYNCS.by_id("gjf")], lambda work: request_resync(work, "gjf")))
    world.resync()


def test_it_is_told_the_end_of_what_it_holds_under_the_same_id_and_once() -> None:
    case = Away()
    case.match("x", "high", 2, stands=False)
    assert case.told(case.other) == [("x", "high", "ended")]
    assert case.told(case.all) == []
    case.comes_back()
    assert case.told(case.all) == [("x", "high", "ended")]
    assert case.notices(case.all)[-1] == case.notices(case.other)[-1]
    assert "ended" not in case.thread
    case.goes(), case.comes_back()
    assert (case.told(case.all), case.told(case.other)) == ([], [])


@pytest.mark.parametrize("goes", ["disabled", "ended"])
def test_the_end_of_what_one_that_has_gone_has_told_is_told_by_others_that_had_not_told_it_yet(goes: str) -> None:
    case = Filtered(filter=None)
    case.match("x", "high")
    assert case.told(case.all) == [("x", "high", "proposed")]
    if goes == "ended":
        case.world.unsubscribe(case.all)
        case.world.resync()
    else:
        case.change(case.all, state="disabled")
    case.match("x", "high", 2, stands=False)
    assert case.told(case.high) == [("x", "high", "ended")]
    assert holding(case.world.partners["gjf"]) == set()


def test_it_is_told_nothing_of_what_came_and_went_meanwhile() -> None:
    case = Away()
    case.match("y", "high")
    case.match("y", "high", 2, stands=False)
    assert "ended" not in case.thread
    case.comes_back()
    assert case.told(case.all) == []


@pytest.mark.parametrize("stands", [True, False])
def test_what_changed_meanwhile_it_hears_of_although_it_would_not_want_it_now(stands: bool) -> None:
    case = Away()
    case.match("x", "low", 2)
    case.comes_back(filter=HIGH)
    assert case.told(case.all) == [("x", "low", "proposed")]
    case.match("x", "low", 3, stands=stands)
    assert case.told(case.all) == ([] if stands else [("x", "low", "ended")])


def test_what_changed_and_then_ended_it_hears_the_end_of() -> None:
    case = Away()
    case.match("x", "low", 2)
    case.match("x", "low", 3, stands=False)
    case.comes_back()
    assert case.told(case.all) == [("x", "low", "ended")]


def test_what_ended_and_stands_again_it_hears_of_as_it_is() -> None:
    case = Away()
    case.match("x", "high", 2, stands=False)
    case.match("x", "low", 3)
    case.comes_back()
    assert case.told(case.all) == [("x", "low", "proposed")]


def test_what_stands_again_as_it_comes_back_and_ends_before_that_has_left_it_hears_the_end_of() -> None:
    case = Away()
    case.match("x", "high", 2, stands=False)
    (found,) = case.world.all(SUBSCRIPTIONS, _id=case.all)
    case.world.store.put(SUBSCRIPTIONS.name, {**found, "state": "active"})  # nobody has come to this person yet
    case.match("x", "high", 3)
    case.match("x", "high", 4, stands=False)
    assert case.told(case.all) == [("x", "high", "ended")]


def test_what_stands_again_and_nobody_wants_who_is_there_it_hears_of_when_it_is_back() -> None:
    case = Away()
    case.match("x", "high", 2, stands=False)
    case.change(case.other, filter=HIGH)
    case.match("x", "low", 3)
    assert list(case.thread["ended"]) == [hexid("opportunity", "x")]
    case.comes_back(filter=HIGH)
    assert case.told(case.all) == [("x", "low", "proposed")]


def test_it_hears_it_also_where_it_comes_back_just_as_that_ends() -> None:
    case = Away()
    case.match("x", "low", 2)
    (kept,) = case.world.all(SUBSCRIPTIONS, _id=case.all)
    case.world.store.put(SUBSCRIPTIONS.name, {**kept, "state": "active"})
    case.match("x", "low", 3, stands=False)
    case.world.resync()
    assert case.told(case.all) == [("x", "low", "ended")]


@pytest.mark.parametrize("after", ["it ended", "it changed"])
def test_once_consent_has_ended_nothing_is_left_to_be_told_but_the_recall(after: str) -> None:
    case = Away()
    case.match("x", "low", 2, stands=after == "it changed")
    case.say("person-updated", person_of("a"), PERSON, 2)
    assert "ended" not in case.thread
    case.comes_back()
    assert case.told(case.all) == [("recall", None, None)]
    case.say("person-updated", person_of("a", ("gjf",)), PERSON, 3)
    assert case.told(case.all) == ([] if after == "it ended" else [("x", "low", "proposed")])


def test_nothing_is_kept_for_one_that_will_not_come_back() -> None:
    case = Away()
    case.match("x", "high", 2, stands=False)
    assert list(case.thread["ended"]) == [hexid("opportunity", "x")]
    case.world.unsubscribe(case.all)
    case.world.resync()
    assert "ended" not in case.thread


def test_no_more_is_kept_than_it_held_when_it_went_away() -> None:
    case = Away()
    for number in range(30):
        for sequence, stands in ((1, True), (2, False)):
            case.say("match-found", match_of("a", f"o{number}", stands=stands), PERSON, sequence)
    case.match("x", "high", 2, stands=False)
    assert list(case.thread["ended"]) == [hexid("opportunity", "x")]


def test_an_end_that_it_was_still_to_be_told_it_hears_once_however_often_it_went_and_the_others_not_again() -> None:
    case = Away()
    case.comes_back()
    case.match("x", "high", 2, stands=False)
    assert case.told(case.other) == [("x", "high", "ended")]
    for _ in range(3):
        case.goes(), case.comes_back()
    case.goes()
    assert case.told(case.other) == []
    case.comes_back()
    assert (case.told(case.all), case.told(case.other)) == ([("x", "high", "ended")], [])
    assert case.notices(case.all)[-1] == case.notices(case.other)[-1]
    assert "ended" not in case.thread


@pytest.mark.parametrize("arrives", [False, True])
def test_an_end_that_was_under_way_when_it_went_is_left_to_who_sends_it(arrives: bool) -> None:
    case = Away()
    case.comes_back()
    case.match("x", "high", 2, stands=False)
    (end,) = case.world.all(DELIVERIES, subscription=case.all, match_state="ended")
    held = case.world.claim(end["_id"])
    (endpoint,) = case.world.all(SUBSCRIPTIONS, _id=case.all)
    case.goes()
    if arrives:
        case.world.perform(case.world.transitions.after_attempt(held, TAKEN, timedelta(0), 0.0, endpoint))
    case.comes_back()
    (found,) = case.world.all(DELIVERIES, _id=end["_id"])
    assert (found["state"], found["claim"]) == (DELIVERED if arrives else SENDING, held["claim"])
    assert "ended" not in case.thread
    case.goes()
    assert ("ended" in case.thread) is not arrives  # nobody knows yet what became of it


@pytest.mark.parametrize("goes", ["disabled", "ended"])
def test_an_end_that_was_under_way_when_it_went_is_told_to_who_is_there_once_whatever_happens_meanwhile(
    goes: str,
) -> None:
    case = Filtered(filter=HIGH)
    case.match("x", "low")
    assert case.told(case.all) == [("x", "low", "proposed")]
    case.match("x", "low", 2, stands=False)
    (end,) = case.world.all(DELIVERIES, subscription=case.all, match_state="ended")
    held = case.world.claim(end["_id"])
    (endpoint,) = case.world.all(SUBSCRIPTIONS, _id=case.all)
    if goes == "ended":
        case.world.unsubscribe(case.all)
        case.world.resync()
    else:
        case.change(case.all, state="disabled")
    assert case.told(case.high) == [("x", "low", "ended")]
    case.change(case.high)
    lost = Verdict("again", "timeout")
    case.world.perform(case.world.transitions.after_attempt(held, lost, timedelta(0), 0.0, endpoint))
    case.change(case.high)
    assert case.told(case.high) == []
    (found,) = case.world.all(DELIVERIES, _id=end["_id"])
    assert (found["state"], found["reason"]) == (DROPPED, "unsubscribed")


def test_of_what_one_is_behind_with_that_comes_back_and_goes_again_and_again_the_last_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notice_threads, "MOST_ENDED", 5)
    case = Away()
    for number in range(8):
        case.say("match-found", match_of("a", f"o{number}"), PERSON, 1)
        case.comes_back()  # and goes before it is told
        case.goes()
        case.say("match-found", match_of("a", f"o{number}", stands=False), PERSON, 2)
    assert set(case.thread["ended"]) == {hexid("opportunity", f"o{number}") for number in range(3, 8)}


@pytest.mark.parametrize("again", [1, 2])
async def test_one_that_takes_its_place_hears_it_and_one_that_leads_elsewhere_does_not(again: int) -> None:
    desk = Desk()
    first, other = await desk.webhook(), await desk.webhook("https://other.example.org/hook")
    desk.world.resync()
    desk.world.deliver_all()
    for _ in range(again):
        desk.world.store.put(SUBSCRIPTIONS.name, {**desk.kept(first), "state": "disabled"})
        if _ == 0:
            ended = match_of("a", "x", stands=False)
            desk.world.hear(desk.world.event("match-withdrawn", ended, PERSON, 2))
            desk.world.deliver_all()
        first = await desk.webhook()
    elsewhere = await desk.webhook("https://new.example.org/hook")
    desk.world.resync()
    due = [(each["subscription"], each["match_state"]) for each in desk.world.due()]
    assert due == [(first, "ended")]
    assert elsewhere != other


async def test_one_that_takes_its_place_is_told_what_stands_and_then_its_end_whatever_it_wants() -> None:
    desk = Desk()
    first, _ = await desk.webhook(), await desk.webhook("https://other.example.org/hook")
    desk.world.resync()
    desk.world.deliver_all()
    desk.world.store.put(SUBSCRIPTIONS.name, {**desk.kept(first), "state": "disabled"})
    second = await desk.webhook(filter='{"exact":{"band":"low"}}')
    desk.world.resync()
    (told,) = desk.world.due()
    assert (told["subscription"], told["match_state"]) == (second, "proposed")
    desk.world.deliver_all()
    desk.world.hear(desk.world.event("match-withdrawn", match_of("a", "x", stands=False), PERSON, 2))
    assert second in {each["subscription"] for each in desk.world.due()}


@pytest.mark.parametrize("comes", ["back", "in its place"])
async def test_of_several_that_go_before_they_have_told_an_end_each_hears_it(comes: str) -> None:
    desk, urls = Desk(), [f"https://{name}.example.org/hook" for name in ("first", "second", "third")]
    first, second, _ = [await desk.webhook(url) for url in urls]
    desk.world.resync()
    desk.world.deliver_all()
    desk.world.hear(desk.world.event("match-withdrawn", match_of("a", "x", stands=False), PERSON, 2))
    gone = [first, second]
    turned(desk.world, gone, "disabled")
    desk.world.deliver_all()
    if comes == "back":
        turned(desk.world, gone, "active")
    else:
        gone = [await desk.webhook(url) for url in urls[:2]]
        desk.world.resync()
    told = sorted((each["subscription"], each["match_state"]) for each in desk.world.due())
    assert told == [(each, "ended") for each in sorted(gone)]


def test_an_end_that_it_was_still_to_be_told_is_not_forgotten_where_the_opening_stands_again_for_others() -> None:
    case = Away()
    case.comes_back(filter=HIGH)
    case.told(case.all)
    case.match("x", "high", 2, stands=False)
    assert case.told(case.other) == [("x", "high", "ended")]
    case.match("x", "low", 3)
    assert case.told(case.other) == [("x", "low", "proposed")]
    case.goes()
    case.comes_back()
    assert case.told(case.all) == [("x", "low", "proposed")]
    case.match("x", "low", 4, stands=False)
    assert case.told(case.all) == [("x", "low", "ended")]
