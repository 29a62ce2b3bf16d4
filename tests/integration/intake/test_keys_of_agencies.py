"""A key id names one agency: two doors at once cannot give it to two, and nobody else can write it twice either."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest
from pymongo.errors import DuplicateKeyError

from services.intake.documents import AGENCIES
from services.intake.first_administrator import first_administrator
from services.intake.indexes_and_retention import INDEXES
from services.intake.repository import Repository
from services.intake.request_admission import Admitted
from services.intake.service import Door
from shared.access.agencies import agency_document
from shared.access.api_keys import Caller
from shared.kit.runtime.cloudevent_codec import CloudEventCodec
from shared.kit.store.mongo import Database, connect, ensure_indexes
from shared.kit.store.outbox import Outbox
from shared.kit.store.store import Store
from tests.unit.intake.memory import House, agency, dependencies

pytestmark = pytest.mark.integration


class Doors:
    """Two doors of one intake on the same database, as two replicas have them; nothing is published."""

    def __init__(self, mongo_url: str, name: str) -> None:
        self.clients = [connect(mongo_url) for _ in range(2)]
        self.database: Database = self.clients[0][name]
        self.stores = [Store(client[name], _outbox(client[name])) for client in self.clients]
        self.doors = [Door(store, dependencies()) for store in self.stores]
        self.caller = Caller(agency("ops", "public", administers=True), "ops-1")

    async def __aenter__(self) -> Doors:
        await ensure_indexes(self.database, INDEXES)
        for store in self.stores:
            await store.start()
        await self.database[AGENCIES].insert_one(agency_document(self.caller.agency, 1))
        return self

    async def __aexit__(self, *_: object) -> None:
        for store, client in zip(self.stores, self.clients, strict=True):
            await store.stop()
            client.close()

    def registered(self, name: str, key_id: str) -> dict[str, Any]:
        """The event that registers this agency with this key."""
        data = agency(name).model_dump(mode="json", exclude_none=True)
        data["keys"] = [{"key_id": key_id, "secret_sha256": "00" * 32}]
        return House().event("agency-registered", data, by="ops", id=f"register-{name}")


def _outbox(database: Database) -> Outbox:
    class Nowhere:
        kafka = type("Kafka", (), {"instance": secrets.token_hex(4)})

    return Outbox(database, Nowhere(), CloudEventCodec())  # type: ignore[arg-type]  # never started: rows stay in the database


class TestOneHolder:
    async def test_two_doors_at_once_give_a_key_id_to_one_agency_and_tell_the_other(
        self, mongo_url: str, database: Any
    ) -> None:
        async with Doors(mongo_url, database.name) as both:
            for number in range(10):
                key_id = f"shared-{number}"
                answers = await asyncio.gather(
                    *(
                        door.take(Admitted([both.registered(f"{name}-{number}", key_id)], 1), both.caller)
                        for door, name in zip(both.doors, ("one", "other"), strict=True)
                    )
                )
                receipts = [receipt for (receipt,) in answers]
                assert sorted(receipt.status for receipt in receipts) == ["accepted", "refused"]
                (problem,) = [receipt.problem for receipt in receipts if receipt.problem is not None]
                assert (problem.rule, problem.field) == ("key-taken", "/data/keys/0/key_id")
                assert "choose another" in problem.remedy["en"]
                assert await database[AGENCIES].count_documents({"state.keys.key_id": key_id}) == 1

    async def test_the_database_itself_refuses_a_second_holder_and_takes_many_without_a_key(
        self, mongo_url: str, database: Any
    ) -> None:
        async with Doors(mongo_url, database.name):
            for name in ("one", "other"):
                await database[AGENCIES].insert_one({"_id": name, "state": {"keys": []}})
            await database[AGENCIES].insert_one({"_id": "first", "state": {"keys": [{"key_id": "k-1"}]}})
            with pytest.raises(DuplicateKeyError):
                await database[AGENCIES].insert_one({"_id": "second", "state": {"keys": [{"key_id": "k-1"}]}})

    async def test_a_first_administrator_with_a_key_id_in_use_is_not_made_and_the_start_goes_on(
        self, mongo_url: str, database: Any
    ) -> None:
        async with Doors(mongo_url, database.name) as both:
            await database[AGENCIES].delete_many({})
            await database[AGENCIES].insert_one(agency_document(agency("gjf", "service"), 1))
            given, repository = "ops:gjf-1:" + "ab" * 32, Repository(database)
            assert not await first_administrator(given, both.stores[0], repository, dependencies())
            assert await database[AGENCIES].count_documents({}) == 1
            assert await first_administrator("ops:ops-1:" + "ab" * 32, both.stores[0], repository, dependencies())
