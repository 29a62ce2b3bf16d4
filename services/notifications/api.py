"""HTTP routes of the feed and of acknowledgements: parse, call, return. Those of subscriptions and of deliveries stand
with them (`subscriptions/api.py`, `recovery/api.py`)."""

from __future__ import annotations

from functools import partial
from typing import Annotated, NoReturn

from fastapi import APIRouter, Path, Query, Request

from services.notifications.channels.feed import FeedReader, UnknownCursor
from services.notifications.domain.breaker import Breaker
from services.notifications.recovery.requests import Recoveries
from services.notifications.recovery.resend import Resend
from services.notifications.repository import Repository
from services.notifications.schemas import (
    Acknowledged,
    Acknowledgements,
    FeedPage,
)
from services.notifications.service import Deliveries
from services.notifications.subscriptions.management import Subscriptions
from shared.access.keys import Caller, Calling
from shared.kit.base.clock import Clock
from shared.kit.web.bounds import Bounds, Router, bounded
from shared.kit.web.problems import Problem, errors, unavailable

LONGEST_WAIT = 30
MOST_ENTRIES = 500
OneId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


class Endpoints:
    """What the routes call. The port may open before they are put together: until then the answer is 503."""

    subscriptions: Subscriptions
    deliveries: Deliveries
    feed: FeedReader
    resend: Resend
    recoveries: Recoveries
    repository: Repository
    clock: Clock
    breaker: Breaker

    def __getattr__(self, name: str) -> NoReturn:
        """Only called for what is not there yet."""
        raise unavailable()


def recipient_of(caller: Caller) -> str:
    """The caller's agency, if it may receive."""
    caller.must(caller.receives, "receives")
    return caller.agency.agency


def make_router(endpoints: Endpoints) -> APIRouter:
    """The feed, and what partners say back."""
    router = Router(tags=["partners"])

    @router.get("/feed", responses=errors(409))
    @bounded(Bounds(at_once="polls-at-once"))
    async def feed(
        request: Request,
        caller: Calling,
        after: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES)] = 100,
        wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT)] = 0,
    ) -> FeedPage:
        """The caller's notices and recalls after a cursor; ``wait`` seconds for the first one (long poll)."""
        recipient = caller.agency.agency
        still = partial(request.app.state.runtime.authenticator.reauthenticate, caller)
        if not await endpoints.subscriptions.has_feed(recipient):
            raise Problem(
                409,
                "not-subscribed",
                "There is no feed for you",
                remedy='POST /subscriptions {"channel": "feed"} first.',
            )
        try:
            page = await endpoints.feed.read(recipient, after or None, limit, wait, still)
        except UnknownCursor:
            raise Problem(
                422,
                "unknown-cursor",
                "This is no cursor of yours",
                field="/query/after",
                rule="cursor",
                remedy="Give back the cursor of your last page as it was, or leave it out to read from the start.",
            ) from None
        return FeedPage(events=page.events, cursor=page.cursor)

    @router.post("/acknowledgements")
    @bounded(Bounds(most_bytes=65_536))
    async def acknowledge(caller: Calling, said: Acknowledgements) -> Acknowledged:
        """Say that notices were dealt with, or recalls obeyed. May be said again."""
        known = set(await endpoints.deliveries.acknowledge(caller.agency.agency, said.notices))
        return Acknowledged(
            results=[{"notice": n, "status": "acknowledged" if n in known else "unknown"} for n in said.notices]
        )

    return router
