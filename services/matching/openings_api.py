"""What an opening is: the part of it that everybody may know, for whoever is told of openings. No person is in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, Literal, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from services.matching.repository import Repository
from shared.access.api_keys import Caller, Calling
from shared.events.data_classification import PUBLIC, Model
from shared.events.field_types import Code, Id, Slug, Wage
from shared.events.topics.agencies import RECEIVING_CLASSES
from shared.events.topics.opportunities import Codes, Employer, Line, Opportunity
from shared.kit.base.ids import is_id
from shared.kit.web.problems import errors, not_found
from shared.kit.web.route_bounds import Bounds, Router, bounded

MOST_ASKED = 200


class SeenOpening(Model):
    """``closes`` is the last day. What its advertiser left out is not there."""

    opportunity: Annotated[Id, PUBLIC]
    kind: Annotated[Slug, PUBLIC]
    status: Annotated[Literal["open", "held", "closed"], PUBLIC]
    title: Annotated[Line, PUBLIC]
    employer: Annotated[Employer | None, PUBLIC] = None
    occupation: Annotated[Code | None, PUBLIC] = None
    region: Annotated[Code | None, PUBLIC] = None
    employment: Annotated[Code | None, PUBLIC] = None
    hours_per_week: Annotated[int | None, PUBLIC] = None
    shifts: Annotated[Codes, PUBLIC] = ()
    wage: Annotated[Wage | None, PUBLIC] = None
    places: Annotated[int | None, PUBLIC] = None
    starts: Annotated[date | None, PUBLIC] = None
    closes: Annotated[date | None, PUBLIC] = None
    until_filled: Annotated[bool, PUBLIC] = False

    @classmethod
    def of(cls, opening: Opportunity) -> Self:
        """Of the whole state, without the rules by which people are chosen."""
        return cls.model_validate(opening.model_dump(include=set(cls.model_fields)))


class AskedOpenings(BaseModel):
    """Openings that notices named."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    opportunities: Annotated[list[Id], Field(min_length=1, max_length=MOST_ASKED)]


class SeenOpenings(Model):
    """Those that are known, in the order in which they were asked for; others ended long ago, or never were."""

    opportunities: Annotated[tuple[SeenOpening, ...], PUBLIC]
    unknown: Annotated[tuple[Id, ...], PUBLIC]


def opening_routes(repository: Callable[[], Repository]) -> APIRouter:
    """The routes; ``repository`` is called at each request."""
    router = Router(tags=["openings"])

    @router.get("/opportunities/{opportunity}", response_model_exclude_none=True, responses=errors(403, 404))
    async def opening(opportunity: str, caller: Calling) -> SeenOpening:
        """Title, employer, place, hours, pay and last day of an opening."""
        _may_see_openings(caller)
        found = await repository().opportunities([opportunity]) if is_id(opportunity) else {}
        if opportunity not in found:
            raise not_found()
        return SeenOpening.of(found[opportunity])

    @router.post("/opportunities/lookup", response_model_exclude_none=True, responses=errors(403))
    @bounded(Bounds(most_bytes=16_384))
    async def openings(asked: AskedOpenings, caller: Calling) -> SeenOpenings:
        """The same of many at once."""
        _may_see_openings(caller)
        found = await repository().opportunities(asked.opportunities)
        return SeenOpenings(
            opportunities=tuple(SeenOpening.of(found[each]) for each in asked.opportunities if each in found),
            unknown=tuple(each for each in asked.opportunities if each not in found),
        )

    return router


def _may_see_openings(caller: Caller) -> None:
    told = caller.receives or caller.reads("matches")
    caller.must(told and caller.agency.recipient_class in RECEIVING_CLASSES, "receives, or reads matches")
