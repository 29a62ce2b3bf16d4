"""A subscription is told what its filter wants, and whatever it was told it hears the end of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.notifications.documents import DELIVERIES, RESYNCS, SUBSCRIPTIONS
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.domain.subscription_filters import checked
from services.notifications.mappers import match_told
from services.notifications.resync_request import request_resync
from shared.kit.store.store import Operation
from shared.reference import load_pack
from tests.unit.notifications.world import World, agency_of, hexid, holding, match_of, person_of

pytestmark = pytest.mark.unit
PACK = load_pack("kr-gyeonggi")
HIGH = checked({"exact": {"band": "high"}}, PACK)
TAKEN = Verdict("delivered", endpoint_healthy=True)


class Filtered:
    """gjf may hear of a person; ``all`` and ``high`` are two webhooks of it, the second with a filter."""

    def __init__(self, **second: Any) -> None:
        self.world = World()
        self.say("agency-registered", agency_of("gjf"), "gjf", 1)
        self.say("person-updated", person_of("a", ("gjf",)), hexid("person", "a"), 1)
        self.all = self.world.subscribe("gjf", "webhook")
        self.high = self.world.subscribe("gjf", "webhook", **(second or {"filter": HIGH}))

    def say(self, type: str, data: Any, key: str, sequence: int) -> None:
        self.world.hear(self.world.event(type, data, key, sequence))

    def match(self, opening: str, band: str, sequence: int = 1, stands: bool = True) -> None:
        self.say("match-found", match_of("a", opening, band, stands), hexid("person", "a"), sequence)

    def change(self, subscription: str, **changes: Any) -> None:
        """As a request changes it: with a resync."""
        (found,) = self.world.all(SUBSCRIPTIONS, _id=subscription)
        self.world.store.put(SUBSCRIPTIONS.name, {**found, **changes})
        self.world.perform(Operation(lambda work: [RESYNCS.by_id("gjf")], lambda work: request_resync(work, "gjf")))
        self.world.resync()

    def told(self, subscription: str) -> list[tuple[str, str | None, str | None]]:
        """What is due to it now, which it then takes: opening, band, state."""
        due = sorted((d for d in self.world.due() if d["subscription"] == subscription), key=lambda d: d["version"])
        for each in due:
            self.world.attempt(each["_id"], TAKEN)
        names = {hexid("opportunity", name): name for name in ("x", "y")}
        return [(names.get(d["opportunity"] or "", "recall"), d["band"], d["match_state"]) for d in due]


def test_where_the_opening_is_is_kept_for_filters_that_are_tried_later() -> None:
    case = Filtered()
    case.say("match-found", match_of("a", "x", region="legal-dong-2026:41"), hexid("person", "a"), 1)
    case.say("match-found", match_of("a", "y"), hexid("person", "a"), 1)
    kept = {match_told(d).region for d in case.world.all(DELIVERIES)}
    assert kept == {"legal-dong-2026:41", None}


def test_only_what_it_wants_is_told() -> None:
    case = Filtered()
    case.match("x", "high")
    case.match("y", "low")
    assert case.told(case.high) == [("x", "high", "proposed")]
    assert case.told(case.all) == [("x", "high", "proposed"), ("y", "low", "proposed")]


def test_what_it_was_told_it_hears_the_change_and_the_end_of() -> None:
    case = Filtered()
    case.match("x", "high")
    assert case.told(case.high) == [("x", "high", "proposed")]
    case.match("x", "low", 2)
    assert case.told(case.high) == [("x", "low", "proposed")]
    case.match("x", "low", 3, stands=False)
    assert case.told(case.high) == [("x", "low", "ended")]


@pytest.mark.parametrize(
    ("before", "in_order"), [(0, False), (1, False), (2, False), (1, True)], ids=["first", "second", "last", "blocks"]
)
def test_the_end_by_which_its_subscription_ended_is_told_to_whoever_else_is_there(before: int, in_order: bool) -> None:
    """Whatever its schedule of three attempts has left, and also when others would wait for the next for too long."""
    case = Filtered()
    if in_order:
        case.change(case.all, order="alias", blocked_head_seconds=400)
    case.match("y", "low")
    assert case.told(case.all) == [("y", "low", "proposed")]
    case.match("y", "low", 2, stands=False)
    if in_order:
        case.match("x", "low", 3)
    for _ in range(before):
        (end,) = case.world.due()
        case.world.attempt(end["_id"], Verdict("again", "http-503", endpoint_healthy=True), reaches=False)
        case.world.now += timedelta(seconds=300)
    (end,) = case.world.due()
    case.world.attempt(end["_id"], Verdict("failed", "gone", disable=True), reaches=False)
    case.world.resync()
    assert case.world.all(DELIVERIES, _id=end["_id"])[0]["state"] == "dropped"
    assert case.told(case.high) == [("y", "low", "ended")]
    assert holding(case.world.partners["gjf"]) == set()
    assert {each["notice"] for each in case.world.all(DELIVERIES, match_state="ended")} == {end["notice"]}


@pytest.mark.parametrize("arrived", [False, True])
def test_what_stands_again_while_its_end_is_still_to_be_told_by_a_subscription_that_goes_is_told_anew(
    arrived: bool,
) -> None:
    """Nobody is told under the id and version of an end, which may have arrived, that something stands."""
    case = Filtered()
    case.match("x", "high")
    for each in (case.all, case.high):
        case.told(each)
    case.match("x", "high", 2, stands=False)
    for each in [d for d in case.world.due() if arrived]:
        case.world.attempt(each["_id"], dies=True)  # the partner has it, and we do not know that
    (told,) = {each["notice"] for each in case.world.due()}
    for each in (case.all, case.high):
        case.world.unsubscribe(each)
    case.world.subscribe("gjf", "webhook")
    case.match("x", "high", 3)
    case.world.resync()
    case.world.deliver_all()
    last = case.world.partners["gjf"][-1]
    assert (last["data"]["state"], last["id"] != told) == ("proposed", True)
    assert holding(case.world.partners["gjf"]) == {(hexid("alias", "a", "gjf"), hexid("opportunity", "x"))}


def test_what_it_was_never_told_it_hears_no_end_of() -> None:
    case = Filtered()
    case.match("y", "low")
    case.match("y", "low", 2, stands=False)
    assert case.told(case.high) == []


def test_what_comes_to_be_wanted_is_told_then() -> None:
    case = Filtered()
    case.match("y", "low")
    case.match("y", "high", 2)
    assert case.told(case.high) == [("y", "high", "proposed")]


def test_what_changes_back_before_it_was_told_is_told_to_who_did_not_know_what_stood_before() -> None:
    case = Filtered()
    case.match("y", "low")
    assert case.told(case.all) == [("y", "low", "proposed")]
    case.match("y", "high", 2)
    case.match("y", "low", 3)
    assert case.told(case.all) == [], "it knows that it is low"
    assert case.told(case.high) == [("y", "low", "proposed")], "it would not be told when its filter is widened"
    case.change(case.high, filter=None)
    assert case.told(case.high) == []


def test_with_nobody_who_wants_it_nothing_is_held_and_no_recall_is_needed() -> None:
    case = Filtered()
    case.world.unsubscribe(case.all)
    case.match("y", "low")
    assert case.world.all(DELIVERIES, subscription=case.high) == []
    case.say("person-updated", person_of("a"), hexid("person", "a"), 2)
    assert case.told(case.high) == []


def test_a_wider_filter_brings_what_stands_and_a_narrower_one_takes_nothing_back() -> None:
    case = Filtered()
    case.match("x", "high")
    case.match("y", "low")
    case.told(case.high)
    case.change(case.high, filter=None)
    assert case.told(case.high) == [("y", "low", "proposed")]
    case.change(case.high, filter=HIGH)
    assert case.told(case.high) == []
    case.match("y", "low", 2, stands=False)
    assert case.told(case.high) == [("y", "low", "ended")]


def test_recalls_come_whatever_the_filter_and_alone_to_who_wants_only_them() -> None:
    case = Filtered(recalls_only=True)
    case.match("x", "high")
    assert case.told(case.high) == []
    case.told(case.all)
    case.say("person-updated", person_of("a"), hexid("person", "a"), 2)
    assert case.told(case.high) == [("recall", None, None)]


def test_what_is_paused_is_told_later_and_what_is_unconfirmed_nothing() -> None:
    case = Filtered(state="unconfirmed")
    (paused,) = case.world.all(SUBSCRIPTIONS, _id=case.all)
    case.world.store.put(SUBSCRIPTIONS.name, {**paused, "state": "paused"})
    case.match("x", "high")
    assert {d["subscription"] for d in case.world.all(DELIVERIES)} == {case.all}
    case.change(case.high, state="active")
    assert case.told(case.high) == [("x", "high", "proposed")]


def test_what_moves_to_where_it_is_wanted_is_told_then_and_to_nobody_twice() -> None:
    case = Filtered(filter=checked({"prefix": {"region": "legal-dong-2026:41"}}, PACK))
    for sequence, region in ((1, "legal-dong-2026:11110"), (2, "legal-dong-2026:41270")):
        told = match_of("a", "x", "high", region=region)
        case.say("match-found", told, hexid("person", "a"), sequence)
    assert case.told(case.high) == [("x", "high", "proposed")]
    assert case.told(case.all) == [("x", "high", "proposed")]
