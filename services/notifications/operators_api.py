"""HTTP routes of whoever keeps notifications running: no person, no secret, no address of a partner's system."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query

from services.notifications.documents import ChannelName, SubscriptionState
from services.notifications.domain.circuit_breaker import Breaker
from services.notifications.endpoint_overview import EndpointOverview, Pile, Status, bounced, overview
from services.notifications.monitoring import DeliveryMonitor
from services.notifications.schemas import Schema
from shared.kit.store.mongo import Database
from shared.kit.web.endpoints import Endpoints
from shared.kit.web.operator_routes import Operator, write_audit
from shared.kit.web.problems import errors
from shared.kit.web.route_bounds import Router


class PileShown(Schema):
    """``oldest``: since when it is open, None where that is not known (what waits for an earlier one is younger)."""

    count: int
    oldest: datetime | None

    @classmethod
    def of(cls, pile: Pile) -> Self:
        """As it was seen."""
        return cls(count=pile.count, oldest=pile.since)


class EndpointShown(Schema):
    """A subscription and what is wrong with it. ``statuses``: ``failing`` from the first bad answer on, ``down`` after
    five in a row, ``disabled``; ``waits``: a recall for more than two minutes, or a notice for fifteen; ``unread``: in
    a feed a recall for ten minutes, or a notice for an hour; ``unacknowledged``: a recall arrived over an hour ago;
    ``doubtful``: a page for people answered in the last day; ``bounced``: a mail to its mailbox (``bounced_at``) or
    to its address for alerts (``alerts_bounced_at``) came back for good in the last seven days. ``state``: ``gone``
    of a subscription that has ended and was brought a recall that nobody acknowledged. ``notices``, ``recalls``:
    that have not arrived. ``unacknowledged``: 1000 is so many or more. ``ends_at``: when it is disabled if nothing
    changes."""

    agency: str
    subscription: str
    channel: ChannelName | None
    state: SubscriptionState | Literal["gone"]
    reason: str | None
    statuses: list[Status]
    failing: int
    failing_since: datetime | None
    held_until: datetime | None
    ends_at: datetime | None
    notices: PileShown
    recalls: PileShown
    unacknowledged: PileShown
    doubtful: PileShown
    bounced_at: datetime | None
    alerts_bounced_at: datetime | None

    @classmethod
    def of(cls, endpoint: EndpointOverview, statuses: list[Status], breaker: Breaker) -> Self:
        """As it was seen."""
        of = endpoint.subscription
        failing_since = None if of is None else of.get("failing_since")
        bounced_at, alerts_bounced_at = (None, None) if of is None else bounced(of)
        return cls(
            agency=endpoint.agency,
            subscription=endpoint.id,
            channel=None if of is None else of["channel"],
            state="gone" if of is None else of["state"],
            reason=None if of is None else of["reason"],
            statuses=statuses,
            failing=0 if of is None else of["failures"],
            failing_since=failing_since,
            held_until=None if of is None else of["held_until"],
            ends_at=None if of is None else breaker.gives_up_at(of["failures"], failing_since),
            notices=PileShown.of(endpoint.notices),
            recalls=PileShown.of(endpoint.recalls),
            unacknowledged=PileShown.of(endpoint.unacknowledged),
            doubtful=PileShown.of(endpoint.doubtful),
            bounced_at=bounced_at,
            alerts_bounced_at=alerts_bounced_at,
        )


class EndpointPage(Schema):
    """``seen``: when this replica looked; it does so every ten seconds, less often when much is open. ``next``: give it
    as ``after`` for the next page; None at the end."""

    seen: datetime
    endpoints: list[EndpointShown]
    next: str | None


class OperatorEndpoints(Endpoints):
    """What these routes call."""

    monitor: DeliveryMonitor


def make_operators_router(
    endpoints: OperatorEndpoints, database: Callable[[], Database], breaker: Breaker
) -> APIRouter:
    """The routes, for whoever administers. What is read is audited first."""
    router = Router(tags=["operator"])

    @router.get("/endpoints", responses=errors(403), summary="Endpoints in trouble")
    async def in_trouble(
        caller: Operator,
        status: Status | None = None,
        after: Annotated[str, Query(pattern=r"^[0-9a-f]{0,32}$")] = "",
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> EndpointPage:
        """Of all agencies, by id of the subscription; those with this one trouble, or with any."""
        look = await endpoints.monitor.last_look()
        await write_audit(database(), caller, "endpoints")
        found = [(each, each.statuses(look)) for each in overview(look) if each.id > after]
        wanted = [(each, statuses) for each, statuses in found if (status in statuses if status else statuses)]
        shown = [EndpointShown.of(each, statuses, breaker) for each, statuses in wanted[:limit]]
        return EndpointPage(seen=look.at, endpoints=shown, next=shown[-1].subscription if len(wanted) > limit else None)

    return router
