"""A recall of nothing but what was under way when it was said leaves as long as any of that may have left, and not once
all of it is known not to have: just before it is sent, and as a feed or a snapshot is read."""

from __future__ import annotations

from typing import Any

import pytest

from services.notifications.channels.feed_snapshot import FeedSnapshot
from services.notifications.delivery.pre_send_check import PreSendCheck, recheck_before_send, without_forbidden
from services.notifications.documents import DELIVERIES, THREADS
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.recovery.resend import Resend
from shared.kit.base.clock import Clock
from tests.unit.notifications.test_permission import Database
from tests.unit.notifications.world import World, agency_of, hexid, match_of, person_of
from tests.unit.notifications.world_store import WorldStore

pytestmark = pytest.mark.unit
PERSON = hexid("person", "a")


class InDoubt:
    """gjf has a webhook and another subscription. A notice about somebody new is under way by the webhook as its person
    withdraws, and was dropped by the other one, so that its recall may leave there."""

    def __init__(self, other: str = "webhook") -> None:
        self.world = World()
        self.say("agency-registered", agency_of("gjf"), "gjf", 1)
        self.one, self.other = (self.world.subscribe("gjf", channel) for channel in ("webhook", other))
        self.say("person-updated", person_of("a", ("gjf",)), PERSON, 1)
        self.say("match-found", match_of("a", "x"), PERSON, 1)
        claimed = {each["subscription"]: self.world.claim(each["_id"]) for each in self.world.due()}
        self.held = claimed.pop(self.one)
        self.withdraw(2)
        for each in claimed.values():
            self.world.perform(self.world.transitions.drop(each, "consent-ended"))

    def say(self, type: str, data: Any, key: str, sequence: int) -> None:
        self.world.hear(self.world.event(type, data, key, sequence))

    def withdraw(self, sequence: int) -> None:
        self.say("person-updated", person_of("a"), PERSON, sequence)

    def recalls(self, subscription: str | None = None) -> list[Any]:
        return self.world.all(DELIVERIES, about="recall", subscription=subscription or self.other)

    def claimed_recall(self) -> Any:
        (recall,) = self.recalls()
        return self.world.claim(recall["_id"])

    async def look(self, *claimed: Any) -> PreSendCheck:
        database: Any = Database(self.world)
        clock = Clock(wall=lambda: self.world.now)
        return await recheck_before_send(database, self.other, claimed, clock, lambda now: now.date())

    def states(self) -> set[tuple[str, str]]:
        return {(each["about"], each["state"]) for each in self.world.all(DELIVERIES)}


async def test_it_leaves_while_what_it_is_for_is_under_way_or_may_have_been_sent_by_whoever_was_killed() -> None:
    case = InDoubt()
    recall = case.claimed_recall()
    assert (await case.look(recall)).sendable == (recall,)
    case.world.release(case.held["_id"])
    assert (await case.look(recall)).sendable == (recall,)
    case.world.end_recalled()
    found = await case.look(recall)
    assert (found.sendable, found.needless) == ((recall,), ()), "it has ended, and may have left"


async def test_it_does_not_once_that_was_let_go_of_and_both_end() -> None:
    case = InDoubt()
    recall = case.claimed_recall()
    case.world.let_go(case.held["_id"])
    found = await case.look(recall)
    assert (found.sendable, found.needless) == ((), (recall,))
    case.world.perform(case.world.transitions.needless(recall))
    assert case.states() == {("notice", "dropped"), ("recall", "dropped")}
    assert {each["reason"] for each in case.recalls()} == {"nothing-left"}
    assert not any(each["listed"] for each in case.world.all(DELIVERIES))
    (thread,) = case.world.all(THREADS)
    assert (thread["queues"], thread["recall"]["taken"]) == ({}, True)


