"""HTTP routes of acknowledgements: parse, call, return. The others stand with what they are about
(`subscriptions/api.py`, `recovery/api.py`, `feed_api.py`, `files_api.py`, `operators_api.py`)."""

from __future__ import annotations

from fastapi import APIRouter

from services.notifications.acknowledgements import Deliveries
from services.notifications.schemas import Acknowledged, Acknowledgements
from shared.access.api_keys import Calling
from shared.kit.web.endpoints import Endpoints
from shared.kit.web.route_bounds import Bounds, Router, bounded


class AcknowledgementEndpoints(Endpoints):
    """What these routes call."""

    deliveries: Deliveries


def make_router(endpoints: AcknowledgementEndpoints) -> APIRouter:
    """What partners say back."""
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
