"""HTTP routes of subscriptions: parse, call, return."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from pydantic import Field

from services.notifications.documents import STATES, SubscriptionDocument
from services.notifications.domain.circuit_breaker import Breaker
from services.notifications.domain.subscription_filters import compiled
from services.notifications.mappers import match_told
from services.notifications.repository import Repository
from services.notifications.route_parameters import OneId, recipient_of
from services.notifications.subscriptions.entity_tag import etag_of
from services.notifications.subscriptions.management import Subscriptions
from services.notifications.subscriptions.schemas import (
    EndpointTested,
    FilterTrial,
    FilterTried,
    SecretWanted,
    SubscriptionChanges,
    SubscriptionList,
    SubscriptionMade,
    SubscriptionShown,
    SubscriptionWanted,
)
from services.notifications.subscriptions.subscription_options import filter_of, secret_of
from shared.access.api_keys import Calling
from shared.kit.web.endpoints import Endpoints
from shared.kit.web.problems import errors
from shared.kit.web.route_bounds import Bounds, Router, bounded
from shared.reference import Pack

WITH_FILTER = Bounds(most_bytes=16_384)
WITH_CERTIFICATES = Bounds(most_bytes=65_536)
MOST_TRIED = 500  # deliveries that a filter is tried on
TAG = {
    "description": "For `If-Match`: changes with what was said, the state and the secret",
    "schema": {"type": "string"},
}
TAGGED: dict[int | str, dict[str, Any]] = {200: {"headers": {"ETag": TAG}}}
IfMatch = Annotated[list[Annotated[str, Field(max_length=1_000)]] | None, Header()]


class SubscriptionEndpoints(Endpoints):
    """What these routes call."""

    subscriptions: Subscriptions
    repository: Repository


def make_subscriptions_router(endpoints: SubscriptionEndpoints, breaker: Breaker, pack: Pack) -> APIRouter:
    """All routes of subscriptions."""
    router = Router(tags=["subscriptions"])

    def ends_at(document: SubscriptionDocument) -> datetime | None:
        return breaker.gives_up_at(document["failures"], document.get("failing_since"))

    def shown(document: SubscriptionDocument, response: Response | None = None) -> SubscriptionShown:
        own = endpoints.subscriptions
        if response is not None:
            response.headers["ETag"] = etag_of(document)
        url, names, tls = own.target_of(document), own.header_names(document), own.tls_summary(document)
        alerts_to = own.alerts_to_of(document)
        return SubscriptionShown.of(document, url, names, ends_at(document), tls, alerts_to=alerts_to)

    def made(document: SubscriptionDocument, secret: str | None, response: Response) -> SubscriptionMade:
        own = endpoints.subscriptions
        response.headers["ETag"] = etag_of(document)
        url, names, tls = own.target_of(document), own.header_names(document), own.tls_summary(document)
        more = {"secret": secret, "alerts_to": own.alerts_to_of(document)}
        return SubscriptionMade.of(document, url, names, ends_at(document), tls, **more)

    @router.post("/subscriptions", status_code=201, responses={201: TAGGED[200], **errors(403, 409)})
    @bounded(WITH_CERTIFICATES)
    async def subscribe(caller: Calling, wanted: SubscriptionWanted, response: Response) -> SubscriptionMade:
        """Take part in a channel. What stands already is told at once, by a webhook with a secret of ours once it is
        resumed."""
        created = await endpoints.subscriptions.subscribe(
            recipient_of(caller), wanted.channel, wanted.wishes(pack, wanted.secret)
        )
        return made(created.subscription, created.secret, response)

    @router.get("/subscriptions", responses=errors(403))
    async def subscriptions(caller: Calling) -> SubscriptionList:
        """The caller's own."""
        found = await endpoints.repository.subscriptions_of(recipient_of(caller))
        return SubscriptionList(subscriptions=[shown(each) for each in found])

    @router.get("/subscriptions/{subscription}", responses={**TAGGED, **errors(403, 404)})
    async def one(caller: Calling, subscription: OneId, response: Response) -> SubscriptionShown:
        """One of the caller's own. Its ``ETag`` goes into ``If-Match`` of a change."""
        return shown(await endpoints.subscriptions.of(recipient_of(caller), subscription), response)

    @router.patch("/subscriptions/{subscription}", responses={**TAGGED, **errors(403, 404, 409, 412)})
    @bounded(WITH_CERTIFICATES)
    async def change(
        caller: Calling,
        subscription: OneId,
        wanted: SubscriptionChanges,
        response: Response,
        if_match: IfMatch = None,
    ) -> SubscriptionShown:
        """Change what is named. A new address is checked first; what waits then goes there. With ``If-Match``: only if
        it is still what that ``ETag`` came with."""
        agency, own = recipient_of(caller), endpoints.subscriptions
        kept_filter = (await own.of(agency, subscription)).get("filter") if wanted.filter is not None else None
        wishes = wanted.wishes(pack, kept_filter=kept_filter)
        changed = await own.change(agency, subscription, wishes, wanted.model_fields_set, if_match)
        return shown(changed, response)

    @router.post("/subscriptions/{subscription}/pause", responses={**TAGGED, **errors(403, 404, 409, 412)})
    async def pause(
        caller: Calling, subscription: OneId, response: Response, if_match: IfMatch = None
    ) -> SubscriptionShown:
        """Hold everything back until it is resumed. ``If-Match`` as in a change."""
        return shown(await endpoints.subscriptions.pause(recipient_of(caller), subscription, if_match), response)

    @router.post("/subscriptions/{subscription}/resume", responses={**TAGGED, **errors(403, 404, 409, 412)})
    async def resume(
        caller: Calling, subscription: OneId, response: Response, if_match: IfMatch = None
    ) -> SubscriptionShown:
        """Begin or go on. One that is new or was disabled is checked first. ``If-Match`` as in a change."""
        return shown(await endpoints.subscriptions.resume(recipient_of(caller), subscription, if_match), response)

    @router.post("/subscriptions/{subscription}/test", responses=errors(403, 404, 409))
    async def test(caller: Calling, subscription: OneId) -> EndpointTested:
        """Send a signed test event now, and say what came of it."""
        return EndpointTested.of(await endpoints.subscriptions.test(recipient_of(caller), subscription))

    @router.post("/subscriptions/{subscription}/secret", responses={**TAGGED, **errors(403, 404, 409, 412)})
    async def replace_secret(
        caller: Calling,
        subscription: OneId,
        response: Response,
        wanted: SecretWanted | None = None,
        if_match: IfMatch = None,
    ) -> SubscriptionMade:
        """A new secret; the ones before sign along for as long as was promised. ``If-Match`` as in a change."""
        own = secret_of(wanted.secret if wanted else None)
        replaced = await endpoints.subscriptions.replace_secret(recipient_of(caller), subscription, own, if_match)
        return made(replaced.subscription, replaced.secret, response)

    @router.delete("/subscriptions/{subscription}", status_code=204, responses=errors(404, 412))
    async def unsubscribe(caller: Calling, subscription: OneId, if_match: IfMatch = None) -> Response:
        """Nothing more is sent. Allowed also to an agency that lost its right to receive. ``If-Match`` as in a
        change."""
        await endpoints.subscriptions.unsubscribe(caller.agency.agency, subscription, if_match)
        return Response(status_code=204)

    @router.post("/filters/trial", responses=errors(403))
    @bounded(WITH_FILTER)
    async def try_filter(caller: Calling, tried: FilterTried) -> FilterTrial:
        """Which of the notices that the caller was sent this filter would have wanted. Nothing is changed."""
        agency, wants = recipient_of(caller), compiled(filter_of(tried.filter, pack))
        found = await endpoints.repository.deliveries_of(agency, STATES, "", MOST_TRIED)
        # a filter decides what is newly told: who was told something hears of its end, too
        sent = {d["notice"]: d for d in found if d["possibly_sent"] and d["match_state"] == "proposed"}
        wanted = [d for d in sent.values() if (told := match_told(d)) is not None and wants(told)]
        return FilterTrial.of(len(sent), wanted)

    return router
