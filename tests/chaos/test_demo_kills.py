"""The demo's own kill, and its second run: the broker comes back without its log. More kills: tests/chaos/flow."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import aiohttp
import pytest
from rich.console import Console

from samples.demo import KILLS, Options, running_demo
from samples.world import World, load_setting
from samples.world.days import today_of
from verification.harness.console import Screen
from verification.harness.oracle_check import judge
from verification.harness.scenario import Scenario
from verification.harness.system import Ports, System

pytestmark = pytest.mark.chaos
PATIENCE = 120.0


def silent() -> Screen:
    return Screen(Console(file=io.StringIO()))


class TestAKillInTheMiddle:
    async def test_loses_nothing_and_doubles_nothing(self, tmp_path: Path) -> None:
        target = "broker"
        assert target in KILLS
        async with running_demo(Options(people=40, kill=target, keep=tmp_path), silent()) as (scenario, quiet):
            assert quiet, await scenario.unfinished()
            found = await asyncio.to_thread(judge, scenario)
            apart = await asyncio.to_thread(scenario.databases.quarantined)
        assert target in scenario.system.restarted
        assert scenario.ledger.unexpected == []
        assert (found.verdict.missing, found.verdict.surplus, found.verdict.doubled) == (frozenset(), frozenset(), 0)
        assert (found.unlike, apart, scenario.system.crashed()) == (0, 0, [])


class TestASecondRun:
    async def test_goes_on_with_its_data_although_the_broker_forgot_its_log(self, tmp_path: Path) -> None:
        setting = load_setting()
        world = World(setting, seed=3, people=30, today=today_of(setting))
        ledger = None
        for day in (1, 2):
            system = System(tmp_path, setting, Ports.any())
            try:
                await system.start()
                async with aiohttp.ClientSession() as session:
                    scenario = Scenario(system, world, silent(), session)
                    ledger = scenario.ledger = ledger or scenario.ledger
                    await scenario.register()
                    await system.start_partners()
                    for chapter in world.day(day):
                        await scenario.send_chapter(chapter)
                    assert await scenario.until_quiet(PATIENCE), await scenario.unfinished()
                    found = await asyncio.to_thread(judge, scenario)
                    apart = await asyncio.to_thread(scenario.databases.quarantined)
                    scenario.databases.close()
            finally:
                await system.stop()
            assert (found.verdict.missing, found.verdict.surplus, found.verdict.doubled) == (
                frozenset(),
                frozenset(),
                0,
            )
            assert (found.unlike, apart, system.crashed()) == (0, 0, [])
            assert scenario.ledger.unexpected == []
