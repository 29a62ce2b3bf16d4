"""Consents expire on a real broker and database: a consent that has ended is told to everybody, once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest

from services.intake.consent_expiry import ConsentExpiryJob
from services.intake.dependencies import Dependencies
from services.intake.identity import References, Vault
from services.intake.repository import Repository
from shared.kit.base.clock import Clock
from shared.reference import load_pack
from tests.integration.intake.running import on_the_bus
from tests.integration.intake.world import World, graduate
from tests.unit.intake.memory import today

pytestmark = pytest.mark.integration


class TestConsentExpiry:
    async def test_a_consent_lapses_the_day_after_its_last_once(self, world: World) -> None:
        consents = [
            {"purpose": "matching", "until": today()},
            {"purpose": "notice", "recipient": "gjf", "until": today(5)},
        ]
        receipt = (await world.hanawon.send("trainee-graduated", graduate("R-50", consents=consents))).json()
        runtime, pack = world.runtime, load_pack("kr-gyeonggi")
        dependencies = Dependencies(pack, runtime.ids, runtime.sealer, Vault(bytes(32)), References(runtime.ids))
        repository = Repository(runtime.database)

        def job(clock: Clock) -> ConsentExpiryJob:
            return ConsentExpiryJob(runtime.store, repository, replace(dependencies, clock=clock))

        today_, tomorrow = Clock(), Clock(timedelta(days=1))
        wrong = Clock(wall=lambda: datetime.now(UTC) + timedelta(days=70))
        wrong.heard(datetime.now(UTC), monotonic(), monotonic())
        assert await job(today_).lapse() == 0
        assert await job(wrong).lapse() == 0, "what cannot be taken back waits while the clock is in doubt"
        assert await job(tomorrow).lapse() == 1
        assert await job(tomorrow).lapse() == 0
        events = await on_the_bus(world.kafka, world.prefix + "people", at_least=3)
        person = next(event.key for event in events if event.causationid == receipt["receipt"])
        mine = [event for event in events if event.key == person]
        assert [event.type for event in mine] == ["trainee-graduated", "consent-given", "consent-lapsed"]
        assert [consent.purpose for consent in mine[-1].data.consents] == ["notice"]
        assert mine[-1].sequence == 3
        assert mine[-1].correlationid
