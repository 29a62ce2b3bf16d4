"""How a feed is read: by pages and cursors; what is no longer allowed is passed over. How it is kept: feed.py."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence, Set
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from services.notifications import metrics
from services.notifications.channels.feed import Feed
from services.notifications.channels.feed_admission import FeedAdmission
from services.notifications.channels.feed_cursors import FeedCursors
from services.notifications.channels.feed_watch import FeedWatch
from services.notifications.delivery.notice_content import Messages
from services.notifications.delivery_queues import Queues, leave_untold, mark_tried
from services.notifications.documents import (
    AGENCIES,
    DELIVERED,
    DELIVERIES,
    FEED,
    FLOORS,
    PEOPLE,
    POSTED,
    SERVED,
    SUBSCRIPTIONS,
    THREADS,
    DeliveryDocument,
    DeliveryReference,
)
from services.notifications.domain.feed_place import Place
from services.notifications.domain.permission import alias_to_tell
from services.notifications.mappers import agency_receives, subject_of
from services.notifications.repository import Repository
from shared.access.prohibition_floors import the_floors
from shared.kit.base.sealing import Sealer
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.web.problems import unavailable

MOST_AT_ONCE = 200
MOST_IN_PAGE = 500
LAST = "last"  # in place of a cursor: where the reader is by our own book
_GIVEN = frozenset({POSTED, SERVED, DELIVERED})  # states of what a reader is given, for the first time or again
MOST_PAGES = 20  # of passed-over entries, before an empty answer with a new cursor is given


class _NotYetVisible(Exception):
    """An entry that was read is not in the transaction's view of the database: read again, never pass it over."""


@dataclass(frozen=True, slots=True)
class ServedPage:
    """What one call of the partner gives. ``until``: the cursor stops there, because what comes next is in doubt; what
    was recalled behind it is given all the same, and once more when the cursor gets there. ``given``: alias and
    position of each event; ``more``: others were left, because so many were not wanted."""

    events: list[dict[str, Any]]
    until: int | None = None
    given: Sequence[tuple[str, int]] = ()
    more: bool = False


@dataclass(frozen=True, slots=True)
class Stretch:
    """Of a feed, what was given at once: each event with the place behind it, and the place behind all."""

    events: Sequence[tuple[dict[str, Any], Place]]
    end: Place


@dataclass(frozen=True, slots=True)
class Page:
    """``events`` are structured CloudEvents; ``cursor`` goes into the next pull and proves that these arrived.
    ``etag``: the same for the same events and place, although the sealed cursor is another one each time."""

    events: list[dict[str, Any]]
    cursor: str
    etag: str


def feed_of(work: UnitOfWork, recipient: str) -> str:
    """The recipient's feed as it is subscribed to now; empty without one."""
    found = SUBSCRIPTIONS.find(work, "agency", recipient)
    return next((each["_id"] for each in found if each["channel"] == FEED and each["state"] == "active"), "")


def given(work: UnitOfWork, delivery: DeliveryDocument) -> None:
    """An entry leaves us, for the first time or again."""
    if delivery["state"] == POSTED:
        delivery.update({"state": SERVED, "attempts": 1, "possibly_sent": True})
        mark_tried(delivery)
        DELIVERIES.save(work, delivery)
        thread = THREADS.get(work, delivery["thread"])
        if thread is not None and delivery["about"] == "notice":
            thread["recall_required"] = True
            THREADS.save(work, thread)
        if delivery["cause"]["recordedtime"] is not None:
            seconds = max(0.0, (work.now - delivery["cause"]["recordedtime"]).total_seconds())
            work.after_commit(lambda: metrics.event_to_partner_seconds.of(channel=FEED).observe(seconds))


