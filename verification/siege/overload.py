"""Adverts in ascending score from one key, while services are killed, consents withdrawn and keys revoked."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import aiohttp
from aiokafka.errors import KafkaError
from rich.console import Console

from deploy.local.errors import StartError
from deploy.rights.login import READER
from samples.world import Item, World, load_setting
from samples.world.days import today_of
from samples.world.envelope import Json
from verification.chaos.processes import ChaosSystem
from verification.chaos.recoveries import Recovery, RecoveryWatch
from verification.harness import topic_reader
from verification.harness.console import Screen
from verification.harness.folders import folder_of
from verification.harness.keyring import SERVICES
from verification.harness.oracle_check import judge
from verification.harness.scenario import Scenario
from verification.harness.senders import HubUnavailable, Senders
from verification.harness.system import System
from verification.siege.figures import OverloadReport
from verification.siege.flood import Flood
from verification.siege.http_attacks import INSIDER, agencies_of_the_siege
from verification.siege.revocations import PATIENCE, Revocations

REVOKED = tuple(f"siege-revoked-{number}" for number in range(3))
BATCHES_BETWEEN_WITHDRAWALS = 4
RESERVED = 8  # of the people: their withdrawals are sent after kills
SETTLE_WITHIN = 300.0
STEPS = 3  # of a recovery
POLL_SECONDS = 1.0  # at what is left for one that was killed
LOOKS_AT_NOTHING = 2


@dataclass(frozen=True)
class Sizes:
    """``most_seconds``: after which the flood ends, however much of it was taken."""

    people: int = 50
    adverts: int = 3_000
    most_seconds: float = 180.0
    kills: bool = True


SHORT, FULL = Sizes(), Sizes(adverts=30_000, most_seconds=1_500.0)


class OverloadedSystem(ChaosSystem):
    """A system with the product's own waits: lease, schedule of retries, and, where the broker can, session
    time-out."""

    def variables(self, name: str) -> dict[str, str]:
        own = System.variables(self, name) | {"IEUM_INSTANCE": f"{name}-1"}
        if self.stack.broker.keeps_its_log:
            own["IEUM_SESSION_TIMEOUT_MS"] = str(self.session_timeout_ms)
        return own


class Overload:
    """One flood on a system of its own. Raises StartError, HubUnavailable."""

    def __init__(self, sizes: Sizes, seed: int, keep: Path | None, say: Callable[[str], None]) -> None:
        self._sizes, self._seed, self._keep, self._say = sizes, seed, keep, say
        self.seen = OverloadReport(adverts=sizes.adverts, people=sizes.people)
        self._background: set[asyncio.Task[Any]] = set()

    async def perform(self) -> OverloadReport:
        """Everything, from nothing to the figures."""
        setting = load_setting()
        folder = folder_of("siege", self._keep)
        world = World(setting, seed=self._seed, people=30, today=today_of(setting))
        system = OverloadedSystem(folder, setting, 10_000)
        try:
            await system.start()
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10.0)) as session:
                scenario = Scenario(system, world, Screen(Console(quiet=True)), session)
                watch = RecoveryWatch(system.stack.mongo_url)
                watching = asyncio.create_task(watch.run())
                try:
                    await self._run_scenario(scenario, system, watch, session)
                finally:
                    for task in (watching, *self._background):
                        task.cancel()
                    await asyncio.gather(watching, *self._background, return_exceptions=True)
                    watch.close()
                    scenario.databases.close()
        finally:
            await system.stop()
            if self._keep is None:
                shutil.rmtree(folder, ignore_errors=True)
        return self.seen

    async def _run_scenario(
        self, scenario: Scenario, system: ChaosSystem, watch: RecoveryWatch, session: aiohttp.ClientSession
    ) -> None:
        flood = Flood(scenario.world, self._sizes.people)
        await scenario.register()
        await system.start_partners()
        revocations = Revocations(
            scenario, session, lambda: {name: program.url for name, program in system.services.items()}
        )
        for agency in self._agencies(scenario):
            await revocations.send(flood.agency(agency, "agency-registered"))
        for item in flood.people():
            await revocations.send(item)
        await scenario.until_quiet(60.0)
        with contextlib.suppress(StartError):
            await system.start_replica("matching")
        kills = _Kills(self, scenario, system, watch, revocations, flood)
        began = time.monotonic()
        await self._flooded(scenario, system, session, revocations, flood, kills)
        self.seen.flood_seconds = time.monotonic() - began
        self._say(f"the flood has ended after {self.seen.flood_seconds:.0f} s, {self.seen.adverts} adverts")
        if self._sizes.kills:
            await system.remove_replica("matching-2")
            for service in SERVICES:
                await kills.kill(service, "after the flood")
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._settled(scenario, revocations)

    def _agencies(self, scenario: Scenario) -> list[Json]:
        insider = next(one for one in agencies_of_the_siege() if one["agency"] == INSIDER)
        reads = {"emits": [], "reads": ["matches", "rejections", "deliveries"], "receives": True, "administers": False}
        found = [insider]
        for name in REVOKED:
            rights = {"agency": name, "name": {"ko": name, "en": name}, "recipient_class": "case", "rights": reads}
            found.append(rights)
        return [one | {"keys": [scenario.system.keyring.registered_key(one["agency"])]} for one in found]

    async def _flooded(
        self,
        scenario: Scenario,
        system: ChaosSystem,
        session: aiohttp.ClientSession,
        revocations: Revocations,
        flood: Flood,
        kills: _Kills,
    ) -> None:
        sizes, partners = self._sizes, scenario.world.setting.partners
        senders = Senders(session, lambda: system.services["intake"].url, system.keyring.token)
        adverts, size = flood.adverts(sizes.adverts), 100 if sizes.adverts >= 1_000 else 20
        rest = iter(range(sizes.people - RESERVED))
        what = [("notice", partners.feed), ("notice", partners.webhook), ("matching", None)]
        end, sent, batches = time.monotonic() + sizes.most_seconds, 0, sizes.adverts // size
        for number, batch in enumerate(_batches(adverts, size)):
            if time.monotonic() > end:
                break
            await senders.send(batch, "batch", scenario.ledger.record)
            sent += len(batch)
            share = number * len(SERVICES) / max(1, batches)
            if number % BATCHES_BETWEEN_WITHDRAWALS == 1 and (person := next(rest, None)) is not None:
                purpose, recipient = what[person % len(what)]
                item = flood.withdrawn(person, purpose, recipient)
                self._in_background(revocations.withdraw(item, person, purpose, recipient))
            if number in {batches // 5, batches // 2, batches * 4 // 5}:
                name = REVOKED[len(revocations.revocations_s)] if len(revocations.revocations_s) < len(REVOKED) else ""
                if name:
                    changed = next(one for one in self._agencies(scenario) if one["agency"] == name) | {"keys": []}
                    self._in_background(revocations.revoke(flood.agency(changed, "agency-changed"), name))
            if sizes.kills and int(share) > len(kills.done) - 1 and len(kills.done) < len(SERVICES) and number:
                self._in_background(kills.kill(SERVICES[len(kills.done)], "during the flood"))
        self.seen.adverts = sent

    def _in_background(self, what: Any) -> None:
        task = asyncio.create_task(what)
        self._background.add(task)

    async def _settled(self, scenario: Scenario, revocations: Revocations) -> None:
        seen, began = self.seen, time.monotonic()
        for task in self._background:
            if not task.cancelled() and isinstance(error := task.exception(), Exception):
                seen.violations.append(f"{type(error).__name__}: {error}")
        if not await scenario.until_quiet(SETTLE_WITHIN):
            seen.violations.append(f"did not become quiet within {SETTLE_WITHIN:.0f} s: {await scenario.unfinished()}")
        seen.settled_seconds = time.monotonic() - began
        received = {
            scenario.system.agency(name): scenario.system.partner_store(name).received() for name in ("feed", "webhook")
        }
        for one in revocations.withdrawals:
            shown = PATIENCE if one.shown is None else one.shown
            seen.withdrawals_s.append(max(shown, one.sent(received)))
        seen.revocations_s, seen.violations = revocations.revocations_s, seen.violations + revocations.violations
        recalls = [at for one in revocations.withdrawals if (at := one.recalled(received)) is not None]
        self._say(f"withdrawals {_list(seen.withdrawals_s)}; recalls came after {_list(recalls)}")
        self._say(f"revocations {_list(seen.revocations_s)}; active after kills {seen.active_s}")
        standing = Counter(person for person, _ in await asyncio.to_thread(scenario.databases.current_matches))
        seen.matches_per_person = max(standing.values(), default=0)
        seen.events_per_person = await asyncio.to_thread(_events_per_person, scenario)
        judgement = await asyncio.to_thread(judge, scenario)
        seen.lost = judgement.verdict.lost + judgement.unlike
        seen.violations += judgement.violations()
        notices = sum(len(those) for those in received.values())
        self._say(
            f"{notices} notices and recalls for {self._sizes.people} people; quiet after {seen.settled_seconds:.0f} s"
        )


class _Kills:
    """kill -9, and how long until reads, withdrawals and revocations are served again, and records are done."""

    def __init__(
        self,
        overload: Overload,
        scenario: Scenario,
        system: ChaosSystem,
        watch: RecoveryWatch,
        revocations: Revocations,
        flood: Flood,
    ) -> None:
        self._overload, self._scenario, self._system = overload, scenario, system
        self._watch, self._revocations, self._flood = watch, revocations, flood
        self._turn = asyncio.Lock()
        self.done: list[str] = []

    async def kill(self, service: str, when: str) -> None:
        """Kill the replica that works, and measure."""
        self.done.append(service)
        person = self._overload._sizes.people - RESERVED + len(self.done)
        async with self._turn:
            name = self._working(service)
            began, at = time.monotonic(), time.time()
            self._system.send(name, signal.SIGKILL)
            recovery = self._watch.began(service, name if name != service else f"{service}-1", "SIGKILL", at)
            steps: dict[str, float] = {}
            with contextlib.suppress(TimeoutError, HubUnavailable):
                async with asyncio.timeout(PATIENCE):
                    partner = self._scenario.world.setting.partners.feed
                    item = self._flood.withdrawn(person, "notice", partner)
                    await self._revocations.withdraw(item, person, "notice", partner)
                    steps["a withdrawal had its effect"] = time.monotonic() - began
                    await self._served()
                    steps["reads were answered"] = time.monotonic() - began
                    await self._revocations.send(self._flood.again(person))  # something to do for who reads
                    record = "a record was done" if await self._worked(service, recovery) else "nothing was left to do"
                    steps[record] = time.monotonic() - began
            label = f"{name} {when}"
            if (up := await asyncio.to_thread(_began, self._system.logs / f"{service}.log")) > at and name == service:
                self._overload._say(
                    f"its process ran again after {up - at:.1f} s"
                )  # the machine's share of what follows
            self._overload.seen.active_s[label] = round(max(steps.values()), 1) if len(steps) == STEPS else PATIENCE
            told = ", ".join(f"{what} after {seconds:.1f} s" for what, seconds in steps.items())
            self._overload._say(f"kill -9 of {label}: {told or 'nothing was served again'}")

    async def _worked(self, service: str, recovery: Recovery) -> bool:
        """Wait for a record of the killed one's partitions; False when none was left for anybody of this service, which
        two looks have to say: what was sent a moment ago may not be on the broker yet."""
        empty = 0
        while empty < LOOKS_AT_NOTHING:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(recovery.done.wait(), POLL_SECONDS)
                return True
            with contextlib.suppress(KafkaError, TimeoutError):
                ends = await topic_reader.end_offsets(self._scenario.system.stack.login(READER))
                behind = topic_reader.lag(ends, await asyncio.to_thread(self._scenario.databases.checkpoints))
                left = sum(count for reads, count in behind.items() if reads.startswith(f"{service} reads "))
                empty = 0 if left else empty + 1
        return False

    def _working(self, service: str) -> str:
        """Of two matchers the one that holds the lease."""
        if service != "matching" or "matching-2" not in self._system.services:
            return service
        found = self._scenario.databases.documents("matching", "leases")
        return "matching-2" if any(one["owner"] == "matching-2" for one in found) else "matching"

    async def _served(self) -> None:
        """Reads are answered by every service."""
        for service in SERVICES:
            await self._system.ready(service, PATIENCE)


def _began(log: Path) -> float:
    """When the newest process that writes this log began to work (seconds since 1970); 0 when none says so."""
    found = 0.0
    for line in log.read_text().splitlines():
        if '"event":"starting"' in line:
            with contextlib.suppress(ValueError, KeyError):
                found = datetime.fromisoformat(json.loads(line)["time"]).timestamp()
    return found


def _events_per_person(scenario: Scenario) -> int:
    """The most that matching has ever said about one person."""
    said: Counter[bytes] = Counter()
    for row in scenario.databases.documents("matching", "outbox"):
        if row["topic"] == "matches":
            said.update(bytes(event["k"]) for event in row["events"])
    return max(said.values(), default=0)


def _batches(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    while batch := list(islice(items, size)):
        yield batch


def _list(seconds: list[float]) -> str:
    return "[" + ", ".join(f"{each:.1f}" for each in sorted(seconds)) + "] s"
