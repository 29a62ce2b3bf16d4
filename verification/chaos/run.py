"""One chaos run: start the system, send events, inject faults, wait until all is quiet, count."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
from aiokafka.errors import KafkaError
from rich.console import Console

from deploy.rights.login import READER
from samples.world import Item, World, load_setting
from samples.world.days import today_of
from verification.chaos.audit import Audit, audit
from verification.chaos.event_load import Flow
from verification.chaos.fault_injector import FaultInjector
from verification.chaos.plan import Fault, plan_of
from verification.chaos.processes import INFRASTRUCTURE, ChaosSystem
from verification.chaos.recoveries import Recovery, RecoveryWatch, unrecovered
from verification.harness import topic_reader
from verification.harness.console import Screen
from verification.harness.folders import folder_of
from verification.harness.oracle_check import Judgement, judge
from verification.harness.scenario import Scenario
from verification.harness.senders import Mode, Outcome, Senders
from verification.oracle.verdict import percentile

SLICE = 20  # events that are sent together, in one request per agency
AGENCY_PATIENCE = 4.0  # seconds until an agency gives up on an answer and sends the same again
MODES: tuple[tuple[Mode, int], ...] = (("batch", 8), ("structured", 1), ("binary", 1))
PATIENCE = 240.0
SLOWER = 6.0  # so many times slower are events sent while a fault has to wait for its target


@dataclass(frozen=True)
class Options:
    """``rate``: events sent in a second, at most. ``plan``: instead of the one of the seed."""

    seed: int = 1
    events: int = 20_000
    kills: int = 60
    rate: float = 60.0
    session_timeout_ms: int = 10_000
    keep: Path | None = None
    plan: Sequence[Fault] | None = None


@dataclass(frozen=True)
class Report:
    """The last line, and what was wrong in words."""

    line: dict[str, Any]
    violations: list[str]


class Chaos:
    """One run. `perform` does everything and gives the report. Raises StartError, HubUnavailable."""

    def __init__(self, options: Options, say: Callable[[str], None]) -> None:
        self._options, self._tell_line = options, say
        self._began = time.monotonic()
        self._receipts: list[str] = []
        self._answered = Counter[str]()

    def say(self, text: str) -> None:
        """A line with its moment."""
        self._tell_line(f"{time.monotonic() - self._began:6.1f}s  {text}")

    async def perform(self) -> Report:
        """From nothing to the report; everything is stopped afterwards, and the folder gone unless it is to be kept."""
        options = self._options
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(32))  # starts and looks wait in threads
        setting = load_setting()
        world = World(setting, seed=options.seed, people=2, today=today_of(setting))
        folder = folder_of("chaos", options.keep)
        system = ChaosSystem(folder, setting, options.session_timeout_ms)
        try:
            await system.start()
            self.say(f"up: {system.stack.broker.kind} broker, session time-out {options.session_timeout_ms / 1000:g} s")
            timeout = aiohttp.ClientTimeout(total=AGENCY_PATIENCE)
            async with aiohttp.ClientSession(timeout=timeout) as session:
                scenario = Scenario(system, world, Screen(Console(quiet=True)), session)
                try:
                    return await self._run_scenario(scenario, system, session)
                finally:
                    scenario.databases.close()
        finally:
            await system.stop()
            if options.keep is None:
                shutil.rmtree(folder, ignore_errors=True)

    async def _run_scenario(self, scenario: Scenario, system: ChaosSystem, session: aiohttp.ClientSession) -> Report:
        options = self._options
        await scenario.register()
        await system.start_partners()
        watch = RecoveryWatch(system.stack.mongo_url)
        plan = options.plan if options.plan is not None else plan_of(options.seed, options.events, options.kills)
        injector = FaultInjector(system, watch, plan, self.say)
        watching = asyncio.create_task(watch.run(), name="watch")
        try:
            await self._flow(scenario, system, session, injector)
            await injector.finish()
            self.say("everything is sent, no fault is left: waiting until all is quiet")
            quiet = await scenario.until_quiet(PATIENCE)
            left = {} if quiet else await scenario.unfinished()
            behind = {} if quiet else await _behind(scenario)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            watch.close()
        judgement = await asyncio.to_thread(judge, scenario)
        received = {system.agency(name): system.partner_store(name).received() for name in ("feed", "webhook")}
        found = await asyncio.to_thread(audit, scenario.databases, self._receipts, received)
        apart = await asyncio.to_thread(scenario.databases.quarantined)
        stuck = unrecovered(injector.without_end, behind)
        violations = [*system.violations, *stuck, *_violations(scenario, judgement, found, left, apart)]
        return Report(self._line(scenario, system, injector, watch, judgement, found), violations)

    async def _flow(
        self, scenario: Scenario, system: ChaosSystem, session: aiohttp.ClientSession, injector: FaultInjector
    ) -> None:
        options = self._options
        random = Random(f"{options.seed}/sending")
        senders = Senders(session, system.door, system.keyring.token)

        def on_outcome(outcome: Outcome) -> None:
            scenario.ledger.record(outcome)
            self._answered[outcome.receipt["status"]] += 1
            if outcome.accepted:
                self._receipts.append(outcome.receipt["receipt"])

        items = list(Flow(scenario.world, options.events))
        said = 0.0
        for start in range(0, len(items), SLICE):
            injector.reached(start)
            some: Sequence[Item] = items[start : start + SLICE]
            mode = random.choices([mode for mode, _ in MODES], [weight for _, weight in MODES])[0]
            began = time.monotonic()
            await senders.send(some, mode, on_outcome)
            pause = len(some) / options.rate * (SLOWER if injector.behind else 1.0)
            await asyncio.sleep(max(0.0, began + pause - time.monotonic()))
            if time.monotonic() - said > 15.0:
                said = time.monotonic()
                self.say(f"event {start:6d}  {await self._state(scenario)}")
        injector.reached(options.events)

    async def _state(self, scenario: Scenario) -> str:
        counts = await asyncio.to_thread(scenario.counts)
        with contextlib.suppress(Exception):  # the database may be away just now
            async with asyncio.timeout(2.0):
                waiting = await asyncio.to_thread(scenario.databases.unfinished)
            told = ", ".join(f"{name} {count['told']}+{count['recalled']}" for name, count in counts.items())
            return f"partners were told {told}; on their way: {waiting}"
        return f"{counts}"

    def _line(
        self,
        scenario: Scenario,
        system: ChaosSystem,
        injector: FaultInjector,
        watch: RecoveryWatch,
        judgement: Judgement,
        found: Audit,
    ) -> dict[str, Any]:
        holdings = list(scenario.holdings().values())
        return {
            "events": len(scenario.ledger.accepted),
            "kills": injector.kills,
            "rebalances": watch.rebalances,
            "restarts": sum(system.starts.values()),
            "lost": judgement.verdict.lost + sum(found.lost.values()),
            "doubled": judgement.verdict.doubled + sum(found.doubled.values()),
            "duplicate_deliveries": sum(holding.duplicates for holding in holdings),
            "recovery_p99_s": _p99(injector.undisturbed(injector.recoveries)),
            "seed": self._options.seed,
            "session_timeout_s": self._options.session_timeout_ms / 1000,
            "kafka": system.stack.broker.kind,
            "broker_restarts": system.starts[INFRASTRUCTURE[0]],
            "database_restarts": system.starts[INFRASTRUCTURE[1]],
            "recoveries": len(injector.undisturbed(injector.recoveries)),
            "recoveries_without_end": len(injector.without_end),
            "takeover_p99_s": _p99(injector.undisturbed(injector.takeovers)),
            "return_p99_s": _p99(injector.returns),
            "notices": sum(holding.notices + holding.recalls for holding in holdings),
            "answered_twice": self._answered["duplicate"],
            "seconds": round(time.monotonic() - self._began, 1),
        }


async def _behind(scenario: Scenario) -> dict[str, int]:
    """How many records each service has still to read; a broker that is away is told elsewhere."""
    try:
        ends = await topic_reader.end_offsets(scenario.system.stack.login(READER))
    except (KafkaError, TimeoutError):
        return {}
    return topic_reader.lag(ends, await asyncio.to_thread(scenario.databases.checkpoints))


def _violations(scenario: Scenario, judgement: Judgement, found: Audit, left: dict[str, int], apart: int) -> list[str]:
    counted = (*found.lost.items(), *found.doubled.items())
    violations = [f"{count} {what}" for what, count in counted if count]
    if left:
        violations.append(f"did not become quiet: {left}")
    violations += judgement.violations()
    if wrong := sorted(judgement.verdict.missing | judgement.verdict.surplus)[:3]:
        violations.append(f"the first of them: {wrong}")
    if apart:
        violations.append(f"{apart} records were set apart")
    for outcome in scenario.ledger.unexpected[:10]:
        violations.append(f"{outcome.item.event['type']} was refused: {outcome.problem.get('rule')}")
    return violations


def _p99(recoveries: Sequence[Recovery]) -> float | None:
    value = percentile((each.seconds for each in recoveries if each.seconds is not None), 0.99)
    return None if value is None else round(value, 1)
