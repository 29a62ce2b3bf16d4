"""The feed as files, one for each day, for partners who can only fetch files: JSON Lines or CSV.

A file is the stretch of the feed that one day was given (domain/feed_days.py), so it is subscribed to as the feed, and
no entry comes to a day that is over. It is read twice, a piece at a time: first for its length and hash, without giving
anything, then for the lines themselves. Permission is decided at both times, in the transaction that reads: what is
not allowed any more is left out, also of a day that is over. When a piece is another one the second time, the answer is
cut off behind the pieces before it, and the partner fetches again. Pieces are cut by position, so what one of them
lacks moves nothing in the others. One piece is in memory at a time, beside 60 bytes for each that a file has.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from hashlib import sha256
from typing import Any

from services.notifications.acknowledgements import Deliveries
from services.notifications.channels.feed_reader import FeedReader, ServedPage
from services.notifications.documents import DROPPED, RECIPIENTS, DeliveryDocument
from services.notifications.domain.feed_days import Stretch, begun, day_of, shown
from services.notifications.domain.feed_file_format import TAKES_BACK, Kind, head_of, lines_of
from services.notifications.domain.notice_envelope import with_attribute
from services.notifications.mappers import day_entries, days_of
from services.notifications.repository import Repository
from shared.kit.base.ids import Ids
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import UnitOfWork
from shared.kit.web.middleware import CannotGoOn
from shared.kit.web.problems import unavailable

PIECE = 200  # positions
MOST_DAYS_NAMED = 20  # by a recall
LOOKED_BACK = 20  # versions before a recall


class FileChanged(CannotGoOn):
    """A line may not be told any more since the file's hash was said: the answer cannot go on."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Of a file: the positions that it comes from (none: what stands before the first line), its length and hash."""

    first: int
    last: int
    size: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class FileSeen:
    """A file as it would be given now. ``sha256`` is over all its bytes, and its strong ETag."""

    stretch: Stretch
    kind: Kind
    sha256: str
    size: int
    lines: int
    pieces: tuple[Piece, ...]


