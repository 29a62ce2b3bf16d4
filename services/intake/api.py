"""The door's HTTP routes: parse, call, return."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.intake.file_mappings.service import FileMappings
from services.intake.held_lookup import HeldLookup
from services.intake.operators import Operators
from services.intake.own_keys.service import OwnKeys
from services.intake.queries import Journeys, RejectionFilter
from services.intake.request_admission import Admission
from services.intake.request_body import Received
from services.intake.schemas import Alias, BatchAnswer, Held, Journey, Receipt, Rejections
from services.intake.service import Door
from services.intake.settings import IntakeSettings
from services.intake.worker.client import WorkerProcess
from shared.access.api_keys import Caller, Calling
from shared.events.field_types import Reference, Slug
from shared.events.http_binding import BATCH, STRUCTURED
from shared.events.refusal import Refusal, Refused
from shared.kit.web.endpoints import Endpoints
from shared.kit.web.json_types import WHOLE, DayInBody
from shared.kit.web.problems import errors, not_found
from shared.kit.web.quotas import Quotas
from shared.kit.web.response_model import answer
from shared.kit.web.route_bounds import Bounds, Router, bounded

_EVENT = {
    "type": "object",
    "description": "A CloudEvent 1.0; the schema of its data: GET /schemas/{type}/{version}",
    "required": ["specversion", "id", "source", "type", "time", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1, "maxLength": 200},
        "source": {"type": "string", "description": "/agencies/<your agency>"},
        "type": {"type": "string"},
        "time": {"type": "string", "format": "date-time"},
        "dataschema": {"type": "string"},
        "sequence": {"type": "string", "description": "your own version of the thing; an older one has no effect"},
        "actor": {"type": "string", "description": "opaque worker id and role, never a name"},
        "testrun": {"type": "boolean", "description": "every check, no effect"},
        "data": {"type": "object"},
    },
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            STRUCTURED: {"schema": _EVENT},
            BATCH: {"schema": {"type": "array", "items": _EVENT}},
            "application/json": {"schema": {"type": "object", "description": "data; attributes as ce- headers"}},
        },
    }
}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The request cannot be read"},
    403: {"description": "The source or the type is not this agency's"},
    409: {"description": "The same id with other content"},
    413: {"description": "Too many events or bytes at once"},
    415: {"description": "Another content type"},
    422: {"description": "One event that breaks the contract or a rule"},
    500: {"description": "A fault of ours; nothing was kept, send the same again"},
}


class Lookup(BaseModel):
    """Your own reference of a person. In the body, for addresses end in logs."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    reference: Reference


class HeldReference(BaseModel):
    """A reference of yours, of a person or an advert; for administrators of an agency's."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    reference: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    agency: Slug | None = None


class RejectionSearch(BaseModel):
    """Which of your refused events. In the body, for addresses end in logs. For administrators: `agency` says whose,
    and is needed with `id` and `reference`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    id: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    reference: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    day: DayInBody | None = None
    agency: Slug | None = None
    limit: Annotated[int, Field(ge=1, le=500, strict=True), WHOLE] = 100
    before: Annotated[str, StringConstraints(max_length=200)] | None = None


class IntakeEndpoints(Endpoints):
    """What the routes of intake call."""

    admission: Admission
    door: Door
    journeys: Journeys
    own_keys: OwnKeys
    file_mappings: FileMappings
    held_lookup: HeldLookup
    operators: Operators
    worker: WorkerProcess


