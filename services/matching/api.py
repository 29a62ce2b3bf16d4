"""HTTP routes: the matches of a person, the people for an opening, and why a pair matches or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path

from services.matching.queries import MatchQueries
from services.matching.schemas import OpensMore, SeenMatches, Why
from shared.access.api_keys import Calling
from shared.kit.web.problems import errors
from shared.kit.web.route_bounds import Router

Name = Annotated[str, Path(description="32 hex digits")]


def routes(queries: Callable[[], MatchQueries]) -> APIRouter:
    """The service's routes; ``queries`` is called at each request. People go by the caller's own alias."""
    router = Router(tags=["matches"])

    @router.get(
        "/people/{alias}/matches",
        response_model_exclude_none=True,
        responses=errors(403, 404),
        summary="Matches of a person, best first",
    )
    async def matches_of_person(alias: Name, caller: Calling) -> SeenMatches:
        return await queries().of_person(caller, alias)

    @router.get(
        "/opportunities/{opportunity}/matches",
        response_model_exclude_none=True,
        responses=errors(403, 404),
        summary="People who match an opportunity, best first: those whom the caller may see",
    )
    async def matches_of_opportunity(opportunity: Name, caller: Calling) -> SeenMatches:
        return await queries().of_opportunity(caller, opportunity)

    @router.get(
        "/people/{alias}/opportunities/{opportunity}",
        response_model_exclude_none=True,
        responses=errors(403, 404),
        summary="Why a pair matches, or why not, and what would open it",
    )
    async def why(alias: Name, opportunity: Name, caller: Calling) -> Why:
        """The pair as it is assessed at this moment: every hard condition with its answer in words, every factor with
        what it adds to the score.

        A condition answers `yes` (it holds), `no` (it does not: the pair is no match, whatever the score), or `ask`
        (the data does not say, or stands at a border: somebody has to ask the person or the advertiser; until then it
        is no hindrance). From them follows `state`: `no` when any says no, else `possible` when any says ask, else
        `eligible`. What is not known about a factor counts as neutral, never against the person.

        `kept` says whether the pair stands as a match now. An eligible pair may not be kept: its fit lies under
        `threshold`, or others are better for the person, or many look at it and one that fits nearly as well stands in
        its place. `opens` says what would change that. 404: no such person or
        opening, or not for this key: an agency that is not the person's own needs a live consent to `profile`."""
        return await queries().why(caller, alias, opportunity)

    @router.get(
        "/people/{alias}/opens-more",
        response_model_exclude_none=True,
        responses=errors(403, 404),
        summary="What would open more for a person: a certificate, a longer way, other shifts",
    )
    async def opens_more(alias: Name, caller: Calling) -> OpensMore:
        """One step at a time, those that open the most first: how many openings may match then (each was tried), what
        they pay in the middle, the best of them, and for a certificate trainings that name it.

        Looked at are the open ones that changed last, at most 2,000, of them those that a single condition refuses. A
        step is not proposed beyond what is plausible (a way of 1.5 times the wish), nor ever lower pay. 404: no such
        person, or not for this key: an agency that is not the person's own needs a live consent to `profile`."""
        return await queries().opens_more(caller, alias)

    return router
