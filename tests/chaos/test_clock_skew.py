"""The clocks of the services are 70 days ahead or behind, each in either direction, also across a restart, while events
come; then they are mended. Nothing was lost, lapsed or recalled for good: partners hold what the oracle says.

All are wrong at once, so that the services differ from each other by 140 days, too: each compares itself with MongoDB
alone, none with a neighbour.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
import time
import urllib.request
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from rich.console import Console

from deploy.local.timeouts import scaled
from samples.world import World, load_setting
from samples.world.days import Chapter, today_of
from verification.harness.child_processes import Program
from verification.harness.console import Screen
from verification.harness.keyring import SERVICES
from verification.harness.oracle_check import judge
from verification.harness.scenario import Scenario
from verification.harness.system import Ports, System

pytestmark = pytest.mark.chaos
PATIENCE = 120.0
DAYS = 70
ENDS = 40  # days from today at which every consent ends: before the day that a wrong clock believes in
WRONG_SECONDS = 3.0  # so long it goes on with the wrong time after its restart


class SkewedProgram(Program):
    """A service whose wall clock the test sets."""

    def command(self) -> list[str]:
        return [sys.executable, "-m", "verification.chaos.clock_skew", self._module]


class SkewedSystem(System):
    """A system on which every service has a clock of its own."""

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.wrong"

    def _service(self, name: str) -> Program:
        variables = self.variables(name) | {"CLOCK_SKEW_FILE": str(self._file(name))}
        port, log = self._ports.programs[name], self.logs / f"{name}.log"
        return SkewedProgram(f"services.{name}", port, log, variables, variable="-")

    def set_clock(self, name: str, days: int) -> None:
        """This service's machine is wrong by so many days from now on."""
        half = self._file(name).with_suffix(".half")
        half.write_text(str(days * 24 * 3600))
        half.replace(self._file(name))

    async def until_all_say(self, clock: str | None) -> None:
        """Until every ``/ready`` says so of its clock."""
        await asyncio.gather(*(self._until_it_says(name, clock) for name in SERVICES))

    async def _until_it_says(self, name: str, clock: str | None) -> None:
        end = time.monotonic() + scaled(PATIENCE)
        while time.monotonic() < end:
            try:
                if (await asyncio.to_thread(self._ready, name)).get("clock") == clock:
                    return
            except OSError:
                pass  # it is starting
            await asyncio.sleep(0.2)
        raise AssertionError(f"{name} never said {clock} of its clock")

    def _ready(self, name: str) -> dict[str, object]:
        with urllib.request.urlopen(self.services[name].url + "/ready", timeout=5.0) as answer:  # our own loopback
            found: dict[str, object] = json.loads(answer.read())
        return found


def ending_soon(world: World, day: int) -> list[Chapter]:
    """That day, with consents that end before 70 days are over."""
    last = (world.today + timedelta(days=ENDS)).isoformat()
    chapters = world.day(day)
    for chapter in chapters:
        for item in chapter.items:
            for consent in item.event["data"].get("consents", ()):
                if consent.get("until", "") > last:
                    consent["until"] = last
    return chapters


class TestAWrongClock:
    async def test_takes_nothing_back_for_good(self, tmp_path: Path) -> None:
        setting = load_setting()
        world = World(setting, seed=5, people=30, today=today_of(setting))
        system = SkewedSystem(tmp_path, setting, Ports.any())
        try:
            await system.start()
            async with aiohttp.ClientSession() as session:
                scenario = Scenario(system, world, Screen(Console(file=io.StringIO())), session)
                await scenario.register()
                await system.start_partners()
                for chapter in ending_soon(world, 1):
                    await scenario.send_chapter(chapter)
                assert await scenario.until_quiet(PATIENCE), await scenario.unfinished()
                for day, direction in ((2, 1), (3, -1)):
                    for name, days in zip(SERVICES, (DAYS, -DAYS, DAYS), strict=True):
                        system.set_clock(name, direction * days)
                    await system.until_all_say("doubtful")
                    await asyncio.gather(*map(system.kill, SERVICES))  # wrong from the beginning of their next lives
                    await system.until_all_say("doubtful")
                    for chapter in ending_soon(world, day):
                        await scenario.send_chapter(chapter)
                    await asyncio.sleep(WRONG_SECONDS)
                    for name in SERVICES:
                        system.set_clock(name, 0)
                    await system.until_all_say(None)
                assert await scenario.until_quiet(PATIENCE), await scenario.unfinished()
                found = await asyncio.to_thread(judge, scenario)
                apart = await asyncio.to_thread(scenario.databases.quarantined)
                sent = await asyncio.to_thread(scenario.databases.documents, "intake", "outbox")
                scenario.databases.close()
        finally:
            await system.stop()
        assert (found.verdict.missing, found.verdict.surplus, found.verdict.doubled) == (frozenset(), frozenset(), 0)
        assert (found.unlike, apart, system.crashed()) == (0, 0, [])
        assert scenario.ledger.unexpected == []
        types = {dict(map(tuple, event["h"])).get("ce_type") for row in sent for event in row["events"]}
        assert b"consent-given" in types
        assert b"consent-lapsed" not in types
