"""HTTP routes of the feed and of acknowledgements: parse, call, return. Those of subscriptions and of deliveries stand
with them (`subscriptions/api.py`, `recovery/api.py`)."""

from __future__ import annotations

from typing import Annotated, NoReturn

from fastapi import APIRouter, Path

from services.notifications.acknowledgements import Deliveries
from services.notifications.domain.circuit_breaker import Breaker
from services.notifications.monitoring import DeliveryMonitor
from services.notifications.recovery.recovery_requests import Recoveries
from services.notifications.recovery.resend import Resend
from services.notifications.repository import Repository
from services.notifications.schemas import (
    Acknowledged,
    Acknowledgements,
)
from services.notifications.subscriptions.management import Subscriptions
from shared.access.api_keys import Caller, Calling
from shared.kit.base.clock import Clock
from shared.kit.web.problems import unavailable
from shared.kit.web.route_bounds import Bounds, Router, bounded

OneId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


class Endpoints:
    """What the routes call. The port may open before they are put together: until then the answer is 503."""

    subscriptions: Subscriptions
    deliveries: Deliveries
    resend: Resend
    recoveries: Recoveries
    repository: Repository
    clock: Clock
    breaker: Breaker
    monitor: DeliveryMonitor

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

    @router.post("/acknowledgements")
    @bounded(Bounds(most_bytes=65_536))
    async def acknowledge(caller: Calling, said: Acknowledgements) -> Acknowledged:
        """Say that notices were dealt with, or recalls obeyed. May be said again."""
        known = set(await endpoints.deliveries.acknowledge(caller.agency.agency, said.notices))
        return Acknowledged(
            results=[{"notice": n, "status": "acknowledged" if n in known else "unknown"} for n in said.notices]
        )

    return router