async def test_it_does_not_either_when_that_was_written_down_while_it_was_about_to_leave() -> None:
    case = InDoubt()
    recall = case.claimed_recall()
    case.world.perform(case.world.transitions.drop(case.held, "consent-ended"))
    assert (await case.look(recall)).needless == (recall,)
    case.world.perform(case.world.transitions.needless(recall))
    assert case.states() == {("notice", "dropped"), ("recall", "dropped")}


async def test_it_waits_for_its_turn_as_before_when_what_it_is_for_was_taken_again_meanwhile_and_leaves_then() -> None:
    case = InDoubt()
    recall = case.claimed_recall()
    case.world.let_go(case.held["_id"])
    assert (await case.look(recall)).needless == (recall,)
    case.world.claim(case.held["_id"])
    case.world.perform(case.world.transitions.needless(recall))
    (waiting,) = case.recalls()
    assert (waiting["state"], waiting["possibly_sent"]) == ("due", False)
    case.world.deliver_all()
    assert [event["type"] for event in case.world.partners["gjf"]] == ["recall"]


async def test_it_does_not_either_once_whoever_had_claimed_it_was_killed_and_nobody_is_shown_it() -> None:
    case = InDoubt()
    database: Any = Database(case.world)
    case.world.release(case.claimed_recall()["_id"])
    case.world.let_go(case.held["_id"])
    assert await without_forbidden(database, case.world.all(DELIVERIES)) == []
    again = case.claimed_recall()
    assert again["possibly_sent_before"]
    assert (await case.look(again)).needless == (again,)
    case.world.perform(case.world.transitions.needless(again))
    assert case.states() == {("notice", "dropped"), ("recall", "dropped")}
    assert not any(each["listed"] for each in case.world.all(DELIVERIES))


@pytest.mark.parametrize("killed", ["before an attempt that reached nobody", "after it"])
async def test_a_claim_shows_it_to_nobody_either_where_an_attempt_reached_nobody(killed: str) -> None:
    case = InDoubt()
    database: Any = Database(case.world)
    if killed == "before an attempt that reached nobody":
        case.world.release(case.claimed_recall()["_id"])
    away = Verdict("again", "no-connection", endpoint_healthy=True, possibly_sent=False)
    case.world.attempt(case.recalls()[0]["_id"], away, reaches=False)
    case.world.now = case.recalls()[0]["due"]
    if killed == "after it":
        case.world.release(case.claimed_recall()["_id"])
    case.world.let_go(case.held["_id"])
    assert await without_forbidden(database, case.world.all(DELIVERIES)) == []
    case.world.end_recalled()
    assert case.states() == {("notice", "dropped"), ("recall", "dropped")}
    assert not any(each["listed"] for each in case.world.all(DELIVERIES))


@pytest.mark.parametrize("looked", ["once all is known", "as it is tried again"])
async def test_one_that_has_left_is_not_tried_again_once_it_is_known_to_be_needless_and_is_shown(looked: str) -> None:
    case = InDoubt()
    database: Any = Database(case.world)
    case.world.attempt(case.recalls()[0]["_id"], Verdict("again", "http-500"))
    case.world.let_go(case.held["_id"])
    assert await without_forbidden(database, case.recalls()) == case.recalls()
    if looked == "once all is known":
        case.world.end_recalled()
    else:
        case.world.now = case.recalls()[0]["due"]
        case.world.attempt(case.recalls()[0]["_id"])
    (recall,) = case.recalls()
    assert (recall["state"], recall["reason"], recall["listed"]) == ("dropped", "nothing-left", True)
    assert [event["type"] for event in case.world.partners["gjf"]] == ["recall"]


async def test_an_answer_that_somebody_gave_for_it_meanwhile_stays() -> None:
    case = InDoubt()
    recall = case.claimed_recall()
    (kept,) = case.recalls()
    case.world.store.put(DELIVERIES.name, {**kept, "claim": "another one's"})
    case.world.let_go(case.held["_id"])
    case.world.perform(case.world.transitions.needless(recall))
    assert case.recalls()[0]["state"] == "sending"


