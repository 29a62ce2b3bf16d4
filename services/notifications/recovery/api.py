"""HTTP routes about what was delivered, what was not, and sending it again: parse, call, return."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from services.notifications.delivery.pre_send_check import without_forbidden
from services.notifications.documents import STATES, DeliveryState
from services.notifications.recovery.delivery_explanation import UNDELIVERED
from services.notifications.recovery.recovery_requests import Recoveries
from services.notifications.recovery.resend import Resend
from services.notifications.recovery.schemas import (
    AttemptShown,
    DeliveryExplained,
    DeliveryPage,
    DeliveryShown,
    RecoveryShown,
    RecoveryWanted,
)
from services.notifications.repository import Repository
from services.notifications.route_parameters import OneId, recipient_of
from shared.access.api_keys import Caller, Calling
from shared.events.refusal import Refusal, Refused
from shared.kit.base.clock import Clock
from shared.kit.web.endpoints import Endpoints
from shared.kit.web.problems import errors, not_found
from shared.kit.web.route_bounds import Router

CLOCKS_DIFFER = timedelta(days=1)  # as for the events of agencies


class RecoveryEndpoints(Endpoints):
    """What these routes call."""

    resend: Resend
    recoveries: Recoveries
    repository: Repository


def _may_read(caller: Caller) -> str:
    caller.must(caller.receives or caller.reads("deliveries"), "reads deliveries")
    return caller.agency.agency


def make_recovery_router(endpoints: RecoveryEndpoints, clock: Clock) -> APIRouter:
    """Deliveries and recoveries."""
    router = Router(tags=["deliveries"])

    @router.get("/deliveries", responses=errors(403))
    async def deliveries(
        caller: Calling,
        state: Literal[DeliveryState, "undelivered"] | None = None,
        subscription: Annotated[str | None, Query(pattern=r"^[0-9a-f]{32}$")] = None,
        notice: Annotated[str | None, Query(pattern=r"^[0-9a-f]{32}$")] = None,
        after: Annotated[str, Query(pattern=r"^[0-9a-f]{0,32}$")] = "",
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> DeliveryPage:
        """What was, is and will be delivered to the caller, in order of id. ``undelivered``: all but what has arrived
        or need not be sent. ``notice``: of this one alone, by whatever subscription."""
        agency = _may_read(caller)
        states = STATES if state is None else UNDELIVERED if state == "undelivered" else {state}
        if notice is None:
            found, further = await endpoints.repository.page_of(agency, subscription, states, after, limit)
        else:
            told = await endpoints.repository.by_notices(agency, [notice])  # one for each subscription
            wanted = [each for each in told if each["listed"] and each["state"] in states and each["_id"] > after]
            found = [each for each in wanted if subscription in (None, each["subscription"])]
            further = found[limit - 1]["_id"] if len(found) > limit else None
            found = found[:limit]
        shown = await without_forbidden(endpoints.repository, found)
        own = {each["_id"]: each for each in await endpoints.repository.subscriptions_of(agency)}
        now = clock.calendar()
        return DeliveryPage.of(shown, own, now, further)

    @router.get("/deliveries/{delivery}", responses=errors(403, 404))
    async def delivery(caller: Calling, delivery: OneId) -> DeliveryExplained:
        """Why it is where it is, with its attempts."""
        agency, repository = _may_read(caller), endpoints.repository
        found = await repository.delivery(agency, delivery)
        if found is None or not found["listed"] or not await without_forbidden(repository, [found]):
            raise not_found()
        log = [AttemptShown.of(each) for each in found.get("log", ())]
        now = clock.calendar()
        return DeliveryExplained.of(found, await repository.subscription(found["subscription"]), now, log=log)

    @router.post("/deliveries/{delivery}/retry", status_code=202, responses=errors(403, 404, 409))
    async def retry(caller: Calling, delivery: OneId) -> DeliveryShown:
        """Send it now, whatever the schedule says, also when it has arrived. Asked again within half a minute it is
        still sent once."""
        found = await endpoints.resend.resend(recipient_of(caller), delivery)
        now = clock.calendar()
        return DeliveryShown.of(found, await endpoints.repository.subscription(found["subscription"]), now)

    @router.post("/subscriptions/{subscription}/recovery", status_code=202, responses=errors(403, 404, 409))
    async def recover(caller: Calling, subscription: OneId, wanted: RecoveryWanted) -> RecoveryShown:
        """Tell the subscription again what failed, or all that it should hold; slowly, beside what is new."""
        agency = recipient_of(caller)
        if wanted.since is not None and wanted.since > clock.calendar() + CLOCKS_DIFFER:
            raise Refused(Refusal("date-in-future", "/since"))  # nothing would come of it, and nobody would know why
        started = await endpoints.recoveries.start(agency, subscription, wanted.what, wanted.since)
        return RecoveryShown.of(started, waits=False)

    @router.get("/subscriptions/{subscription}/recovery", responses=errors(403, 404))
    async def recovery(caller: Calling, subscription: OneId) -> RecoveryShown:
        """How far the last recovery is."""
        now = clock.calendar()
        found, waits = await endpoints.recoveries.shown(recipient_of(caller), subscription, now)
        return RecoveryShown.of(found, waits)

    @router.delete("/subscriptions/{subscription}/recovery", status_code=204, responses=errors(403, 404))
    async def stop_recovery(caller: Calling, subscription: OneId) -> Response:
        """Make nothing more due."""
        await endpoints.recoveries.stop(recipient_of(caller), subscription)
        return Response(status_code=204)

    return router
