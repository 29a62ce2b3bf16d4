"""One chaos run: set the stage, let the events flow and the blows fall, wait until all is quiet, count."""

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

from deploy.local.login import READER
from samples.world import Item, World, load_setting
from samples.world.days import today_of
from verification.chaos.audit import Audit, audit
from verification.chaos.fault_injector import Director
from verification.chaos.flow import Flow
from verification.chaos.plan import Blow, plan_of
from verification.chaos.processes import INFRASTRUCTURE, Cast
from verification.chaos.recoveries import Recovery, Watch, never_again
from verification.harness import topic_reader
from verification.harness.folders import folder_of
from verification.harness.judgement import Judgement, judge
from verification.harness.scenario import Play
from verification.harness.screen import Screen
from verification.harness.senders import Mode, Outcome, Senders
from verification.oracle.verdict import percentile

SLICE = 20  # events that are sent together, in one request per agency
AGENCY_PATIENCE = 4.0  # seconds until an agency gives up on an answer and sends the same again
MODES: tuple[tuple[Mode, int], ...] = (("batch", 8), ("structured", 1), ("binary", 1))
PATIENCE = 240.0
SLOWER = 6.0  # so many times slower are events sent while a blow has to wait for its victim


@dataclass(frozen=True)
class Options:
    """``rate``: events sent in a second, at most. ``plan``: instead of the one of the seed."""

    seed: int = 1
    events: int = 20_000
    kills: int = 60
    rate: float = 60.0
    session_timeout_ms: int = 10_000
    keep: Path | None = None
    plan: Sequence[Blow] | None = None


@dataclass(frozen=True)
class Report:
    """The last line, and what was wrong in words."""

    line: dict[str, Any]
    troubles: list[str]


