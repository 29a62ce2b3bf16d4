"""The contract over HTTP: what there is, in which versions, with which schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse

from shared.events import registry
from shared.events.asyncapi import asyncapi
from shared.events.publish import NOTICES, bus_schema, catalogue, door_schema, notice_schema
from shared.events.registry import UnknownType
from shared.kit.problems import not_found

routes = APIRouter(tags=["contract"])
_SCHEMA = "application/schema+json"


@routes.get("/schemas", summary="Every event type in every version")
async def schemas() -> list[dict[str, Any]]:
    """Type, version, topic, what it says, and whether it is taken at the door."""
    return catalogue(registry)


@routes.get("/schemas/{type}/{version}", summary="The JSON Schema of an event's data")
async def schema(
    type: Annotated[str, Path(max_length=60)],
    version: Annotated[int, Path(ge=1, le=1_000_000)],
    of: Annotated[Literal["door", "bus"] | None, Query(description="default: door, for types it takes")] = None,
) -> JSONResponse:
    """Of what the door takes or of what travels on the bus; of notices and recalls, what partners receive."""
    if type in NOTICES and version == 1:
        return JSONResponse(notice_schema(type), media_type=_SCHEMA)
    try:
        event_type = registry.find(type, version)
    except UnknownType:
        raise not_found() from None
    found = bus_schema(event_type) if of == "bus" else door_schema(event_type)
    if found is None and of is None:
        found = bus_schema(event_type)
    if found is None:
        raise not_found()
    return JSONResponse(found, media_type=_SCHEMA)


@routes.get("/asyncapi.json", summary="The bus, as AsyncAPI 3.0")
async def bus() -> dict[str, Any]:
    """Topics, types, headers, schemas."""
    return asyncapi(registry)
