"""The doors of partners: parse, call, return."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.notifications.channels.feed import FeedReader, UnknownCursor
from services.notifications.delivery.pre_send_check import without_forbidden
from services.notifications.documents import ChannelName, DeliveryDocument, SubscriptionDocument
from services.notifications.repository import Repository
from services.notifications.service import CreatedSubscription, Deliveries, Subscriptions
from shared.access.keys import Caller, Calling
from shared.events.fields import Id
from shared.kit.web.bounds import Bounds, Router, bounded
from shared.kit.web.problems import Problem

LONGEST_WAIT = 30
MOST_ENTRIES = 500
OneId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


class UseCases:
    """What the routes call; filled in before the service is ready."""

    subscriptions: Subscriptions
    deliveries: Deliveries
    feed: FeedReader
    repository: Repository


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class SubscriptionWanted(_Body):
    """``url`` for a webhook only."""

    channel: ChannelName
    url: Annotated[str, StringConstraints(min_length=8, max_length=500)] | None = None


class SubscriptionShown(_Body):
    """``state``: active, or disabled with the reason (the endpoint said 410 or asked to be disabled)."""

    subscription: str
    channel: ChannelName
    state: str
    reason: str | None = None
    url: str | None = None


class SubscriptionMade(SubscriptionShown):
    """With the webhook's secret, which is never shown again."""

    secret: str | None = None


class SubscriptionList(_Body):
    """All subscriptions of the caller."""

    subscriptions: list[SubscriptionShown]


class FeedPage(_Body):
    """``events``: structured CloudEvents of 1,024 bytes; ``cursor``: where to go on, and proof that these arrived."""

    events: list[dict[str, Any]]
    cursor: str


class Acknowledgements(_Body):
    """Notices and recalls (their ids) that the partner has dealt with."""

    notices: Annotated[list[Id], Field(min_length=1, max_length=500)]


class Acknowledged(_Body):
    """Per notice ``acknowledged`` or ``unknown``; unknown, forbidden and erased look the same."""

    results: list[dict[str, str]]


class DeliveryShown(_Body):
    """One delivery of the caller; no person, no time of ours."""

    delivery: str
    notice: str
    alias: str
    channel: str
    about: str
    state: str
    attempts: int
    reason: str | None
    acknowledged: bool


class DeliveryPage(_Body):
    """``next``: give it as ``after`` for the next page; None at the end."""

    deliveries: list[DeliveryShown]
    next: str | None


def _recipient(caller: Caller) -> str:
    caller.must(caller.receives, "receives")
    return caller.agency.agency


def _shown(document: SubscriptionDocument, url: str | None) -> dict[str, Any]:
    return {
        "subscription": document["_id"],
        "channel": document["channel"],
        "state": document["state"],
        "reason": document["reason"],
        "url": url,
    }


def _made(made: CreatedSubscription, url: str | None) -> SubscriptionMade:
    return SubscriptionMade(**_shown(made.subscription, url), secret=made.secret)


def make_router(use_cases: UseCases) -> APIRouter:
    """All routes of partners."""
    router = Router(tags=["partners"])

    @router.post("/subscriptions", status_code=201)
    async def subscribe(caller: Calling, wanted: SubscriptionWanted) -> SubscriptionMade:
        """Take part in a channel. What stands already is told at once."""
        made = await use_cases.subscriptions.subscribe(_recipient(caller), wanted.channel, wanted.url)
        return _made(made, wanted.url)

    @router.get("/subscriptions")
    async def subscriptions(caller: Calling) -> SubscriptionList:
        """The caller's own."""
        found = await use_cases.subscriptions.of(_recipient(caller))
        return SubscriptionList(subscriptions=[SubscriptionShown(**_shown(each, url)) for each, url in found])

    @router.post("/subscriptions/{subscription}/secret")
    async def replace_secret(caller: Calling, subscription: OneId) -> SubscriptionMade:
        """A new secret; the old one signs along for a while."""
        return _made(await use_cases.subscriptions.replace_secret(_recipient(caller), subscription), None)

    @router.delete("/subscriptions/{subscription}", status_code=204)
    async def unsubscribe(caller: Calling, subscription: OneId) -> Response:
        """Nothing more is sent. Allowed also to an agency that lost its right to receive."""
        await use_cases.subscriptions.unsubscribe(caller.agency.agency, subscription)
        return Response(status_code=204)

    @router.get("/feed")
    @bounded(Bounds(at_once="polls-at-once"))
    async def feed(
        request: Request,
        caller: Calling,
        after: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES)] = 100,
        wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT)] = 0,
    ) -> FeedPage:
        """The caller's notices and recalls after a cursor; ``wait`` seconds for the first one (long poll)."""
        recipient, keys = caller.agency.agency, request.app.state.runtime.keys
        if not await use_cases.subscriptions.has_feed(recipient):
            raise Problem(
                409,
                "not-subscribed",
                "There is no feed for you",
                remedy='POST /subscriptions {"channel": "feed"} first.',
            )
        try:
            page = await use_cases.feed.read(recipient, after or None, limit, wait, lambda: keys.again(caller))
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
        known = set(await use_cases.deliveries.acknowledge(caller.agency.agency, said.notices))
        return Acknowledged(
            results=[{"notice": n, "status": "acknowledged" if n in known else "unknown"} for n in said.notices]
        )

    @router.get("/deliveries")
    async def deliveries(
        caller: Calling,
        state: Annotated[str | None, Query(pattern=r"^[a-z]{3,10}$")] = None,
        after: Annotated[str, Query(pattern=r"^[0-9a-f]{0,32}$")] = "",
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> DeliveryPage:
        """What was, is and will be delivered to the caller, in order of id."""
        caller.must(caller.receives or caller.reads("deliveries"), "reads deliveries")
        found = await use_cases.repository.deliveries_of(caller.agency.agency, state, after, limit)
        shown = await without_forbidden(use_cases.repository, found)
        return DeliveryPage(
            deliveries=[_delivery(each) for each in shown], next=found[-1]["_id"] if len(found) == limit else None
        )

    @router.post("/deliveries/{delivery}/retry", status_code=202)
    async def retry(caller: Calling, delivery: OneId) -> DeliveryShown:
        """Send it now, whatever the schedule says."""
        return _delivery(await use_cases.deliveries.retry(_recipient(caller), delivery))

    return router


def _delivery(document: DeliveryDocument) -> DeliveryShown:
    return DeliveryShown(
        delivery=document["_id"],
        notice=document["notice"],
        alias=document["alias"],
        channel=document["channel"],
        about=document["about"],
        state=document["state"],
        attempts=document["attempts"],
        reason=document["reason"],
        acknowledged=document["acknowledged"],
    )
