"""The feed as server-sent events: the same entries and cursors, pushed over a connection that the partner opened.

The wire format is FastAPI's own (`fastapi.sse`), so there is no further package. Every event has an id, which is the
place behind it also within a page, although that is sorted by alias and not by position (`domain/feed_place.py`): a
reader that is cut off wherever it may be goes on behind the last event that it has. That the id comes back is also what
proves that events arrived, so a stream ends after some minutes and its reader comes back with it. One page at a time is
in memory, and the next is read only when the socket has taken it; a reader that takes nothing is cut off by the edge
(``IEUM_UNREAD_SECONDS``).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

from fastapi.sse import format_sse_event
from starlette.responses import StreamingResponse

from services.notifications.channels.feed_reader import FeedReader
from services.notifications.domain.feed_place import Place
from shared.kit.web.problems import Problem

HEARTBEAT_SECONDS = 15.0
RETRY_MILLISECONDS = 1_000
PAGE = 100


class EventStream(StreamingResponse):
    """The answer. Not FastAPI's `EventSourceResponse`, which takes its events from the endpoint itself: whether the
    caller has a feed, and what its cursor means, is to be answered before a stream begins."""

    media_type = "text/event-stream"


class FeedStream:
    """Any number of streams over one reader; all are woken as long polls are."""

    def __init__(self, reader: FeedReader, stopping: asyncio.Event) -> None:
        self._reader = reader
        self._stopping = stopping

    async def events(
        self,
        recipient: str,
        start: Place,
        seconds: float,
        still: Callable[[], Awaitable[object]],
        subscribed: Callable[[], Awaitable[object]],
    ) -> AsyncIterator[bytes]:
        """From a place on, for so long. What comes before it has arrived. ``still`` is asked before every page and
        after every wait, ``subscribed`` before every page and heartbeat; once one of them raises the stream ends."""
        clock = asyncio.get_running_loop().time
        end, place = clock() + seconds, start
        arrived = await self._reader.arrived(recipient, start)
        yield format_sse_event(comment="open", retry=RETRY_MILLISECONDS)
        try:
            while (left := end - clock()) > 0 and not self._stopping.is_set():
                await still()
                await subscribed()
                wait = min(left, HEARTBEAT_SECONDS)
                found = await self._reader.following(recipient, place, PAGE, wait, still, arrived)
                place, arrived = found.end, ()
                for event, behind in found.events:
                    yield format_sse_event(
                        data_str=json.dumps(event, separators=(",", ":")),
                        event=event["type"],
                        id=self._reader.cursor(recipient, behind),
                    )
                if not found.events:
                    yield format_sse_event(comment="")
        except Problem:  # its key, or its subscription, is gone: the answer is under way, it can only end
            return
