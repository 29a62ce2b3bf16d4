"""`make demo`: one day of an invented world through everything, then the oracle's verdict as the last line (JSON).

``python -m samples.demo --seed 1 --people 150 --kill matching``. Ends with 1 when something was lost, doubled,
answered otherwise than it should be, or ended by itself; 2 when it could not run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from samples.world import World, load_setting
from samples.world.days import today_of
from verification.harness.command import running
from verification.harness.console import Screen
from verification.harness.external_stack import Addresses, ExternalSystem
from verification.harness.folders import folder_of, lacking
from verification.harness.oracle_check import judge
from verification.harness.scenario import Scenario
from verification.harness.system import Ports, System
from verification.harness.violations import violations
from verification.oracle.verdict import percentile

KILLS = ("intake", "matching", "notifications", "broker")
KILL_AT = "openings"  # in the middle of this chapter


@dataclass(frozen=True)
class Options:
    """What the command line says; ``patience``: the longest wait for the end, in seconds."""

    seed: int = 1
    people: int = 120
    kill: str | None = None
    pack: str = "kr-gyeonggi"
    keep: Path | None = None
    external: bool = False

    @property
    def patience(self) -> float:
        """More people, more to do."""
        return 60.0 + self.people * 0.8


@asynccontextmanager
async def running_demo(options: Options, screen: Screen) -> AsyncIterator[tuple[Scenario, bool]]:
    """Start everything, play the day, and hand over what stands then: the scenario, and whether all became quiet.

    Everything is stopped afterwards, and the folder removed unless it is to be kept. Raises StartError, HubUnavailable.
    """
    setting = load_setting(options.pack)
    world = World(setting, seed=options.seed, people=options.people, today=today_of(setting))
    folder = folder_of("demo", options.keep)
    system: System
    if options.external:
        system = ExternalSystem(folder, setting, Addresses.read())
    else:
        system = System(folder, setting, Ports.any(), screen.again)
    try:
        await system.start(screen.up)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            scenario = Scenario(system, world, screen, session)
            try:
                yield scenario, await _day(scenario, options)
            finally:
                scenario.databases.close()
    finally:
        await system.stop()
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


async def demo(options: Options, screen: Screen, began: float) -> tuple[dict[str, Any], bool]:
    """Play the day. The last line's object, and whether all was well. Raises StartError, HubUnavailable."""
    async with running_demo(options, screen) as (scenario, quiet):
        return await _judged(scenario, options, quiet, began)


async def _day(scenario: Scenario, options: Options) -> bool:
    """Everything that happens, up to when all is quiet. Whether it became quiet in time."""
    await scenario.register()
    await scenario.system.start_partners(scenario.screen.up)
    *chapters, withdrawals = scenario.world.day(1)
    for chapter in chapters:
        await scenario.send_chapter(chapter, _killer(scenario, options) if chapter.name == KILL_AT else None)
        if chapter.name == "openings":
            await scenario.vet(1)
    quiet = await scenario.until_quiet(options.patience)
    scenario.screen.partners(scenario.counts())
    await scenario.show_somebody()
    quiet = await scenario.withdraw(withdrawals, options.patience) and quiet
    scenario.screen.partners(scenario.counts())
    if not quiet:
        await scenario.say_unfinished()
    return quiet


def _killer(scenario: Scenario, options: Options) -> Callable[[], Awaitable[None]] | None:
    if options.kill is None:
        return None
    name = options.kill

    async def kill() -> None:
        scenario.screen.killed(name)
        await scenario.system.kill(name)

    return kill


async def _judged(scenario: Scenario, options: Options, quiet: bool, began: float) -> tuple[dict[str, Any], bool]:
    ledger = scenario.ledger
    judgement = await asyncio.to_thread(judge, scenario)
    recorded = await asyncio.to_thread(scenario.databases.recorded)
    holdings = list(scenario.holdings().values())
    waits = [
        (at - recorded[notice].timestamp()) * 1000
        for holding in holdings
        for notice, at in holding.first.items()
        if notice in recorded
    ]
    result: dict[str, Any] = {
        "accepted": len(ledger.accepted),
        "refused": len(ledger.refused),
        "people": len(judgement.state.people),
        "openings": len(judgement.state.openings),
        "matches": len(scenario.databases.current_matches()),
        "deliveries": sum(holding.notices + holding.recalls for holding in holdings),
        "acknowledged": sum(len(scenario.system.partner_store(name).acknowledged()) for name in ("feed", "webhook")),
        "recalled": sum(holding.recalls for holding in holdings),
        "p50_ms": _rounded(percentile(waits, 0.5)),
        "p99_ms": _rounded(percentile(waits, 0.99)),
        "lost": judgement.verdict.lost,
        "doubled": judgement.verdict.doubled,
        "duplicate_deliveries": sum(holding.duplicates for holding in holdings),
        "seconds": round(time.time() - began, 1),
    }
    if scenario.system.restarted:
        scenario.screen.say("다시 시작된 것", f"started again: {', '.join(scenario.system.restarted)}", "yellow")
    return result, not await violations(scenario, quiet, judgement)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _options(arguments: list[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m samples.demo")
    parser.add_argument("--seed", type=int, default=1, help="of the world: the same one, the same day (1)")
    parser.add_argument("--people", type=int, default=120, help="graduates and walk-in clients (120)")
    parser.add_argument("--kill", choices=KILLS, help="kill it once in the middle")
    parser.add_argument("--pack", default="kr-gyeonggi", help="the programme's data: kr-gyeonggi or xx-island")
    parser.add_argument("--keep", type=Path, help="use this folder and leave it there")
    parser.add_argument(
        "--external",
        action="store_true",
        help="against services that stand: see verification/harness/external_stack.py",
    )
    return Options(**vars(parser.parse_args(arguments)))


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    options = _options(arguments)
    with running(() if options.external else lacking(options.keep)):
        began = float(os.environ.get("BEGAN") or time.time())
        result, well = asyncio.run(demo(options, Screen(), began))
    print(json.dumps(result), flush=True)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