class FeedReader:
    """Reads feeds. Delivery is at least once: an old cursor gives the same entries again, with the same ids."""

    def __init__(
        self,
        feed: Feed,
        store: Store,
        repository: Repository,
        queues: Queues,
        messages: Messages,
        sealer: Sealer,
        today: Callable[[datetime], date],
        stopping: asyncio.Event,
    ) -> None:
        self._feed = feed
        self._store = store
        self._repository = repository
        self._queues = queues
        self._messages = messages
        self._cursors = FeedCursors(sealer)
        self._today = today
        self._admission = FeedAdmission()
        self._watch = FeedWatch(repository, stopping)

    async def read(
        self,
        recipient: str,
        after: str | None,
        limit: int,
        wait: float,
        still: Callable[[], Awaitable[object]],
    ) -> Page:
        """The entries after a cursor (None: from the start; `LAST`: from the reader's place here), waiting up to
        ``wait`` seconds for one. What comes before the cursor has arrived. ``still`` is asked after each wait, and
        raises when the key that asked opens nothing any more. Raises UnknownCursor."""
        start = await self.place(recipient, after)
        found = await self.following(recipient, start, limit, wait, still, await self.arrived(recipient, start))
        events = [event for event, _ in found.events]
        places = (place.to_bytes().hex() for place in (start, found.end))
        seen = "/".join((recipient, *places, *(event["id"] for event in events)))
        return Page(events, self.cursor(recipient, found.end), f'W/"{sha256(seen.encode()).hexdigest()[:32]}"')

    async def following(
        self,
        recipient: str,
        place: Place,
        limit: int,
        wait: float,
        still: Callable[[], Awaitable[object]],
        arrived: Sequence[DeliveryReference] = (),
    ) -> Stretch:
        """The entries after a place; as `read`, but nothing is taken to have arrived except ``arrived``."""
        end = asyncio.get_running_loop().time() + wait
        with self._feed.waiting(recipient) as woken:
            while True:
                woken.clear()
                found = await self._page(recipient, place, limit, arrived)
                place, arrived = found.end, ()
                if found.events or not await self._watch.something_new(recipient, place, woken, end, still):
                    return found

    async def place(self, recipient: str, after: str | None) -> Place:
        """What a cursor means. The reader's place (`LAST`) is before the first entry that is not known to have arrived:
        it moves when a cursor comes back and when entries are acknowledged, and is written nowhere else. Raises
        UnknownCursor."""
        if after is None:
            return Place(0)
        if after != LAST:
            return self._cursors.opened(after, recipient)
        end = await self._repository.feed_position(recipient)  # first: what is written meanwhile is not passed over
        first = await self._repository.first_unread(recipient)
        return Place(end if first is None else first - 1)

    def cursor(self, recipient: str, place: Place) -> str:
        """A place, for the reader to give back."""
        return self._cursors.sealed(place, recipient)

    async def _page(self, recipient: str, place: Place, limit: int, arrived: Sequence[DeliveryReference]) -> Stretch:
        for _ in range(MOST_PAGES):
            entries = await self._entries(recipient, place, limit)
            left = [each for each in entries if place.is_before(each["alias"], each["position"])]
            if not left and not arrived:
                if place.until is None:
                    break
                place = Place(place.until)
                continue
            try:
                async with self._admission.admit(recipient, len(arrived) + len(left)):
                    served = await self._store.submit(self.serve(recipient, arrived, left, limit))
            except _NotYetVisible:
                await asyncio.sleep(0.05)
                continue
            arrived, found = (), _stretch(place, entries, served)
            if found.events or served.until is not None or (not entries and place.until is None):
                return found
            place = found.end
        return Stretch((), place)

    async def _entries(self, recipient: str, place: Place, limit: int) -> list[DeliveryDocument]:
        """Those of the page within which the place is, or of the one behind it. A page is read whole, for it is in no
        order in which some of it could be read."""
        if place.until is None:
            return await self._repository.feed_after(recipient, place.position, limit)
        return await self._repository.feed_after(recipient, place.position, MOST_IN_PAGE, place.until)

    def serve(
        self,
        recipient: str,
        arrived: Sequence[DeliveryReference],
        entries: Sequence[DeliveryDocument],
        limit: int | None = None,
    ) -> Operation[ServedPage]:
        """One call of the partner in one transaction: what it has is delivered, what comes next is served, at most
        ``limit`` of it."""
        confirmed, served = self._confirmed(arrived), self._served(recipient, entries, limit)

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield from confirmed.needs(work)
            yield from served.needs(work)

        def do(work: UnitOfWork) -> ServedPage:
            confirmed.do(work)
            return served.do(work)

        return Operation(needs, do)

    def looked_at(
        self, recipient: str, entries: Sequence[DeliveryDocument], *, passed: bool = False
    ) -> Operation[ServedPage]:
        """What `serve` would give now; nothing counts as given. ``passed``: nobody comes back for what was never given
        and is left out. Whoever was given it sees that it has gone."""
        return self._served(recipient, entries, give=False, passed=passed)

    def turn(self, recipient: str, entries: int) -> AbstractAsyncContextManager[None]:
        """To look at so many entries in a transaction that others share."""
        return self._admission.admit(recipient, entries)

    async def visible(self, recipient: str, operation: Operation[ServedPage], entries: int) -> ServedPage:
        """Done once the transaction's view has all that was read before it, so many ``entries``. Raises a 503
        problem."""
        for _ in range(MOST_PAGES):
            try:
                async with self._admission.admit(recipient, entries):
                    return await self._store.submit(operation)
            except _NotYetVisible:
                await asyncio.sleep(0.05)
        raise unavailable()

    async def confirm(self, recipient: str, first: int, last: int) -> None:
        """What was given of these positions has arrived."""
        for _ in range(0, last - first + 1, MOST_AT_ONCE):
            served = await self._repository.served_until(recipient, last, MOST_AT_ONCE, first)
            if not served:
                return
            await self._confirm(recipient, served)

    def _served(
        self,
        recipient: str,
        entries: Sequence[DeliveryDocument],
        limit: int | None = None,
        *,
        give: bool = True,
        passed: bool = True,
    ) -> Operation[ServedPage]:
        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield AGENCIES.by_id(recipient)
            yield SUBSCRIPTIONS.where("agency", recipient)
            for entry in entries:
                yield DELIVERIES.by_id(entry["_id"])
                yield PEOPLE.by_id(entry["person"])
                yield the_floors(entry["person"])
                yield THREADS.by_id(entry["thread"])
                if entry["state"] == POSTED and entry.get("if_sent"):
                    yield from self._queues.needs_of_recall(entry)
                    yield from self._queues.needs(THREADS.get(work, entry["thread"]))

        def do(work: UnitOfWork) -> ServedPage:
            found = [d for entry in entries if (d := DELIVERIES.get(work, entry["_id"])) is not None]
            if len(found) < len(entries):
                raise _NotYetVisible
            feed = feed_of(work, recipient)  # what another one was told that has ended since, it may not hold
            found = [each for each in found if each["subscription"] == feed]
            if passed:
                found = [self._unless_needless(work, each) for each in found]
            doubted = next((n for n, d in enumerate(found) if self._in_doubt(work, d)), len(found))
            given = [d for d in found[:doubted] if self._may_be_given(work, d, work.latest)]
            if passed and len(given) < doubted:
                behind = [d for d in found[:doubted] if give or d["state"] == POSTED]
                self._leave_untold(work, behind, {d["_id"] for d in given})
            given += [
                d
                for d in found[doubted:]
                if d["about"] == "recall" and d["state"] == POSTED and self._may_be_given(work, d, work.latest)
            ]
            until = found[doubted]["position"] - 1 if doubted < len(found) else None
            # by alias, and in order under it: the order of what happened would be the same for two partners
            given.sort(key=lambda d: (d["alias"], d["position"]))
            some = given[:limit]
            events = [self._given(work, d) if give else self._messages.of(d) for d in some]
            return ServedPage(events, until, [(d["alias"], d["position"]) for d in some], len(some) < len(given))

        return Operation(needs, do)

    def _unless_needless(self, work: UnitOfWork, delivery: DeliveryDocument) -> DeliveryDocument:
        """As it is then: a recall of what never left ends instead of being given, for a cursor passes it."""
        thread = THREADS.get(work, delivery["thread"]) if delivery["state"] == POSTED else None
        if thread is None or not self._queues.end_needless(work, thread, delivery):
            return delivery
        THREADS.save(work, thread)
        return DELIVERIES.get(work, delivery["_id"]) or delivery

    @staticmethod
    def _leave_untold(work: UnitOfWork, passed: Sequence[DeliveryDocument], given: Set[str]) -> None:
        """A cursor passes these; what is not given is forbidden now and may not be tomorrow."""
        for delivery in passed:
            if delivery["state"] not in _GIVEN or delivery["_id"] in given:
                continue
            thread = THREADS.get(work, delivery["thread"])
            if thread is not None and leave_untold(work, thread, delivery):
                THREADS.save(work, thread)

    def _in_doubt(self, work: UnitOfWork, delivery: DeliveryDocument) -> bool:
        """Two clocks differ, and only by the earlier one it might be given: the cursor does not pass it."""
        return self._may_be_given(work, delivery, work.earliest) and not self._may_be_given(work, delivery, work.latest)

    def _may_be_given(self, work: UnitOfWork, delivery: DeliveryDocument, now: datetime) -> bool:
        if delivery["state"] not in _GIVEN:
            return False
        if delivery["about"] == "recall":
            return delivery["state"] != POSTED or not self._queues.is_needless(work, delivery)
        subject = subject_of(PEOPLE.get(work, delivery["person"]), FLOORS.get(work, delivery["person"]))
        alias = alias_to_tell(subject, delivery["recipient"], self._today(now))
        may_be_told = agency_receives(AGENCIES.get(work, delivery["recipient"])) and alias == delivery["alias"]
        return may_be_told and not self._taken_back(work, delivery)

    @staticmethod
    def _taken_back(work: UnitOfWork, delivery: DeliveryDocument) -> bool:
        """A recall was said since. What is allowed again is told anew behind it: no line comes back to a day that is
        over, and nobody is given again what they were told to forget."""
        thread = THREADS.get(work, delivery["thread"])
        recall = None if thread is None else thread["recall"]
        return recall is not None and recall["alias"] == delivery["alias"] and delivery["version"] < recall["version"]

    def _given(self, work: UnitOfWork, delivery: DeliveryDocument) -> dict[str, Any]:
        given(work, delivery)
        return self._messages.of(delivery)

    async def arrived(self, recipient: str, place: Place) -> Sequence[DeliveryReference]:
        """A cursor that comes back shows that everything up to it has arrived. Marks it, but for the last few."""
        within = [] if place.until is None else await self._entries(recipient, place, MOST_IN_PAGE)
        given = [d for d in within if d["state"] == SERVED and not place.is_before(d["alias"], d["position"])]
        for start in range(0, len(given), MOST_AT_ONCE):
            await self._confirm(recipient, given[start : start + MOST_AT_ONCE])
        for _ in range(MOST_PAGES):
            served = await self._repository.served_until(recipient, place.position, MOST_AT_ONCE)
            if len(served) < MOST_AT_ONCE:
                return served
            await self._confirm(recipient, served)
        return ()

    async def _confirm(self, recipient: str, entries: Sequence[DeliveryReference]) -> None:
        async with self._admission.admit(recipient, len(entries)):
            await self._store.submit(self._confirmed(entries))

    def _confirmed(self, entries: Sequence[DeliveryReference]) -> Operation[None]:
        def needs(work: UnitOfWork) -> Iterator[Need]:
            for entry in entries:
                yield DELIVERIES.by_id(entry["_id"])
                yield THREADS.by_id(entry["thread"])
                yield from self._queues.needs(THREADS.get(work, entry["thread"]), entry["opportunity"])

        def do(work: UnitOfWork) -> None:
            for entry in entries:
                delivery, thread = DELIVERIES.get(work, entry["_id"]), THREADS.get(work, entry["thread"])
                if delivery is not None and thread is not None and delivery["state"] == SERVED:
                    self._queues.delivered(work, thread, delivery)
                    THREADS.save(work, thread)

        return Operation(needs, do)


def _stretch(start: Place, entries: Sequence[DeliveryDocument], served: ServedPage) -> Stretch:
    """What was served of the page that begins here, with the place behind each. Behind the last one it is the page's
    end; what comes after what is in doubt (``until``) is given anew from there."""
    last = entries[-1]["position"] if entries else start.position
    end = served.until if served.until is not None else last if start.until is None else start.until
    places = [start.within(end, *each) for each in served.given]
    if not served.more:
        places[-1:] = [Place(end)] if places else []
    behind = places[-1] if places else Place(end)
    return Stretch(list(zip(served.events, places, strict=True)), behind)
