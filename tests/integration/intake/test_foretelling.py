"""On the real database: consents that end soon are counted by their last day, told once a day, and hide a class."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.intake.consent_expiry import ConsentExpiryJob
from services.intake.repository import BEFORE_ALL, Repository
from shared.kit.base import metrics
from shared.kit.base.clock import Clock
from tests.unit.intake.memory import House, today

pytestmark = pytest.mark.integration

NAMES = ("ieum_people_with_consent_ending", "ieum_people_with_consent_ending_share")


class TestForetell:
    async def test_it_counts_thirty_days_once_a_day_from_twenty_people_on(self, database: Any) -> None:
        house = House()
        days = [0]
        job = ConsentExpiryJob(
            house.store,  # type: ignore[arg-type]  # stands in for the real store
            Repository(database),
            replace(house.dependencies, clock=Clock(wall=lambda: house.store.now + timedelta(days=days[0]))),
        )

        async def foretold(*ends: int) -> tuple[float | None, ...]:
            """What is told when ten more people's first consents end on each of these days."""
            await database.people.insert_many(
                {"_id": f"{end}-{number}", "ends": today(end)} for end in ends for number in range(10)
            )
            await job.foretell()
            return tuple(metrics.REGISTRY.get_sample_value(name) for name in NAMES)

        await database.people.insert_one({"_id": "without a consent", "ends": None})
        assert await foretold(0, 31) == (0, 0), "ten people within thirty days"
        assert await foretold(30, 32, 33) == (0, 0), "twenty, but this day was told before"
        days[0] = 1
        assert await foretold(2, 3, 4) == (50, 0.7), "fifty of seventy: day 0 is over, 32 and 33 are later"


class TestOver:
    async def test_they_are_gone_through_by_day_and_id_whatever_became_of_those_before(self, database: Any) -> None:
        kept, ended = Repository(database), [(today(-end), f"p{number}") for end in (3, 2) for number in range(3)]
        rows: list[dict[str, Any]] = [{"_id": f"{end}/{id}", "ends": end} for end, id in reversed(ended)]
        others = [{"_id": "today", "ends": today()}, {"_id": "later", "ends": today(3)}, {"_id": "none", "ends": None}]
        for collection, find in (("people", kept.ended), ("opportunities", kept.adverts_ended)):
            await database[collection].insert_many([*rows, *others])
            found, after = list[tuple[str, str]](), BEFORE_ALL
            while page := await find(today(), after, 2):
                found += page
                after = page[-1]
            assert found == sorted((end, f"{end}/{id}") for end, id in ended)
