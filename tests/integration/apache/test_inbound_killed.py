"""Intake killed at the points of its store while an agency publishes: every record decided and answered once."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from deploy.local.apache.broker import ApacheBroker
from tests.integration.apache.agencies import new_agency, security, structured
from tests.integration.intake.running import ADMIN_TOKEN, Partner, Process, register
from tests.unit.intake.memory import example

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("point", ["in transaction", "before commit", "after commit"])
async def test_killed_in_the_middle_nothing_is_lost_or_doubled(
    broker: ApacheBroker, mongo_url: str, mongo: Any, tmp_path: Path, point: str
) -> None:
    given = security(broker)
    more = {
        f"IEUM_{name.upper()}": str(value).lower() if value is True else str(value) for name, value in given.items()
    }
    processes: list[Process] = []

    def started(crash_at: str | None = None) -> Process:
        processes.append(Process(tmp_path, broker.address, mongo_url, "", crash_at=crash_at, more=more))
        return processes[-1]

    try:
        first = started(point)
        http = await first.ready()
        gjf = await new_agency(broker, f"gjf-{secrets.token_hex(3)}")
        await register(Partner(http, "ops", ADMIN_TOKEN), gjf.name, "service")
        await gjf.publish(structured(gjf.event("job-posted", example("job-posted", reference="first"))))
        assert [one["status"] for one in await gjf.answered(1)] == ["accepted"]
        first.trigger.touch()
        events = [gjf.event("job-posted", example("job-posted", reference=f"r-{number}")) for number in range(120)]
        await gjf.publish(*(structured(event) for event in events))
        assert await first.gone() == -9
        first.trigger.unlink()
        await http.aclose()
        second = started()
        await (await second.ready()).aclose()
        answers = await gjf.answered(121)
        assert [one["status"] for one in answers] == ["accepted"] * 121
        assert [one["offset"] for one in answers] == list(range(121))
        held = mongo[second.database]
        assert await held.opportunities.count_documents({}) == 121
        assert await held.inbox.count_documents({"agency": gjf.name}) == 121
    finally:
        for process in processes:
            process.kill()
        await mongo.drop_database(processes[0].database)
