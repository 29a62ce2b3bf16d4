"""What was not told because it was forbidden at that moment is told once it is allowed again, if it soon is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.notifications.channels.feed_snapshot import FeedSnapshot
from services.notifications.documents import DELIVERIES, THREADS
from tests.unit.notifications.world import World, agency_of, hexid, holding, match_of, person_of

pytestmark = pytest.mark.unit
HELD = {(hexid("alias", "a", "gjf"), hexid("opportunity", opportunity)) for opportunity in "xy"}


class Desk(World):
    """An agency that takes part by one channel, and two matches that it has not heard of yet."""

    def __init__(self, channel: str) -> None:
        super().__init__()
        self.hear(self.event("person-updated", person_of("a", ("gjf",)), "a", 1))
        self.agency(1)
        self.subscribe("gjf", channel)
        self.resync()
        for opportunity in "xy":
            self.match(opportunity, 1)

    def agency(self, sequence: int, *, receives: bool = True) -> None:
        self.hear(self.event("agency-changed", agency_of("gjf", receives=receives), "gjf", sequence))

    def match(self, opportunity: str, sequence: int, band: str = "high") -> None:
        self.hear(self.event("match-changed", match_of("a", opportunity, band), "a", sequence))

    def drop(self) -> None:
        """As a dispatcher does that finds all that is due forbidden."""
        for each in self.due():
            claimed: Any = self.claim(each["_id"])
            self.perform(self.transitions.drop(claimed, "consent-ended"))

    def thread(self) -> Any:
        (thread,) = self.all(THREADS)
        return thread


@pytest.mark.parametrize("read_before", [False, True])
def test_what_a_feed_passed_over(read_before: bool) -> None:
    desk = Desk("feed")
    if read_before:  # and the answer was lost
        desk.pull("gjf")
        desk.partners.clear()
    desk.agency(2, receives=False)
    events, cursor = desk.pull("gjf")
    assert events == []
    desk.agency(3)
    desk.resync()
    events, cursor = desk.pull("gjf", cursor)
    assert [event["type"] for event in events] == ["recall"] * read_before + ["notice"] * 2
    assert holding(desk.partners["gjf"]) == HELD
    desk.pull("gjf", cursor)
    assert {each["state"] for each in desk.all(DELIVERIES)} <= {"delivered", "dropped"}


def test_what_a_dispatcher_dropped() -> None:
    desk = Desk("webhook")
    desk.agency(2, receives=False)
    desk.drop()
    desk.agency(3)
    desk.deliver_all()
    desk.resync()
    desk.deliver_all()
    assert [event["type"] for event in desk.partners["gjf"]] == ["notice"] * 2
    assert holding(desk.partners["gjf"]) == HELD


def test_what_a_dispatcher_dropped_when_it_was_allowed_again_before_that_was_written_down() -> None:
    desk = Desk("webhook")
    claimed: list[Any] = [desk.claim(each["_id"]) for each in desk.due()]
    desk.agency(2, receives=False)  # as the look just before sending saw it
    desk.agency(3)
    desk.resync()
    for each in claimed:
        desk.perform(desk.transitions.drop(each, "consent-ended"))
    desk.deliver_all()
    assert [event["type"] for event in desk.partners["gjf"]] == ["notice"] * 2
    assert holding(desk.partners["gjf"]) == HELD


def test_what_a_snapshot_left_out() -> None:
    desk = Desk("feed")
    nothing: Any = None  # only the operation is asked of it
    today = desk.now.date()
    snapshot = FeedSnapshot(desk.reader, nothing, nothing, desk.messages, desk.ids, desk.sealer, lambda now: today)
    _, cursor = desk.pull("gjf")
    desk.agency(2, receives=False)
    assert desk.perform(snapshot.serve("gjf", [desk.thread()])) == []
    desk.agency(3)
    desk.resync()
    desk.partners.clear()
    desk.pull("gjf", cursor)
    assert holding(desk.partners["gjf"]) == HELD


def test_one_match_that_changes_meanwhile_does_not_stand_for_the_others() -> None:
    desk = Desk("feed")
    desk.agency(2, receives=False)
    _, cursor = desk.pull("gjf")
    desk.agency(3)
    desk.match("x", 2, "low")
    assert desk.thread()["untold"]
    desk.resync()
    assert "untold" not in desk.thread()
    desk.pull("gjf", cursor)
    assert holding(desk.partners["gjf"]) == HELD


def test_an_end_that_was_looked_at_in_time_is_an_end_once() -> None:
    desk = Desk("feed")
    _, cursor = desk.pull("gjf")
    desk.agency(2, receives=False)
    desk.pull("gjf")
    desk.resync()
    assert "untold" not in desk.thread()
    desk.pull("gjf")  # from the start: what was recalled is passed over for good
    assert "untold" not in desk.thread()
    desk.agency(3)
    desk.resync()
    events, _ = desk.pull("gjf", cursor)
    assert [event["type"] for event in events] == ["recall", "notice", "notice"]


def test_a_consent_that_ran_out_at_midnight_and_was_renewed_before_anybody_said_so() -> None:
    desk = Desk("feed")
    desk.hear(desk.event("person-updated", person_of("a", ("gjf",), until=desk.now.date()), "a", 2))
    desk.now += timedelta(days=1)
    events, cursor = desk.pull("gjf")
    assert events == []
    desk.hear(desk.event("person-updated", person_of("a", ("gjf",)), "a", 3))
    desk.pull("gjf", cursor)
    assert holding(desk.partners["gjf"]) == HELD


def test_what_may_be_read_is_not_withheld() -> None:
    desk = Desk("feed")
    desk.pull("gjf")
    desk.pull("gjf")
    assert "untold" not in desk.thread()
