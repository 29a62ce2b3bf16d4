"""HTTP routes of the feed: parse, call, return."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field
from starlette.requests import ClientDisconnect

from services.notifications.channels.feed_cursors import UnknownCursor
from services.notifications.channels.feed_files import FeedFiles
from services.notifications.channels.feed_reader import MOST_IN_PAGE, FeedReader
from services.notifications.channels.feed_snapshot import FeedSnapshot
from services.notifications.channels.feed_stream import EventStream, FeedStream
from services.notifications.documents import FEED
from services.notifications.repository import Repository
from services.notifications.schemas import Schema
from shared.access.api_keys import Caller, Calling
from shared.kit.web.endpoints import Endpoints
from shared.kit.web.middleware import CLIENT_GONE, Reading
from shared.kit.web.problems import Problem, errors
from shared.kit.web.route_bounds import Bounds, Router, bounded

LONGEST_WAIT = 55  # under the 60 s after which most proxies give up
LONGEST_STREAM = 300
MOST_COUNTED = 1_000
POLL = Bounds(at_once="polls-at-once")
IfNoneMatch = Annotated[list[Annotated[str, Field(max_length=1_000)]] | None, Header()]
After = Annotated[str | None, Query(max_length=200)]


class FeedPage(Schema):
    """``events``: structured CloudEvents of 1,024 bytes; ``cursor``: where to go on, and proof that these arrived."""

    events: list[dict[str, Any]]
    cursor: str


class FeedPlace(Schema):
    """``cursor``: where the reader is by our book; ``recalls``: how many wait behind it, counted up to 1,000."""

    cursor: str
    recalls: int


class FeedWhole(Schema):
    """A page of everything that stands. ``next``: give it as ``page`` for the next one; None on the last, and then
    ``cursor`` goes into ``GET /feed?after=`` for what changes."""

    events: list[dict[str, Any]]
    next: str | None
    cursor: str | None


class FeedEndpoints(Endpoints):
    """What the routes of the feed and of its files call."""

    reader: FeedReader
    snapshot: FeedSnapshot
    stream: FeedStream
    files: FeedFiles
    repository: Repository

    async def reader_of(self, request: Request, caller: Caller) -> tuple[str, Callable[[], Awaitable[object]]]:
        """The caller's agency, which has a feed, and what tells whether it still may read."""
        recipient = caller.agency.agency

        async def still() -> None:
            await request.app.state.runtime.authenticator.reauthenticate(caller)

        found = await self.repository.subscriptions_of(recipient)
        if not any(each["channel"] == FEED and each["state"] == "active" for each in found):
            raise _not_subscribed()
        return recipient, still


def make_feed_router(endpoints: FeedEndpoints) -> APIRouter:
    """The feed: pages, place, snapshot, stream."""
    router = Router(tags=["feed"])

    reader_of = endpoints.reader_of

    @router.get("/feed", responses={304: {"description": "What you have"}, **errors(409)}, response_model=FeedPage)
    @bounded(POLL)
    async def feed(
        request: Request,
        response: Response,
        caller: Calling,
        after: After = None,
        limit: Annotated[int, Query(ge=1, le=MOST_IN_PAGE)] = 100,
        wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT)] = 0,
        if_none_match: IfNoneMatch = None,
    ) -> FeedPage | Response:
        """The caller's notices and recalls after a cursor (``last``: where it is by our book); ``wait`` seconds for the
        first one (long poll). Nothing new since an answer with the ``ETag`` in ``If-None-Match``: 304."""
        recipient, still = await reader_of(request, caller)

        async def waited() -> None:
            if await request.is_disconnected():  # who hangs up early and comes again would soon have no place left
                raise ClientDisconnect
            await still()

        try:
            page = await endpoints.reader.read(recipient, after or None, limit, wait, waited)
        except UnknownCursor:
            raise _unknown_cursor("/query/after") from None
        except ClientDisconnect:
            return Response(status_code=CLIENT_GONE)
        if known(if_none_match, page.etag):
            return Response(status_code=304, headers={"ETag": page.etag})
        response.headers["ETag"] = page.etag
        return FeedPage(events=page.events, cursor=page.cursor)

    @router.get("/feed/place", responses=errors(409))
    async def place(request: Request, caller: Calling) -> FeedPlace:
        """Where the caller's reader is, and whether recalls wait for it."""
        recipient, _ = await reader_of(request, caller)
        place = await endpoints.reader.place(recipient, "last")
        recalls = await endpoints.repository.unread_recalls(recipient, MOST_COUNTED)
        return FeedPlace(cursor=endpoints.reader.cursor(recipient, place), recalls=recalls)

    @router.get("/feed/snapshot", responses=errors(409))
    async def snapshot(request: Request, caller: Calling, page: After = None) -> FeedWhole:
        """Everything that the caller is to hold now, page by page; drop all else once the last one is read."""
        recipient, _ = await reader_of(request, caller)
        try:
            found = await endpoints.snapshot.page(recipient, page or None)
        except UnknownCursor:
            raise _unknown_cursor("/query/page") from None
        return FeedWhole(events=found.events, next=found.next, cursor=found.cursor)

    @router.get("/feed/stream", responses=errors(409), response_class=EventStream)
    @bounded(POLL)
    async def stream(
        request: Request,
        caller: Calling,
        after: After = None,
        seconds: Annotated[float, Query(ge=1, le=LONGEST_STREAM)] = LONGEST_STREAM,
        last_event_id: Annotated[str | None, Header(max_length=200)] = None,
    ) -> Response:
        """The feed as server-sent events, for ``seconds``; then come back with ``Last-Event-ID``, which proves what
        arrived."""
        recipient, still = await reader_of(request, caller)
        hold(request, recipient)
        try:
            start = await endpoints.reader.place(recipient, last_event_id or after or None)
        except UnknownCursor:
            raise _unknown_cursor("/header/last-event-id" if last_event_id else "/query/after") from None

        async def subscribed() -> None:
            await reader_of(request, caller)

        return EventStream(
            endpoints.stream.events(recipient, start, seconds, still, subscribed),
            headers={"X-Accel-Buffering": "no"},
        )

    return router


def hold(request: Request, recipient: str) -> None:
    """Beside the key's own bound: an agency with several keys has no more than one with a single one."""
    quotas = request.app.state.runtime.quotas
    Reading.of(request.scope).held.enter_context(quotas.hold("polls-at-once", f"agency/{recipient}"))


def known(lines: Sequence[str] | None, etag: str) -> bool:
    """By the lines of ``If-None-Match``, which are one list (RFC 9110 5.3, 13.1.2), and the weak comparison."""
    return named(lines, etag) or "*" in _tags(lines)


def named(lines: Sequence[str] | None, etag: str) -> bool:
    """The same, but for a star: who says that has seen no tag."""
    return etag.removeprefix("W/") in _tags(lines)


def _tags(lines: Sequence[str] | None) -> set[str]:
    return {each.strip().removeprefix("W/") for line in lines or () for each in line.split(",")}


def _not_subscribed() -> Problem:
    return Problem(409, "not-subscribed", "There is no feed for you")


def _unknown_cursor(field: str) -> Problem:
    return Problem(422, "unknown-cursor", "This is no cursor of yours", field=field, rule="cursor")
