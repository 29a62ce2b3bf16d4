"""The routes of an agency's own keys."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import date
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.intake.domain.key_rules import LONGEST_GRACE_DAYS
from services.intake.own_keys.service import OwnKeys
from shared.access.api_keys import Calling
from shared.events.topics.agencies import Agency
from shared.kit.web.problems import errors, not_found
from shared.kit.web.response_model import Answer, answer
from shared.kit.web.route_bounds import Router

KeyId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{3,40}$")]
KEY_ID = "gjf-2"  # as an example


class NewKey(BaseModel):
    """A key to add. `secret_sha256`: SHA-256 over the 32 bytes of a secret that stays with you; without it a key is
    made here, and shown in this answer only."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    key_id: KeyId = Field(examples=[KEY_ID])
    secret_sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        default=None, examples=[sha256(b"").hexdigest()]
    )


class OwnKey(Answer):
    """One of your keys, without its secret. `until`: its last day; `calling`: the one that asks; `key`: only of one
    that was made here just now."""

    key_id: str
    until: date | None = None
    calling: bool = False
    key: str | None = None


class OwnKeyList(Answer):
    """Your keys."""

    keys: list[OwnKey]


def make_router(own_keys: Callable[[], OwnKeys]) -> APIRouter:
    """The routes. They need a key of the agency and no right. ``own_keys`` is called at each request."""
    router = Router(tags=["keys"])

    @router.get("/keys", response_model=OwnKeyList, summary="Your keys")
    async def keys(caller: Calling) -> Response:
        """All that are registered, without their secrets."""
        return answer(_list(caller.agency, caller.key_id))

    @router.post("/keys", status_code=201, response_model=OwnKey, summary="One more key of your own")
    async def add(new: NewKey, caller: Calling) -> Response:
        """It counts at every service within a second, and the key that asks goes on as before. The same key again is
        the same answer. End the old one with the new one: then it has shown that it works."""
        secret = None if new.secret_sha256 else secrets.token_bytes(32)
        hashed = new.secret_sha256 or sha256(secret or b"").hexdigest()
        agency = await own_keys().add(caller, new.key_id, hashed)
        (made,) = [one for one in _list(agency, caller.key_id).keys if one.key_id == new.key_id]
        return answer(made if secret is None else made.model_copy(update={"key": f"{new.key_id}.{secret.hex()}"}), 201)

    @router.delete("/keys/{key_id}", response_model=OwnKeyList, responses=errors(404), summary="End another key")
    async def end(
        key_id: Annotated[KeyId, Path(examples=[KEY_ID])],
        caller: Calling,
        grace_days: Annotated[
            int, Query(ge=0, le=LONGEST_GRACE_DAYS, description="it holds for so long; 0: it ends at once")
        ] = 0,
    ) -> Response:
        """It holds for the days of grace, today not counted. No key ends itself, so nobody shuts itself out."""
        agency = await own_keys().end(caller, key_id, grace_days)
        if agency is None:
            raise not_found()
        return answer(_list(agency, caller.key_id))

    return router


def _list(agency: Agency, calling: str) -> OwnKeyList:
    return OwnKeyList(
        keys=[OwnKey(key_id=key.key_id, until=key.until, calling=key.key_id == calling) for key in agency.keys]
    )