def test_an_earlier_one_that_still_waits_is_needless_by_what_it_was_itself_for() -> None:
    case = InDoubt()
    case.world.attempt(case.recalls()[0]["_id"])
    case.say("person-updated", person_of("a", ("gjf",)), PERSON, 3)
    (again,) = case.world.due()
    held: Any = case.world.claim(again["_id"])
    case.withdraw(4)
    case.world.let_go(case.held["_id"])
    case.world.perform(case.world.transitions.drop(held, "consent-ended"))
    first, second = sorted(case.recalls(case.one), key=lambda recall: recall["version"])
    assert (first["state"], second["state"]) == ("due", "dropped")
    case.world.deliver_all()
    assert [event["type"] for event in case.world.partners["gjf"]] == ["recall"], "as long as it was in doubt"


async def test_who_looks_up_its_deliveries_sees_none_of_what_is_not_needed_before_it_has_left() -> None:
    case = InDoubt()
    database: Any = Database(case.world)
    assert len(await without_forbidden(database, case.recalls())) == 1
    case.world.let_go(case.held["_id"])
    assert await without_forbidden(database, case.world.all(DELIVERIES)) == []
    case.claimed_recall()
    assert await without_forbidden(database, case.world.all(DELIVERIES)) == [], "it is looked at before it leaves"


@pytest.mark.parametrize("under_way", [True, False])
def test_a_feed_gives_it_only_while_something_may_have_left(under_way: bool) -> None:
    case = InDoubt("feed")
    if not under_way:
        case.world.let_go(case.held["_id"])
    events, cursor = case.world.pull("gjf")
    assert [event["type"] for event in events] == ["recall"] * under_way
    assert {each["state"] for each in case.recalls()} == ({"served"} if under_way else {"dropped"})
    assert case.world.pull("gjf", cursor)[0] == []


@pytest.mark.parametrize("under_way", [True, False])
def test_a_file_that_is_looked_at_has_it_only_then_and_changes_nothing(under_way: bool) -> None:
    case = InDoubt("feed")
    if not under_way:
        case.world.let_go(case.held["_id"])
    before = case.states()
    entries: Any = sorted(case.world.all(DELIVERIES, channel="feed"), key=lambda d: d["position"])
    page = case.world.perform(case.world.reader.looked_at("gjf", entries))
    assert [event["type"] for event in page.events] == ["recall"] * under_way
    assert case.states() == before


@pytest.mark.parametrize("under_way", [True, False])
def test_a_snapshot_tells_it_only_then(under_way: bool) -> None:
    case, nothing = InDoubt("feed"), None
    world: Any = case.world
    if not under_way:
        world.let_go(case.held["_id"])
    today = world.now.date()
    snapshot = FeedSnapshot(
        *(world.reader, nothing, nothing, world.reconciler.queues, world.messages, world.ids, world.sealer),  # type: ignore[arg-type]  # only the operation is asked of it
        lambda now: today,
    )
    events = world.perform(snapshot.serve("gjf", world.all(THREADS)))
    assert [event["type"] for event in events] == ["recall"] * under_way


async def test_one_that_had_arrived_and_turns_out_needless_as_it_is_sent_again_is_not_asked_for_any_more() -> None:
    case = InDoubt()
    case.world.attempt(case.recalls()[0]["_id"])
    (arrived,) = case.recalls()
    assert "unacknowledged_since" in arrived
    over = WorldStore(case.world)
    await Resend(over.store, over.repository, case.world.reconciler.queues).resend("gjf", arrived["_id"])
    case.world.let_go(case.held["_id"])
    case.world.perform(case.world.transitions.needless(case.claimed_recall()))
    (ended,) = case.recalls()
    assert (ended["state"], "unacknowledged_since" in ended, "ended" in ended) == ("dropped", False, True)
