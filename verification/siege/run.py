"""One siege: systems are started, attacks run, figures come out."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console

from samples.world import World, load_setting
from samples.world.days import today_of
from verification.harness.console import Screen
from verification.harness.folders import folder_of
from verification.harness.scenario import Scenario
from verification.harness.system import Ports, System
from verification.siege import forgery
from verification.siege.attacks import ATTACKS
from verification.siege.backlog import backlogs
from verification.siege.figures import AttackResult, Backlog, OverloadReport, line_of
from verification.siege.http_attacks import WARM_SECONDS, HttpAttacks
from verification.siege.overload import FULL, SHORT, Overload

PARTS = ("forgery", "overload", "backlog")
PEOPLE = 40
QUIET_WITHIN = 60.0


@dataclass(frozen=True)
class Options:
    """``only``: names of attacks and parts; all of them when it is empty. ``seconds``: of one phase;
    ``rounds``: of a harmless and a hostile phase."""

    seed: int = 1
    full: bool = False
    only: tuple[str, ...] = ()
    seconds: float = 3.0
    rounds: int = 2
    keep: Path | None = None
    people: int = PEOPLE

    def wants(self, name: str) -> bool:
        """Whether an attack or a part is to run."""
        return not self.only or name in self.only


@dataclass
class Report:
    """All that was seen."""

    kafka: str = ""
    seen: list[AttackResult] = field(default_factory=list)
    forged: int | None = None
    overload: OverloadReport | None = None
    backlog: Backlog | None = None
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def verdicts(self) -> list[str]:
        """Everything that is not as it must be, with the attack's name."""
        found = [f"{one.name}: {verdict}" for one in self.seen for verdict in one.verdicts()]
        if self.forged:
            found.append(f"forgery: {self.forged} forged records had an effect")
        for name, part in (("overload", self.overload), ("backlog", self.backlog)):
            found += [f"{name}: {verdict}" for verdict in (part.verdicts() if part else ())]
        return [*found, *self.violations]

    def table(self) -> list[str]:
        """A line for each attack."""
        rows = [("attack", "p99 ms", "harmless", "ratio", "errors", "/live missed", "MB", "")]
        for one in self.seen:
            figures = (one.p99_ms, one.harmless_p99_ms, one.ratio)
            p99, beside, ratio = (
                "-" if value is None else f"{value:.{digits}f}"
                for value, digits in zip(figures, (0, 0, 1), strict=True)
            )
            errors, held = sum(one.errors.values()), "held" if not one.verdicts() else "NOT HELD"
            rows.append((one.name, p99, beside, ratio, str(errors), str(one.live_misses), f"{one.growth_mb:.0f}", held))
        return ["{:20} {:>8} {:>9} {:>6} {:>7} {:>13} {:>5}  {}".format(*row) for row in rows]

    def line(self) -> dict[str, Any]:
        """The last line."""
        figures = line_of(self.seen, self.forged, self.overload, self.backlog)
        return figures | {"kafka": self.kafka, "seconds": round(self.seconds, 1)}


class Siege:
    """One run. `perform` does everything and gives the report. Raises StartError, HubUnavailable."""

    def __init__(self, options: Options, say: Callable[[str], None]) -> None:
        self._options, self._tell = options, say
        self._began = time.monotonic()
        self._report = Report()

    def say(self, text: str) -> None:
        """A line with its moment."""
        self._tell(f"{time.monotonic() - self._began:6.1f}s  {text}")

    async def perform(self) -> Report:
        """From nothing to the report; everything is stopped afterwards."""
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(32))  # starts and looks wait in threads
        attacks = [attack for attack in ATTACKS if self._options.wants(attack.name)]
        self._report.kafka = os.environ.get("KAFKA") or "embedded"
        if attacks or self._options.wants("forgery"):
            await self._http_attacks(attacks)
        if self._options.wants("overload"):
            sizes = FULL if self._options.full else SHORT
            self._report.overload = await Overload(sizes, self._options.seed, self._options.keep, self.say).perform()
        if self._options.wants("backlog"):
            self._report.backlog = await backlogs(self._options.full, self.say)
        self._report.seconds = time.monotonic() - self._began
        return self._report

    async def _http_attacks(self, attacks: Sequence[Any]) -> None:
        options, setting = self._options, load_setting()
        folder = folder_of("siege", options.keep)
        world = World(setting, seed=options.seed, people=options.people, today=today_of(setting))
        system = System(folder, setting, Ports.any())
        try:
            await system.start()
            async with aiohttp.ClientSession() as session:
                scenario = Scenario(system, world, Screen(Console(quiet=True)), session)
                try:
                    await self._attacked(scenario, session, attacks)
                finally:
                    scenario.databases.close()
            if crashed := system.crashed():
                self._report.violations.append(f"ended without being killed: {', '.join(crashed)}")
        finally:
            await system.stop()
            if options.keep is None:
                shutil.rmtree(folder, ignore_errors=True)

    async def _attacked(self, scenario: Scenario, session: aiohttp.ClientSession, attacks: Sequence[Any]) -> None:
        options = self._options
        await scenario.register()
        await scenario.system.start_partners()
        for chapter in scenario.world.day(1)[:4]:
            await scenario.send_chapter(chapter)
        http_attacks = HttpAttacks(
            scenario,
            session,
            seconds=options.seconds * (2 if options.full else 1),
            rounds=options.rounds,
            full=options.full,
        )
        await http_attacks.prepare()
        if not await scenario.until_quiet(QUIET_WITHIN):
            self.say("the healthy world did not become quiet before the first attack")
        self.say(f"up, {len(scenario.ledger.accepted)} events taken; {len(attacks)} attacks")
        async with http_attacks.watchers.running():
            await asyncio.sleep(WARM_SECONDS)
            for attack in attacks:
                seen = await http_attacks.run(attack)
                self._report.seen.append(seen)
                self.say(report_line(seen))
                for verdict in seen.verdicts():
                    self.say(f"    {verdict}")
            if options.wants("forgery"):
                await self._forged(scenario)

    async def _forged(self, scenario: Scenario) -> None:
        stack = scenario.system.stack
        if not stack.broker.users:
            self.say("forgery: this broker knows no users, anybody may write to it")
            return
        tried = await forgery.forge(stack.login)
        self._report.forged = sum(len(kinds) for kinds in tried.taken.values())
        self._report.violations += [f"forgery: {who} forged {', '.join(kinds)}" for who, kinds in tried.taken.items()]
        self._report.violations += [f"forgery: {who} could not write at all, so nothing is shown" for who in tried.mute]
        self.say(f"forgery: {self._report.forged} of {tried.forgeries} forged records were taken")


def report_line(seen: AttackResult) -> str:
    """One attack in a line."""

    def number(value: float | None, form: str = "{:.0f}") -> str:
        return "-" if value is None else form.format(value)

    statuses = " ".join(f"{status}:{count}" for status, count in sorted(seen.statuses.items()))
    errors = sum(seen.errors.values())
    return (
        f"{seen.name:20}  p99 {number(seen.p99_ms):>6} ms, harmless {number(seen.harmless_p99_ms):>5} ms"
        f" ({number(seen.ratio, '{:.1f}')}x of {seen.samples})  errors {errors:3}  /live missed {seen.live_misses:3}"
        f" p99 {number(seen.live_p99_ms):>5} ms  +{seen.growth_mb:.0f} MB  answered {statuses}"
        f"{'' if not seen.verdicts() else '  NOT HELD'}"
    )
