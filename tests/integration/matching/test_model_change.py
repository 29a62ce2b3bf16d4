"""At the turn of its day another model decides: what stands is told by it, and what was told before by the former."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.matching import main, recomputation
from services.matching.recomputation import recompute
from shared.kit.runtime.admin_commands import store_beside
from tests.integration.matching.parts import NOON, PACK, Setup, told
from tests.support.matching import a_job, a_person
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration
TOMORROW = NOON + timedelta(days=1)
SWAPPED = {**PACK.matching.weights, "occupation": PACK.matching.weights["commute"]}
SWAPPED["commute"] = PACK.matching.weights["occupation"]
COMING = {"weights": SWAPPED, "weights_version": "next", "valid_from": TOMORROW.date()}
TWO = replace(PACK, coming=PACK.matching.model_copy(update=COMING))


async def test_a_model_decides_from_its_day_on_without_a_restart(
    kafka: str, mongo_url: str, database: Any, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (main, recomputation):
        monkeypatch.setattr(module, "load_pack", lambda name: TWO)
    setup, now = Setup(kafka, mongo_url, database.name, topic_prefix), [NOON]
    person = a_person(1, consents=[{"purpose": "matching", "until": "2099-12-31"}])
    async with setup.running(now=lambda: now[0]):
        await setup.publish(told(a_job(1, closes="2099-12-31")), told(person))
        first = await eventually(lambda: database.matches.find_one({"match.model": PACK.weights_version}))
        now[0] = TOMORROW
        then = await eventually(lambda: database.matches.find_one({"match.model": "next"}))
        await setup.publish(told(a_job(2, closes="2099-12-31"), 1))  # it takes in what comes, too
        await eventually(lambda: database.matches.find_one({"match.model": "next", "sequence": 1}))
    assert (first["_id"], first["sequence"], then["sequence"]) == (then["_id"], 1, 2)
    assert first["match"]["score"] != then["match"]["score"]
    settings = setup.settings()
    async with store_beside(settings) as store:
        found = json.loads(await recompute(first["_id"])(store, settings))
    assert [(one["model"], one["result"]) for one in found["versions"]] == [
        ("next", "equal"),
        (PACK.weights_version, "equal"),
    ]
