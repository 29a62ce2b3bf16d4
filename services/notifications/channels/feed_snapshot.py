"""Everything that a recipient is to hold now, for a reader that begins or has lost its data; then come the changes.

A snapshot goes by pages in the order of the recipient's own aliases. The position of the feed is read before the first
page and stands in every token, so what changes while the pages are read comes again in the feed after it: nothing is
missed, and versions say what is newer. Whoever has read it to its end drops what it held before: an ending that was
waiting in the feed is told by what is not in the snapshot. Recalls that nobody has acknowledged are in it, too.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.notifications.channels.feed_cursors import UnknownCursor
from services.notifications.channels.feed_reader import FeedReader, feed_of, given
from services.notifications.delivery.notice_content import Messages
from services.notifications.delivery_queues import Queues, mark_untold, recalls_of
from services.notifications.documents import (
    AGENCIES,
    DELIVERIES,
    FLOORS,
    PEOPLE,
    POSTED,
    SUBSCRIPTIONS,
    THREADS,
    ThreadDocument,
)
from services.notifications.domain.feed_place import Place
from services.notifications.domain.notice_threads import MatchSummary
from services.notifications.domain.permission import alias_to_tell
from services.notifications.mappers import agency_receives, subject_of
from services.notifications.repository import Repository
from shared.access.prohibition_floors import the_floors
from shared.kit.base.ids import Ids
from shared.kit.base.sealing import SealBroken, Sealer
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import Need, UnitOfWork

MOST_THREADS = 50  # in one page
MOST_ENTRIES = 500  # that they hold and that wait under them: who has not read for long has any number of these
_LABEL = "feed-snapshot"


@dataclass(frozen=True, slots=True)
class SnapshotPage:
    """``next``: the token of the next page; None on the last, and then ``cursor`` is where the changes begin."""

    events: list[dict[str, Any]]
    next: str | None
    cursor: str | None


class FeedSnapshot:
    """Reads snapshots. What is given counts as served, and as arrived once the cursor comes back."""

    def __init__(
        self,
        reader: FeedReader,
        store: Store,
        repository: Repository,
        queues: Queues,
        messages: Messages,
        ids: Ids,
        sealer: Sealer,
        today: Callable[[datetime], date],
    ) -> None:
        self._reader = reader
        self._store = store
        self._repository = repository
        self._queues = queues
        self._messages = messages
        self._ids = ids
        self._sealer = sealer
        self._today = today

    async def page(self, recipient: str, token: str | None) -> SnapshotPage:
        """The first page, or the one that a token leads to. Raises UnknownCursor."""
        if token is None:
            position, after = await self._repository.feed_position(recipient), ""
        else:
            position, after = self._opened(token, recipient)
        threads = await self._repository.threads_by_alias(recipient, after, MOST_THREADS)
        some, entries = _of_a_page(threads)
        once = list({each["_id"]: each for each in some}.values())  # a read may come by one twice (decision 71)
        async with self._reader.turn(recipient, entries):
            events = await self._store.submit(self.serve(recipient, once)) if once else []
        if len(some) == len(threads) < MOST_THREADS:
            behind = Place(await self._behind(recipient, position))
            return SnapshotPage(events, None, self._reader.cursor(recipient, behind))
        return SnapshotPage(events, self._sealed(position, some[-1]["alias"], recipient), None)

    async def _behind(self, recipient: str, position: int) -> int:
        """Where the feed goes on: where it was when the snapshot began, or before a recall that no page had room for,
        because its person was given another alias between two of them, out of the order of the pages."""
        first = await self._repository.first_recall_not_given(recipient, position)
        return position if first is None else first - 1

    def serve(self, recipient: str, threads: Sequence[ThreadDocument]) -> Operation[list[dict[str, Any]]]:
        """One page in one transaction: what it gives counts as told."""

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield AGENCIES.by_id(recipient)
            yield SUBSCRIPTIONS.where("agency", recipient)
            for thread in threads:
                yield THREADS.by_id(thread["_id"])
                yield PEOPLE.by_id(thread["person"])
                yield the_floors(thread["person"])
            feed = feed_of(work, recipient)
            for thread in threads:
                found = THREADS.get(work, thread["_id"])
                for entry in found["queues"].get(feed, ()) if found else ():
                    yield DELIVERIES.by_id(entry["delivery"])
                if found is None:
                    continue
                doubted = [d for d in self._queues.recalls(work, found, feed) if d.get("if_sent")]
                for recall in doubted:
                    yield from self._queues.needs_of_recall(recall)
                if doubted or any(each["if_sent"] for each in recalls_of(found)):
                    yield from self._queues.needs(found)

        def do(work: UnitOfWork) -> list[dict[str, Any]]:
            feed, events = feed_of(work, recipient), list[dict[str, Any]]()
            for each in threads:
                thread = THREADS.get(work, each["_id"])
                if thread is not None:
                    events += self._told(work, thread, feed)
            return events

        return Operation(needs, do)

    def _told(self, work: UnitOfWork, thread: ThreadDocument, feed: str) -> list[dict[str, Any]]:
        self._end_needless(work, thread, feed)
        recipient, events = thread["recipient"], list[dict[str, Any]]()
        for recall in recalls_of(thread):
            if recall["taken"]:
                continue
            notice = self._notice(recipient, recall["alias"], recall["version"])
            events.append(self._messages.recall(notice, recall["alias"], recall["version"], recall["month"]))
        allowed = self._allowed(work, thread)
        by_feed = {o: h for o, h in thread["held"].items() if feed in h["sent_via"]}
        held = by_feed if allowed else {}
        for opportunity in sorted(held, key=lambda each: self._ids.derived("order", recipient, thread["_id"], each)):
            told, alias = held[opportunity], thread["alias"]
            summary = MatchSummary(opportunity, told["kind"], told["band"])
            notice = self._notice(recipient, alias, told["version"])
            events.append(self._messages.notice(notice, alias, told["version"], told["month"], summary, "proposed"))
        if held and not thread["recall_required"]:
            thread["recall_required"] = True
            THREADS.save(work, thread)
        if by_feed and not allowed and mark_untold(work, thread):  # as where the feed passes something over
            THREADS.save(work, thread)
        for entry in thread["queues"].get(feed, ()):
            waiting = DELIVERIES.get(work, entry["delivery"])
            if waiting is not None and waiting["state"] == POSTED and (allowed or waiting["about"] == "recall"):
                given(work, waiting)
        return events

    def _end_needless(self, work: UnitOfWork, thread: ThreadDocument, feed: str) -> None:
        """What was never told is not recalled, as where the feed is read."""
        ended = self._queues.end_let_go(work, thread)
        for recall in self._queues.recalls(work, thread, feed):
            if recall["state"] == POSTED:
                ended |= self._queues.end_needless(work, thread, recall)
        if ended:
            THREADS.save(work, thread)

    def _allowed(self, work: UnitOfWork, thread: ThreadDocument) -> bool:
        subject = subject_of(PEOPLE.get(work, thread["person"]), FLOORS.get(work, thread["person"]))
        alias = alias_to_tell(subject, thread["recipient"], self._today(work.latest))
        return agency_receives(AGENCIES.get(work, thread["recipient"])) and alias == thread["alias"]

    def _notice(self, recipient: str, alias: str, version: int) -> str:
        return self._ids.derived("notice", recipient, alias, version)

    def _sealed(self, position: int, alias: str, recipient: str) -> str:
        sealed = self._sealer.seal(position.to_bytes(8) + alias.encode(), _LABEL, recipient)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def _opened(self, token: str, recipient: str) -> tuple[int, str]:
        try:
            sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            opened = self._sealer.open(sealed, _LABEL, recipient)
            return int.from_bytes(opened[:8]), opened[8:].decode()
        except (SealBroken, binascii.Error, ValueError):
            raise UnknownCursor from None


def _of_a_page(threads: Sequence[ThreadDocument]) -> tuple[Sequence[ThreadDocument], int]:
    """Those that have room in one page, at least one, and how many entries are looked at for them."""
    entries = 0
    for count, thread in enumerate(threads):
        more = 1 + len(thread["held"]) + sum(map(len, thread["queues"].values()))
        if count and entries + more > MOST_ENTRIES:
            return threads[:count], entries
        entries += more
    return threads, entries
