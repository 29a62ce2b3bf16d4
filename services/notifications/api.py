"""HTTP routes of partners: parse, call, return."""

from __future__ import annotations

from functools import partial
from typing import Annotated, NoReturn

from fastapi import APIRouter, Path, Query, Request, Response

from services.notifications.channels.feed import FeedReader, UnknownCursor
from services.notifications.delivery.pre_send_check import without_forbidden
from services.notifications.repository import Repository
from services.notifications.schemas import (
    Acknowledged,
    Acknowledgements,
    DeliveryPage,
    DeliveryShown,
    FeedPage,
    SubscriptionList,
    SubscriptionMade,
    SubscriptionShown,
    SubscriptionWanted,
)
from services.notifications.service import Deliveries, Subscriptions
from shared.access.keys import Caller, Calling
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
    repository: Repository

    def __getattr__(self, name: str) -> NoReturn:
        """Only called for what is not there yet."""
        raise unavailable()


def _recipient(caller: Caller) -> str:
    caller.must(caller.receives, "receives")
    return caller.agency.agency


def make_router(endpoints: Endpoints) -> APIRouter:
    """All routes of partners."""
    router = Router(tags=["partners"])

    @router.post("/subscriptions", status_code=201, responses=errors(403, 409))
    async def subscribe(caller: Calling, wanted: SubscriptionWanted) -> SubscriptionMade:
        """Take part in a channel. What stands already is told at once."""
        made = await endpoints.subscriptions.subscribe(_recipient(caller), wanted.channel, wanted.url)
        return SubscriptionMade.of(made.subscription, wanted.url, secret=made.secret)

    @router.get("/subscriptions", responses=errors(403))
    async def subscriptions(caller: Calling) -> SubscriptionList:
        """The caller's own."""
        found = await endpoints.subscriptions.of(_recipient(caller))
        return SubscriptionList(subscriptions=[SubscriptionShown.of(each, url) for each, url in found])

    @router.post("/subscriptions/{subscription}/secret", responses=errors(403, 404))
    async def replace_secret(caller: Calling, subscription: OneId) -> SubscriptionMade:
        """A new secret; the old one signs along for a while."""
        made = await endpoints.subscriptions.replace_secret(_recipient(caller), subscription)
        return SubscriptionMade.of(made.subscription, None, secret=made.secret)

    @router.delete("/subscriptions/{subscription}", status_code=204, responses=errors(404))
    async def unsubscribe(caller: Calling, subscription: OneId) -> Response:
        """Nothing more is sent. Allowed also to an agency that lost its right to receive."""
        await endpoints.subscriptions.unsubscribe(caller.agency.agency, subscription)
        return Response(status_code=204)

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

    @router.get("/deliveries", responses=errors(403))
    async def deliveries(
        caller: Calling,
        state: Annotated[str | None, Query(pattern=r"^[a-z]{3,10}$")] = None,
        after: Annotated[str, Query(pattern=r"^[0-9a-f]{0,32}$")] = "",
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> DeliveryPage:
        """What was, is and will be delivered to the caller, in order of id."""
        caller.must(caller.receives or caller.reads("deliveries"), "reads deliveries")
        found = await endpoints.repository.deliveries_of(caller.agency.agency, state, after, limit)
        shown = await without_forbidden(endpoints.repository, found)
        return DeliveryPage(
            deliveries=[DeliveryShown.of(each) for each in shown],
            next=found[-1]["_id"] if len(found) == limit else None,
        )

    @router.post("/deliveries/{delivery}/retry", status_code=202, responses=errors(403, 404, 409))
    async def retry(caller: Calling, delivery: OneId) -> DeliveryShown:
        """Send it now, whatever the schedule says."""
        return DeliveryShown.of(await endpoints.deliveries.retry(_recipient(caller), delivery))

    return router
