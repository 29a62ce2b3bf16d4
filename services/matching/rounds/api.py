"""HTTP routes of rounds: parse, call, return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path

from services.matching.rounds.round_requests import Rounds
from services.matching.rounds.schemas import (
    AskedAdjustments,
    AskedConfirmation,
    AskedRound,
    ListedRounds,
    SeenRound,
)
from shared.access.api_keys import Calling
from shared.kit.web.problems import errors
from shared.kit.web.route_bounds import Bounds, Router, bounded

RoundId = Annotated[str, Path(description="32 hex digits")]
ROUND_BYTES, ADJUSTMENT_BYTES = 131_072, 262_144


def round_routes(rounds: Callable[[], Rounds]) -> APIRouter:
    """The routes; ``rounds`` is called at each request."""
    router = Router(tags=["rounds"])

    @router.post("/rounds", status_code=202, response_model_exclude_none=True, responses=errors(403, 422, 429))
    @bounded(Bounds(most_bytes=ROUND_BYTES))
    async def ask(wanted: AskedRound, caller: Calling) -> SeenRound:
        """Propose openings for a class together, so that all of them gain the most. It is worked out after the answer:
        look at it with GET until it is `proposed`. People whom the caller may not see are only counted."""
        return await rounds().ask(caller, wanted)

    @router.get("/rounds", responses=errors(403))
    async def listed(caller: Calling) -> ListedRounds:
        """The rounds of the caller's agency, newest first."""
        return await rounds().list(caller)

    @router.get("/rounds/{round}", response_model_exclude_none=True, responses=errors(403, 404))
    async def show(round: RoundId, caller: Calling) -> SeenRound:
        """Who has what, who waits and why, and what it is worth beside simpler ways."""
        return await rounds().show(caller, round)

    @router.put(
        "/rounds/{round}/adjustments",
        status_code=202,
        response_model_exclude_none=True,
        responses=errors(403, 404, 409, 422, 429),
    )
    @bounded(Bounds(most_bytes=ADJUSTMENT_BYTES))
    async def adjust(round: RoundId, wanted: AskedAdjustments, caller: Calling) -> SeenRound:
        """Fix somebody to an opening, let them wait, or exclude a pair; the others are proposed anew around it, and the
        result says what that costs (`benefit` beside `benefit_before` and `optimum`)."""
        return await rounds().adjust(caller, round, wanted)

    @router.post("/rounds/{round}/confirm", response_model_exclude_none=True, responses=errors(403, 404, 409))
    async def confirm(round: RoundId, wanted: AskedConfirmation, caller: Calling) -> SeenRound:
        """Agree to the proposal as it was looked at. Refused when somebody or something of it has changed meanwhile."""
        return await rounds().confirm(caller, round, wanted.version)

    return router
