"""Intake's database is put back from a copy while matching and notifications hold what was said since."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from services.intake.admin_commands import COMMANDS
from services.matching.main import build as matching
from services.matching.settings import MatchingSettings
from shared.kit.runtime.admin_commands import store_beside
from tests.integration.intake.running import Partner as Agency
from tests.integration.intake.running import intake, register, settings
from tests.integration.notifications.parts import Client, Partner, Setup
from tests.support.broker import IDEMPOTENT, SESSION_TIMEOUT_MS
from tests.support.database_copy import DatabaseCopy
from tests.support.waiting import eventually
from tests.unit.intake.memory import example
from tests.unit.notifications.world import holding

pytestmark = pytest.mark.e2e
TAKEN = {"consents": [{"purpose": "notice", "recipient": "gjf"}]}


class Town:
    """Matching, notifications and a partner's webhook, which stay; intake, which comes and goes."""

    def __init__(self, kafka: str, mongo_url: str, mongo: Any, prefix: str) -> None:
        names = {each: f"test_{each}_{secrets.token_hex(4)}" for each in ("intake", "matching", "notifications")}
        self.chosen = settings(
            kafka, mongo_url, database=names["intake"], topic_prefix=prefix, lapse_seconds=3600, port=0
        )
        self._matching = MatchingSettings(
            profile="development", kafka=kafka, mongo_url=mongo_url, database=names["matching"], port=0,
            topic_prefix=prefix, kafka_idempotent=IDEMPOTENT, session_timeout_ms=SESSION_TIMEOUT_MS,
            lease_seconds=2.0, netting_seconds=0.2,
        )  # fmt: skip
        self._notifications = Setup(kafka, mongo_url, names["notifications"], prefix)
        self.database, self._mongo, self._names = mongo[names["intake"]], mongo, names
        self.partner = Partner()
        self.agencies: dict[str, Agency] = {}
        self.admin: Any = None
        self.told: Any = None

    @asynccontextmanager
    async def others(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.partner)
            app = matching(self._matching)
            await stack.enter_async_context(app.router.lifespan_context(app))
            self.told = await stack.enter_async_context(self._notifications.running())
            yield
        for name in self._names.values():
            await self._mongo.drop_database(name)

    @asynccontextmanager
    async def intake(self) -> AsyncIterator[None]:
        async with intake(self.chosen) as (_, self.admin):
            for agency in self.agencies.values():
                agency.http = self.admin.http
            yield

    async def agency(self, name: str, recipient_class: str) -> Agency:
        self.agencies[name] = await register(self.admin, name, recipient_class)
        return self.agencies[name]

    async def restored(self) -> None:
        async with store_beside(self.chosen) as store:
            await COMMANDS["restored"](store, self.chosen)

    async def holds(self, *expected: tuple[str, str]) -> None:
        """The partner holds these and no others."""

        async def they_do() -> bool:
            return holding(self.partner.told) == set(expected)

        await eventually(they_do)


async def sent(agency: Agency, type: str, data: dict[str, Any], status: str = "accepted", **more: Any) -> Any:
    answer = await agency.send(type, data, time=datetime.now(UTC).isoformat(), **more)
    assert (answer.status_code, answer.json()["status"]) == (202, status), answer.text
    return answer.json()


async def test_a_withdrawal_is_obeyed_and_what_was_withdrawn_stays_so(
    kafka: str, mongo_url: str, mongo: Any, topic_prefix: str
) -> None:
    town = Town(kafka, mongo_url, mongo, topic_prefix)
    async with town.others():
        async with town.intake():
            hanawon, gjf = await town.agency("hanawon", "case"), await town.agency("gjf", "service")
            token = gjf.headers["authorization"].removeprefix("Bearer ")
            async with Client(town.told, token) as client:
                await client.subscribed("webhook", town.partner.url)
            job = (await sent(gjf, "job-posted", example("job-posted")))["opportunity"]
            for reference in ("STAYS", "TAKES"):
                await sent(hanawon, "trainee-graduated", example("trainee-graduated", reference=reference))
            stays, takes = [await alias(town, reference) for reference in ("STAYS", "TAKES")]
            await town.holds((stays, job), (takes, job))
        copy = await DatabaseCopy.of(town.database)
        async with town.intake():
            for car in (True, False, True):
                changed = example("person-updated", reference="STAYS", has={"driving_licence": True, "car": car})
                await sent(hanawon, "person-updated", changed)
            given = hanawon.event("consent-given", {"reference": "TAKES", **anew()}, time=datetime.now(UTC).isoformat())
            await sent(hanawon, "consent-withdrawn", {"reference": "TAKES", **TAKEN})
            await sent(hanawon, "trainee-graduated", example("trainee-graduated", reference="NEW"))
            new = await alias(town, "NEW")
            await town.holds((stays, job), (new, job))
        await copy.put_back(town.database)
        await town.restored()
        async with town.intake():
            await town.holds((stays, job))
            assert (await hanawon.post(given)).json()["status"] == "superseded"
            await sent(hanawon, "consent-withdrawn", {"reference": "STAYS", **TAKEN})
            await town.holds()
            await sent(hanawon, "consent-given", {"reference": "TAKES", **anew()})
            await town.holds((takes, job))
            await sent(gjf, "job-closed", example("job-closed"))
            await town.holds()


def anew() -> dict[str, Any]:
    [given] = [each for each in example("consent-given")["consents"] if each["purpose"] == "notice"]
    return {"consents": [given]}


async def alias(town: Town, reference: str) -> str:
    """Under which gjf knows a person of hanawon's."""
    own = (await town.agencies["hanawon"].lookup(reference)).json()["alias"]
    found = await town.database.people.find_one({"state.aliases.alias": own})
    return next(str(each["alias"]) for each in found["state"]["aliases"] if each["agency"] == "gjf")
