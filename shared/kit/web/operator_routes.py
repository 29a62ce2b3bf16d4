"""For whoever keeps a service running: what was set apart, and trying it again. Only keys with ``administers``, and
only after it was written down: an entry {"_id", "at", "agency", "key_id", "action", "outcome"} in the service's own
collection ``audit``, beside what the service itself writes there about reads of people.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pymongo.errors import PyMongoError

from shared.kit.base.clock import machine_time
from shared.kit.base.ids import random_id
from shared.kit.base.logs import logger
from shared.kit.store.mongo import Database
from shared.kit.stream.quarantine import Quarantine
from shared.kit.stream.stream import Stream
from shared.kit.web.authentication import Authenticated, Caller
from shared.kit.web.problems import errors, forbidden, unavailable
from shared.kit.web.route_bounds import Bounds, Router, bounded

# topic/topic id/partition/offset (records.Origin). The database is asked for nothing else: it logs its slow queries.
_ID = re.compile(r"[a-z0-9._-]{1,100}/[A-Za-z0-9_-]{1,60}/[0-9]{1,10}/[0-9]{1,20}")
AUDIT = "audit"
MOST_IDS = 200
_log = logger("audit")
OneId = Annotated[str, StringConstraints(max_length=200)]


class SetApart(BaseModel):
    """One record that could not be processed: where it was and why; never what was in it."""

    id: str
    topic: str
    partition: int
    offset: int
    reason: str
    field: str
    type: str | None
    attempts: int
    set_apart: datetime


class Again(BaseModel):
    """Which records to try again; without ``ids`` all that are set apart."""

    model_config = ConfigDict(extra="forbid")
    ids: Annotated[list[OneId], Field(max_length=MOST_IDS)] | None = None


class Replayed(BaseModel):
    """How many worked now, and how many are still set apart, with the reason of now; of the ``ids`` that were named
    ``unknown`` are not set apart, or not any more."""

    worked: int
    still_apart: int
    unknown: int


async def _administrator(caller: Authenticated) -> Caller:
    if not caller.administers:
        raise forbidden("administers")
    return caller


Operator = Annotated[Caller, Depends(_administrator)]


async def write_audit(database: Database, caller: Caller, action: str) -> None:
    """Before the answer. Raises the 503 problem when it cannot be written."""
    who = {"agency": caller.agency_id, "key_id": caller.key_id}
    entry = {"_id": random_id(), "at": machine_time(), **who, "action": action, "outcome": "answered"}
    try:
        await database[AUDIT].insert_one(entry)
    except PyMongoError as error:
        _log.error("audit_failed", error=type(error).__name__)
        raise unavailable() from None


def operator_routes(
    quarantine: Callable[[], Quarantine], streams: Sequence[Stream], database: Callable[[], Database]
) -> APIRouter:
    """The routes; quarantine and database exist once the service has started. What is read is audited first."""
    routes = Router(tags=["operator"])

    @routes.get("/quarantine", responses=errors(403), summary="What was set apart, newest first")
    async def apart(caller: Operator, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> list[SetApart]:
        """Without the payload, which stays sealed."""
        await write_audit(database(), caller, "quarantine")
        found = await quarantine().reasons(limit)
        return [SetApart(id=each["_id"], **{n: each[n] for n in SetApart.model_fields if n != "id"}) for each in found]

    @routes.post("/quarantine/replay", responses=errors(403), summary="Try again what was set apart")
    @bounded(Bounds(most_bytes=49_152))
    async def replay(caller: Operator, again: Again) -> Replayed:
        """Each on its own: what fails again stays set apart. Idempotent: what worked is not apart any more."""
        await write_audit(database(), caller, "quarantine-replay")
        named = [] if again.ids is None else list(dict.fromkeys(again.ids))
        wanted = None if again.ids is None else [id for id in named if _ID.fullmatch(id)]
        worked = still = 0
        for stream in streams:
            done, left = await stream.replay(wanted)
            worked, still = worked + done, still + left
        unknown = 0 if wanted is None else max(0, len(named) - worked - still)
        return Replayed(worked=worked, still_apart=still, unknown=unknown)

    return routes
