"""A database that was put back from a copy: what the runbook asks for before the first start is one command."""

from __future__ import annotations

from typing import Any

import pytest

from services.matching.restored_command import restored
from shared.kit.runtime.admin_commands import store_beside
from shared.kit.runtime.connect import CannotStart
from tests.integration.matching.parts import Setup, told
from tests.support.matching import a_job, a_person
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration


async def test_it_forgets_what_was_worked_out_and_matches_are_numbered_from_above_what_was_told(
    kafka: str, mongo_url: str, database: Any, topic_prefix: str
) -> None:
    setup = Setup(kafka, mongo_url, database.name, topic_prefix)
    settings = setup.settings()
    person = a_person(1, consents=[{"purpose": "matching", "until": "2099-12-31"}])
    async with setup.running(), store_beside(settings) as store:
        await eventually(lambda: database.leases.find_one({"_id": "matching", "owner": "matching-1"}))
        with pytest.raises(CannotStart, match="stop all replicas"):
            await restored("70")(store, settings)
    await database.opening_chunks.insert_one({"_id": "999"})
    async with store_beside(settings) as store:
        for number in ("70", "7"):
            await restored(number)(store, settings)
        with pytest.raises(CannotStart, match="highest-match"):
            await restored("many")(store, settings)
    assert not {"opening_chunks", "lists", "progress"} & set(await database.list_collection_names())
    async with setup.running():
        await setup.publish(told(person), told(a_job(1, closes="2099-12-31")))
        found = await eventually(lambda: database.matches.find_one({"standing": True}))
        [event] = await eventually(setup.emitted)
    assert found["person"] == person.person
    assert event.sequence == 71
