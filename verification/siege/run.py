"""One siege: stages are set, attacks run, figures come out."""

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
from verification.harness.folders import folder_of
from verification.harness.programs import Program
from verification.harness.scenario import Play
from verification.harness.screen import Screen
from verification.harness.system import Ports, Stage
from verification.siege import bus
from verification.siege.attacks import ATTACKS
from verification.siege.backlog import backlogs
from verification.siege.doors import WARM_SECONDS, Doors
from verification.siege.drowning import FULL, SHORT, Drowning
from verification.siege.figures import Backlog, Drowned, Seen, line_of

SCENES = ("bus", "drowning", "backlog")
PEOPLE = 40
START_SECONDS = 120.0  # of a service
QUIET_WITHIN = 60.0


class Patient(Stage):
    """A stage on a machine that may be busy with much else."""

    def _service(self, name: str) -> Program:
        program = super()._service(name)
        program.start_seconds = START_SECONDS
        return program


@dataclass(frozen=True)
class Options:
    """``only``: names of attacks and scenes; all of them when it is empty. ``seconds``: of one phase;
    ``rounds``: of a harmless and a hostile phase."""

    seed: int = 1
    full: bool = False
    only: tuple[str, ...] = ()
    seconds: float = 3.0
    rounds: int = 2
    keep: Path | None = None
    people: int = PEOPLE

    def wants(self, name: str) -> bool:
        """Whether an attack or a scene is to run."""
        return not self.only or name in self.only


@dataclass
class Report:
    """All that was seen."""

    kafka: str = ""
    seen: list[Seen] = field(default_factory=list)
    forged: int | None = None
    drowned: Drowned | None = None
    backlog: Backlog | None = None
    troubles: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def verdicts(self) -> list[str]:
        """Everything that is not as it must be, with the attack's name."""
        found = [f"{one.name}: {verdict}" for one in self.seen for verdict in one.verdicts()]
        if self.forged:
            found.append(f"bus: {self.forged} forged records had an effect")
        for name, scene in (("drowning", self.drowned), ("backlog", self.backlog)):
            found += [f"{name}: {verdict}" for verdict in (scene.verdicts() if scene else ())]
        return [*found, *self.troubles]

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
        figures = line_of(self.seen, self.forged, self.drowned, self.backlog)
        return figures | {"kafka": self.kafka, "seconds": round(self.seconds, 1)}


class Siege:
    """One run. `perform` does everything and gives the report. Raises StartError, HubAway."""

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
        if attacks or self._options.wants("bus"):
            await self._doors(attacks)
        if self._options.wants("drowning"):
            sizes = FULL if self._options.full else SHORT
            self._report.drowned = await Drowning(sizes, self._options.seed, self._options.keep, self.say).perform()
        if self._options.wants("backlog"):
            self._report.backlog = await backlogs(self._options.full, self.say)
        self._report.seconds = time.monotonic() - self._began
        return self._report

    async def _doors(self, attacks: Sequence[Any]) -> None:
        options, setting = self._options, load_setting()
        folder = folder_of("siege", options.keep)
        world = World(setting, seed=options.seed, people=options.people, today=today_of(setting))
        stage = Patient(folder, setting, Ports.any())
        try:
            await stage.start()
            async with aiohttp.ClientSession() as session:
                play = Play(stage, world, Screen(Console(quiet=True)), session)
                try:
                    await self._attacked(play, session, attacks)
                finally:
                    play.inside.close()
            if crashed := stage.crashed():
                self._report.troubles.append(f"ended without being killed: {', '.join(crashed)}")
        finally:
            await stage.stop()
            if options.keep is None:
                shutil.rmtree(folder, ignore_errors=True)

    async def _attacked(self, play: Play, session: aiohttp.ClientSession, attacks: Sequence[Any]) -> None:
        options = self._options
        await play.register()
        await play.stage.start_partners()
        for chapter in play.world.day(1)[:4]:
            await play.act(chapter)
        doors = Doors(
            play,
            session,
            seconds=options.seconds * (2 if options.full else 1),
            rounds=options.rounds,
            full=options.full,
        )
        await doors.prepare()
        if not await play.until_quiet(QUIET_WITHIN):
            self.say("the healthy world did not become quiet before the first attack")
        self.say(f"up, {len(play.ledger.accepted)} events taken; {len(attacks)} attacks")
        async with doors.watchers.running():
            await asyncio.sleep(WARM_SECONDS)
            for attack in attacks:
                seen = await doors.run(attack)
                self._report.seen.append(seen)
                self.say(told(seen))
                for verdict in seen.verdicts():
                    self.say(f"    {verdict}")
            if options.wants("bus"):
                await self._forged(play)

    async def _forged(self, play: Play) -> None:
        stack = play.stage.stack
        if not stack.broker.users:
            self.say("bus: this broker knows no users, anybody may write to it")
            return
        tried = await bus.forge(stack.login)
        self._report.forged = sum(len(kinds) for kinds in tried.taken.values())
        self._report.troubles += [f"bus: {who} forged {', '.join(kinds)}" for who, kinds in tried.taken.items()]
        self._report.troubles += [f"bus: {who} could not write at all, so nothing is shown" for who in tried.mute]
        self.say(f"bus: {self._report.forged} of {tried.forgeries} forged records were taken")


def told(seen: Seen) -> str:
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
