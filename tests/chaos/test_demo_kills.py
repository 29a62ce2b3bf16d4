"""The demo's own kill, and its second run: the broker comes back without its log. More kills: tests/chaos/flow."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import aiohttp
import pytest
from rich.console import Console

from samples.demo import KILLS, Options, performed
from samples.world import World, load_setting
from samples.world.days import today_of
from verification.harness.judgement import judge
from verification.harness.scenario import Play
from verification.harness.screen import Screen
from verification.harness.system import Ports, Stage

pytestmark = pytest.mark.chaos
PATIENCE = 120.0


def silent() -> Screen:
    return Screen(Console(file=io.StringIO()))


class TestAKillInTheMiddle:
    async def test_loses_nothing_and_doubles_nothing(self, tmp_path: Path) -> None:
        victim = "broker"
        assert victim in KILLS
        async with performed(Options(people=40, kill=victim, keep=tmp_path), silent()) as (play, quiet):
            assert quiet, await play.unfinished()
            found = await asyncio.to_thread(judge, play)
            apart = await asyncio.to_thread(play.inside.set_apart)
        assert victim in play.stage.restarted
        assert play.ledger.surprises == []
        assert (found.verdict.missing, found.verdict.left, found.verdict.doubled) == (frozenset(), frozenset(), 0)
        assert (found.unlike, apart, play.stage.crashed()) == (0, 0, [])


class TestASecondRun:
    async def test_goes_on_with_its_data_although_the_broker_forgot_its_log(self, tmp_path: Path) -> None:
        setting = load_setting()
        world = World(setting, seed=3, people=30, today=today_of(setting))
        ledger = None
        for day in (1, 2):
            stage = Stage(tmp_path, setting, Ports.any())
            try:
                await stage.start()
                async with aiohttp.ClientSession() as session:
                    play = Play(stage, world, silent(), session)
                    ledger = play.ledger = ledger or play.ledger
                    await play.register()
                    await stage.start_partners()
                    for chapter in world.day(day):
                        await play.act(chapter)
                    assert await play.until_quiet(PATIENCE), await play.unfinished()
                    found = await asyncio.to_thread(judge, play)
                    apart = await asyncio.to_thread(play.inside.set_apart)
                    play.inside.close()
            finally:
                await stage.stop()
            assert (found.verdict.missing, found.verdict.left, found.verdict.doubled) == (frozenset(), frozenset(), 0)
            assert (found.unlike, apart, stage.crashed()) == (0, 0, [])
            assert play.ledger.surprises == []