class Chaos:
    """One run. `perform` does everything and gives the report. Raises StartError, HubAway."""

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
        cast = Cast(folder, setting, options.session_timeout_ms)
        try:
            await cast.start()
            self.say(f"up: {cast.stack.broker.kind} broker, session time-out {options.session_timeout_ms / 1000:g} s")
            timeout = aiohttp.ClientTimeout(total=AGENCY_PATIENCE)
            async with aiohttp.ClientSession(timeout=timeout) as session:
                play = Play(cast, world, Screen(Console(quiet=True)), session)
                try:
                    return await self._played(play, cast, session)
                finally:
                    play.inside.close()
        finally:
            await cast.stop()
            if options.keep is None:
                shutil.rmtree(folder, ignore_errors=True)

    async def _played(self, play: Play, cast: Cast, session: aiohttp.ClientSession) -> Report:
        options = self._options
        await play.register()
        await cast.start_partners()
        watch = Watch(cast.stack.mongo_url)
        plan = options.plan if options.plan is not None else plan_of(options.seed, options.events, options.kills)
        director = Director(cast, watch, plan, self.say)
        watching = asyncio.create_task(watch.run(), name="watch")
        try:
            await self._flow(play, cast, session, director)
            await director.finish()
            self.say("everything is sent and nobody is hurt any more: waiting until all is quiet")
            quiet = await play.until_quiet(PATIENCE)
            left = {} if quiet else await play.unfinished()
            behind = {} if quiet else await _behind(play)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            watch.close()
        judgement = await asyncio.to_thread(judge, play)
        received = {cast.agency(name): cast.book(name).received() for name in ("feed", "webhook")}
        found = await asyncio.to_thread(audit, play.inside, self._receipts, received)
        apart = await asyncio.to_thread(play.inside.set_apart)
        stuck = never_again(director.without_end, behind)
        troubles = [*cast.troubles, *stuck, *_troubles(play, judgement, found, left, apart)]
        return Report(self._line(play, cast, director, watch, judgement, found), troubles)

    async def _flow(self, play: Play, cast: Cast, session: aiohttp.ClientSession, director: Director) -> None:
        options = self._options
        random = Random(f"{options.seed}/sending")
        senders = Senders(session, cast.door, cast.keyring.token)

        def told(outcome: Outcome) -> None:
            play.ledger.note(outcome)
            self._answered[outcome.receipt["status"]] += 1
            if outcome.accepted:
                self._receipts.append(outcome.receipt["receipt"])

        items = list(Flow(play.world, options.events))
        said = 0.0
        for start in range(0, len(items), SLICE):
            director.reached(start)
            some: Sequence[Item] = items[start : start + SLICE]
            mode = random.choices([mode for mode, _ in MODES], [weight for _, weight in MODES])[0]
            began = time.monotonic()
            await senders.send(some, mode, told)
            pause = len(some) / options.rate * (SLOWER if director.behind else 1.0)
            await asyncio.sleep(max(0.0, began + pause - time.monotonic()))
            if time.monotonic() - said > 15.0:
                said = time.monotonic()
                self.say(f"event {start:6d}  {await self._state(play)}")
        director.reached(options.events)

    async def _state(self, play: Play) -> str:
        counts = await asyncio.to_thread(play.counts)
        with contextlib.suppress(Exception):  # the database may be away just now
            async with asyncio.timeout(2.0):
                waiting = await asyncio.to_thread(play.inside.unfinished)
            told = ", ".join(f"{name} {count['told']}+{count['recalled']}" for name, count in counts.items())
            return f"partners were told {told}; on their way: {waiting}"
        return f"{counts}"

    def _line(
        self, play: Play, cast: Cast, director: Director, watch: Watch, judgement: Judgement, found: Audit
    ) -> dict[str, Any]:
        holdings = list(play.holdings().values())
        return {
            "events": len(play.ledger.accepted),
            "kills": director.kills,
            "rebalances": watch.rebalances,
            "restarts": sum(cast.starts.values()),
            "lost": judgement.verdict.lost + sum(found.lost.values()),
            "doubled": judgement.verdict.doubled + sum(found.doubled.values()),
            "duplicate_deliveries": sum(holding.duplicates for holding in holdings),
            "recovery_p99_s": _p99(director.undisturbed(director.recoveries)),
            "seed": self._options.seed,
            "session_timeout_s": self._options.session_timeout_ms / 1000,
            "kafka": cast.stack.broker.kind,
            "broker_restarts": cast.starts[INFRASTRUCTURE[0]],
            "database_restarts": cast.starts[INFRASTRUCTURE[1]],
            "recoveries": len(director.undisturbed(director.recoveries)),
            "recoveries_without_end": len(director.without_end),
            "takeover_p99_s": _p99(director.undisturbed(director.takeovers)),
            "return_p99_s": _p99(director.returns),
            "notices": sum(holding.notices + holding.recalls for holding in holdings),
            "answered_twice": self._answered["duplicate"],
            "seconds": round(time.monotonic() - self._began, 1),
        }


async def _behind(play: Play) -> dict[str, int]:
    """How many records each service has still to read; a broker that is away is a trouble of its own."""
    try:
        ends = await topic_reader.ends(play.stage.stack.login(READER))
    except (KafkaError, TimeoutError):
        return {}
    return topic_reader.behind(ends, await asyncio.to_thread(play.inside.checkpoints))


def _troubles(play: Play, judgement: Judgement, found: Audit, left: dict[str, int], apart: int) -> list[str]:
    counted = (*found.lost.items(), *found.doubled.items())
    troubles = [f"{count} {what}" for what, count in counted if count]
    if left:
        troubles.append(f"did not become quiet: {left}")
    troubles += judgement.troubles()
    if wrong := sorted(judgement.verdict.missing | judgement.verdict.left)[:3]:
        troubles.append(f"the first of them: {wrong}")
    if apart:
        troubles.append(f"{apart} records were set apart")
    for outcome in play.ledger.surprises[:10]:
        troubles.append(f"{outcome.item.event['type']} was refused: {outcome.problem.get('rule')}")
    return troubles


def _p99(recoveries: Sequence[Recovery]) -> float | None:
    value = percentile((each.seconds for each in recoveries if each.seconds is not None), 0.99)
    return None if value is None else round(value, 1)
