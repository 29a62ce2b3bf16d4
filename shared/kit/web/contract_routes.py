"""The contract over HTTP: what there is, in which versions, with which schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Literal

from fastapi import Path, Query
from fastapi.responses import Response

from shared.events import registry
from shared.events.asyncapi import asyncapi
from shared.events.publish_schemas import NOTICES, bus_schema, catalogue, door_schema, notice_schema
from shared.events.registry import Registry, UnknownType
from shared.kit.web.problems import errors, not_found
from shared.kit.web.route_bounds import Router

routes = Router(tags=["contract"])
_SCHEMA = "application/schema+json"


@routes.get("/schemas", summary="Every event type in every version", response_model=list[dict[str, Any]])
async def schemas() -> Response:
    """Type, version, topic, what it says, and whether it is taken at the door."""
    return Response(_written(catalogue), media_type="application/json")


@routes.get(
    "/schemas/{type}/{version}",
    summary="The JSON Schema of an event's data",
    response_class=Response,
    responses={200: {"content": {_SCHEMA: {"schema": {"type": "object"}}}}, **errors(404)},
)
async def schema(
    type: Annotated[str, Path(max_length=60)],
    version: Annotated[int, Path(ge=1, le=1_000_000)],
    of: Annotated[Literal["door", "bus"] | None, Query(description="default: door, for types it takes")] = None,
) -> Response:
    """Of what the door takes or of what travels on the bus; of notices and recalls, what partners receive."""
    return Response(_schema(type, version, of), media_type=_SCHEMA)


@routes.get("/asyncapi.json", summary="The bus, as AsyncAPI 3.0", response_model=dict[str, Any])
async def bus() -> Response:
    """Topics, types, headers, schemas."""
    return Response(_written(asyncapi), media_type="application/json")


# Each is the same until the next release, and costs milliseconds: it is written once. What is not found is not kept,
# so that nobody fills the memory with names.
@cache
def _written(document: Callable[[Registry], Any]) -> bytes:
    return _json(document(registry))


@cache
def _schema(type: str, version: int, of: str | None) -> bytes:
    if type in NOTICES and version == 1:
        return _json(notice_schema(type))
    try:
        event_type = registry.find(type, version)
    except UnknownType:
        raise not_found() from None
    found = door_schema(event_type) if of != "bus" else None
    if found is None and of != "door":
        found = bus_schema(event_type)
    if found is None:
        raise not_found()
    return _json(found)


def _json(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
