"""Identity is readable nowhere but in the vault: not in the database, not on the bus."""

from __future__ import annotations

import pytest

from services.intake.identity import Vault
from services.intake.settings import DEVELOPMENT_KEK
from tests.integration.intake.running import on_the_bus
from tests.integration.intake.world import World, graduate
from tests.unit.intake.memory import example

pytestmark = pytest.mark.integration


class TestIdentityAtRest:
    async def test_no_planted_value_is_readable_in_the_database_or_on_the_bus(self, world: World) -> None:
        planted = {
            "name": "갈빛노을",
            "birth_date": "1987-07-17",
            "phone": "+82-10-9876-5432",
            "address": "물푸레로 777",
        }
        reference = "ZQ-PLANTED-77"
        data = graduate(reference, identity={**planted, "sex": "male", "email": "zq@planted.invalid"})
        await world.hanawon.send("trainee-graduated", data, id=f"{reference}-graduated")
        wrong = graduate("ZQ-PLANTED-78", identity={**planted, "sex": "male"}, certificates=["갈빛노을"])
        await world.hanawon.send("trainee-graduated", wrong, id=f"{reference}-again")
        await world.gjf.send("job-posted", example("job-posted", reference="ZQ-JOB-79"))
        stored = await world.stored()
        for event in await on_the_bus(world.kafka, world.prefix + "people"):
            stored += event.data.model_dump_json().encode() + repr(event).encode()
        for secret in (
            *planted.values(),
            reference,
            "ZQ-PLANTED-78",
            "zq@planted",
            "ZQ-JOB-79",
            "98765432",
            "9876-5432",
        ):
            assert secret.encode() not in stored, secret
        assert b"legal-dong-2026:41270" in stored  # the search finds what is there

    async def test_the_vault_can_open_it_and_the_database_refuses_it_in_clear(self, world: World) -> None:
        await world.hanawon.send("trainee-graduated", graduate("R-40"))
        vault = Vault(bytes.fromhex(DEVELOPMENT_KEK))
        opened = [vault.open(record, "reference") async for record in world.runtime.database.identities.find()]
        assert "R-40" in opened
        with pytest.raises(Exception, match="Document failed validation"):
            await world.runtime.database.identities.insert_one(
                {"_id": "x", "key": b"k", "sealed": {"name": "in clear"}}
            )
