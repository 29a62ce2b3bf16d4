"""The clock of each service alone is 70 days ahead, then behind, also across a restart, while events come; then it is
mended. Nothing was lost, lapsed or recalled for good: partners hold what the oracle says."""

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

from samples.world import World, load_setting
from samples.world.days import Chapter, today_of
from verification.harness.judgement import judge
from verification.harness.keyring import SERVICES
from verification.harness.programs import Program
from verification.harness.scenario import Play
from verification.harness.screen import Screen
from verification.harness.system import Ports, Stage

pytestmark = pytest.mark.chaos
PATIENCE = 120.0
DAYS = 70
ENDS = 40  # days from today at which every consent ends: before the day that a wrong clock believes in
WRONG_SECONDS = 3.0  # so long it goes on with the wrong time after its restart


class WrongProgram(Program):
    """A service whose wall clock the test sets."""

    def command(self) -> list[str]:
        return [sys.executable, "-m", "verification.chaos.clock_skew", self._module]


class WrongStage(Stage):
    """A stage on which every service has a clock of its own."""

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.wrong"

    def _service(self, name: str) -> Program:
        variables = self.variables(name) | {"WRONG_TIME_FILE": str(self._file(name))}
        port, log = self._ports.programs[name], self.logs / f"{name}.log"
        return WrongProgram(f"services.{name}", port, log, variables, variable="-")

    def set_clock(self, name: str, days: int) -> None:
        """This service's machine is wrong by so many days from now on."""
        half = self._file(name).with_suffix(".half")
        half.write_text(str(days * 24 * 3600))
        half.replace(self._file(name))

    async def until_it_says(self, name: str, clock: str | None) -> None:
        """Until ``/ready`` says so of the clock."""
        end = time.monotonic() + PATIENCE
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
        stage = WrongStage(tmp_path, setting, Ports.any())
        doubted: list[str] = []
        try:
            await stage.start()
            async with aiohttp.ClientSession() as session:
                play = Play(stage, world, Screen(Console(file=io.StringIO())), session)
                await play.register()
                await stage.start_partners()
                for chapter in ending_soon(world, 1):
                    await play.act(chapter)
                assert await play.until_quiet(PATIENCE), await play.unfinished()
                number = 2
                for name in SERVICES:
                    for days in (DAYS, -DAYS):
                        stage.set_clock(name, days)
                        await stage.until_it_says(name, "doubtful")
                        await stage.kill(name)  # what it takes for the time of its start is wrong from the beginning
                        await stage.until_it_says(name, "doubtful")
                        for chapter in ending_soon(world, number):
                            await play.act(chapter)
                        await asyncio.sleep(WRONG_SECONDS)
                        stage.set_clock(name, 0)
                        await stage.until_it_says(name, None)
                        doubted.append(name)
                        number += 1
                assert await play.until_quiet(PATIENCE), await play.unfinished()
                found = await asyncio.to_thread(judge, play)
                apart = await asyncio.to_thread(play.inside.set_apart)
                sent = await asyncio.to_thread(play.inside.documents, "intake", "outbox")
                play.inside.close()
        finally:
            await stage.stop()
        assert doubted == [name for name in SERVICES for _ in range(2)]
        assert (found.verdict.missing, found.verdict.left, found.verdict.doubled) == (frozenset(), frozenset(), 0)
        assert (found.unlike, apart, stage.crashed()) == (0, 0, [])
        assert play.ledger.surprises == []
        types = {dict(map(tuple, event["h"])).get("ce_type") for row in sent for event in row["events"]}
        assert b"consent-given" in types
        assert b"consent-lapsed" not in types
