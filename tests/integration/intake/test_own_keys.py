"""An agency changes its own key on a running intake: the new one works within a second, the old one no more."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.intake.documents import AUDIT
from shared.access.api_keys import make_key
from tests.integration.intake.running import Partner, intake, register, settings

pytestmark = pytest.mark.integration


async def answers(partner: Partner, status: int) -> None:
    for _ in range(100):  # keys are read again when older than a second
        if (await partner.get("/keys")).status_code == status:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(status)


async def test_a_key_is_changed_by_its_agency_alone(
    kafka: str, mongo_url: str, database: Any, topic_prefix: str
) -> None:
    async with intake(settings(kafka, mongo_url, database=database.name, topic_prefix=topic_prefix)) as (_, admin):
        old = await register(admin, "gjf", "service")
        token, key = make_key("gjf-2")
        added = await old.http.post(
            "/keys", json={"key_id": "gjf-2", "secret_sha256": key.secret_sha256}, headers=old.headers
        )
        assert (added.status_code, added.headers["cache-control"]) == (201, "no-store")
        new = Partner(old.http, "gjf", token)
        await answers(new, 200)
        itself = await new.http.delete("/keys/gjf-2", headers=new.headers)
        assert (itself.status_code, itself.json()["rule"]) == (422, "own-key")
        assert (await new.http.delete("/keys/gjf-1?grace_days=0", headers=new.headers)).status_code == 200
        await answers(old, 401)
        assert (await new.get("/keys")).json()["keys"] == [{"key_id": "gjf-2", "calling": True}]
        audit = [one async for one in database[AUDIT].find({}, {"_id": 0, "at": 0}).sort("at", 1)]
        assert [(one["action"], one["key_id"], one["key"]) for one in audit] == [
            ("key-added", "gjf-1", "gjf-2"),
            ("key-ended", "gjf-2", "gjf-1"),
        ]