def make_router(endpoints: IntakeEndpoints, settings: IntakeSettings) -> APIRouter:
    """All routes of intake."""
    router = Router()

    @router.post(
        "/events",
        status_code=202,
        response_model=Receipt | BatchAnswer,
        responses=_REFUSALS,
        openapi_extra=_BODY,
        summary="Send one event, or many",
    )
    @bounded(Bounds(most_bytes=settings.most_bytes, charged=(), at_once=None, batches=True))
    async def events(request: Request, caller: Calling) -> Response:
        """One CloudEvent (structured or binary): 202 with its receipt, or a problem. A batch: always 202, with one
        result per event in order; a bad event stops nobody else. The same event twice gets the first receipt. `failed`
        (500 for one event) is a fault of ours with an `incident` to quote: send that event again, the same way."""
        quotas: Quotas = request.app.state.runtime.quotas
        content_type = request.headers.get("content-type", "")
        received = Received(content_type, request.headers.items(), await request.body())
        receipts = await endpoints.admission.pass_on(received, caller, quotas, endpoints.door.take)
        if received.batch:
            return answer(BatchAnswer(results=receipts), 202)
        receipt = receipts[0]
        if receipt.problem is None:
            return answer(receipt, 202)
        return receipt.problem.model_copy(update={"id": receipt.id}).response()

    @router.get(
        "/events/{id:path}", response_model=Journey, responses=errors(403, 404), summary="What became of an event"
    )
    async def event(id: str, source: Annotated[str, Query(max_length=200)], caller: Calling) -> Response:
        """Its whole journey: accepted or refused, emitted, matched, told, acknowledged; nothing about a person."""
        caller.must(caller.administers or caller.reads("journeys"), "reads journeys")
        return _found(await endpoints.journeys.of_event(id, source, caller))

    @router.get(
        "/receipts/{receipt}", response_model=Journey, responses=errors(403, 404), summary="The same by receipt"
    )
    async def receipt(receipt: str, caller: Calling) -> Response:
        """The journey of the event with this receipt."""
        caller.must(caller.administers or caller.reads("journeys"), "reads journeys")
        return _found(await endpoints.journeys.of_receipt(receipt, caller))

    @router.get("/rejections", response_model=Rejections, responses=errors(403), summary="What was refused")
    async def rejections(
        caller: Calling,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        before: Annotated[str | None, Query(max_length=200)] = None,
    ) -> Response:
        """Your refused events, newest first, with field, rule and remedy. Administrators see everybody's."""
        caller.must(caller.administers or caller.reads("rejections"), "reads rejections")
        try:
            return answer(await endpoints.journeys.rejections(caller, limit, before))
        except ValueError:
            raise Refused(Refusal("wrong-form", "/query/before")) from None

    @router.post("/rejections/search", response_model=Rejections, responses=errors(403), summary="Look for refusals")
    async def search_rejections(asked: RejectionSearch, caller: Calling) -> Response:
        """The same list, by event, reference and day: what all of these say. `next` as there."""
        caller.must(caller.administers or caller.reads("rejections"), "reads rejections")
        agency = _whose(asked.agency, caller) if asked.agency or not caller.administers else None
        if agency is None and (asked.id or asked.reference):
            raise Refused(Refusal("missing-field", "/agency"))
        only = RejectionFilter(agency, asked.id, asked.reference, asked.day)
        try:
            return answer(await endpoints.journeys.rejections(caller, asked.limit, asked.before, only))
        except (ValueError, OverflowError):
            raise Refused(Refusal("wrong-form", "/before")) from None

    @router.post("/held", response_model=Held, responses=errors(403, 404), summary="What is held under a reference")
    @bounded(Bounds(charged=("lookups",)))
    async def held(asked: HeldReference, caller: Calling) -> Response:
        """A person as codes with the consents that hold, and who may know of them (right `lookup`); an advert as you
        said it. Without any identity. Written to the audit log before it is read."""
        return _found(await endpoints.held_lookup.held(asked.reference, _whose(asked.agency, caller), caller))

    @router.post("/people/lookup", response_model=Alias, responses=errors(403, 404), summary="Your alias of a person")
    @bounded(Bounds(charged=("lookups",)))
    async def lookup(asked: Lookup, caller: Calling) -> Response:
        """The alias by which the other APIs know your person, from your own reference."""
        caller.must_read("lookup")
        alias = await endpoints.journeys.alias(asked.reference, caller)
        return _found(None if alias is None else Alias(alias=alias))

    return router


def _whose(agency: str | None, caller: Caller) -> str:
    """The caller's own, or for an administrator the agency that is named. Raises the 403 problem."""
    caller.must(agency in (None, caller.agency.agency) or caller.administers, "administers")
    return agency or caller.agency.agency


def _found(model: BaseModel | None) -> Response:
    if model is None:
        raise not_found()
    return answer(model)