class FeedFiles:
    """Reads files. One file of an agency is looked at at a time."""

    def __init__(
        self,
        reader: FeedReader,
        store: Store,
        repository: Repository,
        acknowledgements: Deliveries,
        ids: Ids,
        today: Callable[[datetime], date],
    ) -> None:
        self._reader = reader
        self._store = store
        self._repository = repository
        self._acknowledgements = acknowledgements
        self._ids = ids
        self._today = today
        self._turn: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def days(self, recipient: str) -> list[Stretch]:
        """Every day that has a file, newest first. A day that is over by both clocks is closed by this look."""

        def do(work: UnitOfWork) -> list[Stretch]:
            counter = RECIPIENTS.get(work, recipient) or {"_id": recipient, "position": 0}
            before = days_of(counter)
            days = begun(before, self._today(work.earliest), counter["position"] + 1)
            if days is not before:
                counter["days"] = day_entries(days)
                RECIPIENTS.save(work, counter)
            return shown(days, counter["position"])

        return await self._store.submit(Operation(lambda work: [RECIPIENTS.by_id(recipient)], do))

    async def look(self, recipient: str, stretch: Stretch, kinds: Sequence[Kind]) -> list[FileSeen]:
        """A day's file in each of these forms. Gives nothing. Of a day that is over this passes by what is left out: by
        its hash a partner knows that it has all of it, and no line may come to it any more. Raises a 503 problem while
        two clocks differ about it."""
        read = partial(self._reader.looked_at, passed=stretch.closed)
        hashes, pieces, lines = {kind: sha256() for kind in kinds}, {kind: list[Piece]() for kind in kinds}, 0
        async with self._turn[recipient]:
            for kind in kinds:
                if head := head_of(kind):
                    _add(hashes[kind], pieces[kind], 0, -1, head)
            for first in range(stretch.first, stretch.last + 1, PIECE):
                last = min(first + PIECE - 1, stretch.last)
                events = await self._events(recipient, first, last, read)
                lines += len(events)
                for kind in kinds:
                    _add(hashes[kind], pieces[kind], first, last, lines_of(kind, events))
        return [
            FileSeen(
                stretch,
                kind,
                hashes[kind].hexdigest(),
                sum(piece.size for piece in pieces[kind]),
                lines,
                tuple(pieces[kind]),
            )
            for kind in kinds
        ]

    async def give(
        self, recipient: str, file: FileSeen, begin: int, end: int, still: Callable[[], Awaitable[object]]
    ) -> AsyncIterator[bytes]:
        """The bytes from ``begin`` to before ``end``; what is in them counts as given, what is left out of them, also
        where that is a whole piece, as passed over. ``still`` is asked before every piece, and raises when the key that
        asked opens nothing any more. Raises FileChanged."""
        at = 0
        for piece in file.pieces:
            if (at < end and at + piece.size > begin) or (not piece.size and begin <= at <= end):
                await still()
                data = await self._bytes(recipient, file.kind, piece)
                if data:
                    yield data[max(0, begin - at) : end - at]
            at += piece.size

    async def arrived(self, recipient: str, file: FileSeen) -> None:
        """The partner came back with the file's hash: it has all of it."""
        await self._reader.confirm(recipient, file.stretch.first, file.stretch.last)

    async def acknowledge(self, recipient: str, file: FileSeen) -> bool:
        """The partner says that it has dealt with everything in a file, recalls included. May be said again. False when
        some of it was never given."""
        known = True
        for piece in file.pieces:
            if piece.last < piece.first:
                continue
            events = await self._events(recipient, piece.first, piece.last, self._reader.looked_at)
            notices = [event["id"] for event in events]
            known &= len(await self._acknowledgements.acknowledge(recipient, notices)) == len(notices)
        return known

    async def _bytes(self, recipient: str, kind: Kind, piece: Piece) -> bytes:
        if piece.last < piece.first:
            return head_of(kind)
        data = lines_of(kind, await self._events(recipient, piece.first, piece.last, self._given))
        if sha256(data).digest() != piece.digest:
            raise FileChanged
        return data

    def _given(self, recipient: str, entries: Sequence[DeliveryDocument]) -> Operation[ServedPage]:
        return self._reader.serve(recipient, (), entries)

    async def _events(
        self,
        recipient: str,
        first: int,
        last: int,
        read: Callable[[str, Sequence[DeliveryDocument]], Operation[ServedPage]],
    ) -> list[dict[str, Any]]:
        entries = await self._repository.feed_after(recipient, first - 1, last - first + 1)
        entries = [entry for entry in entries if entry["position"] <= last]  # there are gaps: ended and let go of
        if not entries:
            return []
        page = await self._reader.visible(recipient, read(recipient, entries), len(entries))
        if page.until is not None:
            raise unavailable()
        return await self._naming_days(recipient, page.events)

    async def _naming_days(self, recipient: str, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Recalls with the days whose files hold something that they take back."""
        recalls = [event for event in events if event["type"] == "recall"]
        if not recalls:
            return events
        covered = {
            self._ids.derived("notice", recipient, event["data"]["alias"], version): event["id"]
            for event in recalls
            for version in range(max(1, event["data"]["version"] - LOOKED_BACK), event["data"]["version"])
        }
        days, named = days_of(await self._repository.recipient(recipient)), defaultdict[str, set[str]](set)
        notices = sorted(covered)
        for begin in range(0, len(notices), 500):
            for told in await self._repository.by_notices(recipient, notices[begin : begin + 500]):
                given = "position" in told and (told["state"] != DROPPED or told["possibly_sent"])
                day = day_of(days, told["position"]) if given else None
                if day is not None:
                    named[covered[told["notice"]]].add(day.isoformat())
        return [
            with_attribute(event, TAKES_BACK, " ".join(sorted(named[event["id"]])[-MOST_DAYS_NAMED:]))
            if event["id"] in named
            else event
            for event in events
        ]


def _add(hashed: Any, pieces: list[Piece], first: int, last: int, data: bytes) -> None:
    hashed.update(data)
    pieces.append(Piece(first, last, len(data), sha256(data).digest()))
