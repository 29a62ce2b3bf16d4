"""What was not told because it was forbidden at that moment is told once it is allowed again, if it soon is."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.notifications.channels import feed_files
from services.notifications.channels.feed_files import FeedFiles
from services.notifications.channels.feed_reader import FeedReader
from services.notifications.channels.feed_snapshot import FeedSnapshot
from services.notifications.documents import DELIVERIES, PEOPLE, THREADS
from services.notifications.domain.feed_file_format import Kind, head_of
from shared.events.topics.prohibitions import Floor, Floors
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import UnitOfWork
from tests.unit.notifications.world import World, agency_of, hexid, holding, match_of, person_of
from tests.unit.notifications.world_store import WorldStore

pytestmark = pytest.mark.unit
HELD = {(hexid("alias", "a", "gjf"), hexid("opportunity", opportunity)) for opportunity in "xy"}


FORBIDDEN = Floors(person=hexid("person", "a"), whole=0, consents=(Floor(purpose="notice", recipient="gjf", below=2),))


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

    def snapshot(self) -> Any:
        """What one read gives."""
        nothing: Any = None  # only the operation is asked of it
        today, queues = self.now.date(), self.reconciler.queues
        snapshot = FeedSnapshot(
            *(self.reader, nothing, nothing, queues, self.messages, self.ids, self.sealer), lambda now: today
        )
        return self.perform(snapshot.serve("gjf", [self.thread()]))

    def files(self) -> FeedFiles:
        """Of this world."""
        over, today, queues = WorldStore(self), self.now.date(), self.reconciler.queues
        nothing: Any = None
        reader = FeedReader(
            *(self.feed, over.store, over.repository, queues, self.messages, self.sealer),
            lambda now: today,
            asyncio.Event(),
        )
        return FeedFiles(reader, over.store, over.repository, nothing, self.ids, lambda now: today)


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
    _, cursor = desk.pull("gjf")
    desk.agency(2, receives=False)
    assert desk.snapshot() == []
    desk.agency(3)
    desk.resync()
    desk.partners.clear()
    desk.pull("gjf", cursor)
    assert holding(desk.partners["gjf"]) == HELD


def test_what_a_snapshot_would_not_have_told_in_any_case_is_not_left_out_and_recalled_by_others() -> None:
    desk = Desk("webhook")
    desk.deliver_all()
    desk.subscribe("gjf", "feed")
    desk.agency(2, receives=False)
    assert desk.snapshot() == []
    desk.agency(3)
    desk.resync()
    desk.deliver_all()
    assert [event["type"] for event in desk.partners["gjf"]] == ["notice"] * 2


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@pytest.mark.parametrize("piece", [1, 2, 3])
async def test_what_a_file_left_out_also_where_that_was_whole_pieces_of_it(
    monkeypatch: pytest.MonkeyPatch, kind: Kind, piece: int
) -> None:
    monkeypatch.setattr(feed_files, "PIECE", piece)
    desk = Desk("feed")
    desk.agency(2, receives=False)
    files = desk.files()
    (day,) = await files.days("gjf")
    (file,) = await files.look("gjf", day, [kind])
    assert "untold" not in desk.thread(), "looking gives nothing"

    async def still() -> None:
        pass

    given = b"".join([each async for each in files.give("gjf", file, 0, file.size, still)])
    assert (given, file.lines) == (head_of(kind), 0)
    assert desk.thread()["untold"]
    desk.agency(3)
    desk.resync()
    desk.pull("gjf", day.last)
    assert holding(desk.partners["gjf"]) == HELD


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
async def test_what_was_left_out_of_a_day_that_is_over_by_whoever_knows_it_by_its_hash(kind: Kind) -> None:
    """Who has the file already fetches it no more: what is allowed again comes with a line of its own day."""
    desk = Desk("feed")
    desk.hear(desk.event("person-updated", person_of("a", ("gjf",), until=desk.now.date()), "a", 2))
    desk.now += timedelta(days=1)
    files = desk.files()
    today, day = await files.days("gjf")
    assert (today.closed, day.closed) == (False, True)
    (file,) = await files.look("gjf", day, [kind])
    assert (file.lines, desk.thread()["untold"]) == (0, True)
    await files.arrived("gjf", file)
    desk.hear(desk.event("person-updated", person_of("a", ("gjf",)), "a", 3))
    (again,) = await files.look("gjf", day, [kind])
    assert again.sha256 == file.sha256, "a day that is over gets no line more"
    desk.pull("gjf", day.last)
    assert holding(desk.partners["gjf"]) == HELD


async def test_what_was_given_of_a_day_that_is_over_is_not_recalled_because_somebody_looked_at_it_meanwhile() -> None:
    """Its line has gone from the file, which has another hash: who fetches that is told anew, nobody else."""
    desk = Desk("feed")
    desk.pull("gjf")
    desk.hear(desk.event("person-updated", person_of("a", ("gjf",), until=desk.now.date()), "a", 2))
    desk.now += timedelta(days=1)
    files = desk.files()
    _, day = await files.days("gjf")
    (file,) = await files.look("gjf", day, ["jsonl"])
    assert (file.lines, desk.thread().get("untold")) == (0, None)


@pytest.mark.parametrize("how", ["feed", "snapshot", "webhook"])
def test_whoever_leaves_something_untold_meets_whoever_allows_it_at_this_moment(how: str) -> None:
    desk = Desk("webhook" if how == "webhook" else "feed")
    if how == "snapshot":
        desk.pull("gjf")
    claimed: list[Any] = [desk.claim(each["_id"]) for each in desk.due()]
    desk.hear(desk.event("floor-raised", FORBIDDEN, hexid("person", "a"), 2))
    written, perform = list[bool](), desk.store.submit_now

    def watched(operation: Operation[Any]) -> Any:
        def do(work: UnitOfWork) -> Any:
            result = operation.do(work)
            written.append(work.writes(PEOPLE.name, hexid("person", "a")))
            return result

        return perform(Operation(operation.needs, do))

    desk.store.submit_now = watched  # type: ignore[method-assign]  # looks at what is written
    if how == "feed":
        desk.pull("gjf")
    elif how == "snapshot":
        desk.snapshot()
    for each in claimed:
        desk.perform(desk.transitions.drop(each, "consent-ended"))
    assert (written[0], desk.thread()["untold"]) == (True, True)


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


def test_what_was_taken_back_is_not_given_again_by_whoever_reads_from_the_start() -> None:
    """Nor does a line come back to the file of a day that is over: both read the same."""
    desk = Desk("feed")
    first, cursor = desk.pull("gjf")
    desk.pull("gjf", cursor)  # it has arrived
    for sequence, consents in enumerate(((), ("gjf",)), 2):
        desk.hear(desk.event("person-updated", person_of("a", consents), "a", sequence))
    again, _ = desk.pull("gjf")
    assert [event["type"] for event in again] == ["recall", "notice", "notice"]
    assert holding(again) == holding(first) == HELD
    assert {event["id"] for event in again}.isdisjoint(event["id"] for event in first)
