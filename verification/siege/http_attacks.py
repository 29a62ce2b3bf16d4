"""The attacks on what listens: each in turn, its hostile phases between harmless ones of the same volume."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp

from deploy.local.timeouts import scaled
from deploy.rights.login import ADMIN
from samples.world.envelope import EventWriter, Item, Json
from verification.harness.child_processes import ROOT
from verification.harness.scenario import Scenario
from verification.siege.attack import Attack, Target
from verification.siege.attacks.webhooks import PARTNERS
from verification.siege.benign_traffic import Healthy
from verification.siege.figures import AttackResult, Phase, judge_phases, p99_ms
from verification.siege.probes import Live, Memory

INSIDER, READER = "siege-insider", "siege-reader"
CALM_WITHIN, CALM_SECONDS = 60.0, 0.2
WARM_SECONDS = 3.0
PREPARED_WITHIN = 60.0  # each event of the attackers' own, and their keys at every service
SETUP_DAY = 60  # the events of this program have ids of a day of their own
PHASE_PATIENCE = 90.0


@dataclass
class Watchers:
    """Who runs all the time."""

    healthy: Healthy
    live: Live
    memory: Memory

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run them beside what is done inside."""
        tasks = [asyncio.create_task(each.run()) for each in (self.healthy, self.live, self.memory)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for each in ended:
            if isinstance(each, Exception):
                raise each


def agencies_of_the_siege() -> list[Json]:
    """The attackers as agencies: they were registered like anybody, so their keys open what such keys open."""

    def one(agency: str, kind: str, emits: Sequence[str], receives: bool) -> Json:
        reads = ["matches", "journeys", "rejections", "deliveries", "lookup"]
        rights = {"emits": list(emits), "reads": reads, "receives": receives, "administers": False}
        return {"agency": agency, "name": {"ko": agency, "en": agency}, "recipient_class": kind, "rights": rights}

    emits = ("person-enrolled", "person-updated", "consent-given", "consent-withdrawn", "job-posted", "job-updated")
    hostile = [one(f"siege-{name}", "service", (), True) for name in PARTNERS]
    return [one(INSIDER, "case", emits, False), one(READER, "service", (), True), *hostile]


def token_part(part: str) -> str:
    """Which agency a part of the tokens is."""
    return f"siege-{part}"


class HttpAttacks:
    """Runs attacks on a system that the healthy world was sent to already."""

    def __init__(
        self, scenario: Scenario, session: aiohttp.ClientSession, *, seconds: float, rounds: int = 2, full: bool = False
    ) -> None:
        self._scenario, self._session = scenario, session
        self._seconds, self._rounds, self._full = seconds, rounds, full
        services = scenario.system.services
        self.watchers = Watchers(
            Healthy(scenario),
            Live({name: service.url for name, service in services.items()}),
            Memory(lambda: {name: service.pid for name, service in services.items()}),
        )
        self._facts: dict[str, str] = {}
        self._event: Json = {}
        self._advert: Json = {}

    async def prepare(self) -> None:
        """Register the attackers, and give the insider a person and an advert of their own."""
        scenario, setting = self._scenario, self._scenario.world.setting
        event_writer = EventWriter(scenario.world.today, SETUP_DAY, scenario.world.pack.timezone)
        for agency in agencies_of_the_siege():
            data = agency | {"keys": [scenario.system.keyring.registered_key(agency["agency"])]}
            await self._accepted(event_writer.write(setting.admin.agency, "agency-registered", data))
        until = next(c["until"] for person in scenario.world.people for c in person.data["consents"])
        notices = [{"purpose": "notice", "recipient": token_part(name), "until": until} for name in PARTNERS]
        partners = (setting.partners.feed, setting.partners.webhook)
        notices += [{"purpose": "notice", "recipient": name, "until": until} for name in partners]
        looking = next(p for p in scenario.world.people if p.consents_to("matching") and p.data.get("residence"))
        job = next(one for one in scenario.world.openings if one.family == "job" and one.data["wage"]["per"] == "month")
        wants = {"kinds": ["job"], "commute_minutes": 90}
        works = [{"code": job.data["occupation"], "months": 60, "interest": 1.0}]
        person = looking.data | {"wants": wants, "occupations": works, "residence": job.data["region"]}
        person |= {"consents": [{"purpose": "matching", "until": until}, *notices]}
        for number in range(4):
            data = person | {"reference": f"SIEGE-P{number}"}
            receipt = await self._accepted(event_writer.write(INSIDER, "person-enrolled", data))
        kept = ("title", "occupation", "industry", "employer", "region", "wage", "shifts", "employment")
        advert = {name: job.data[name] for name in kept if name in job.data}
        advert |= {"reference": "SIEGE-0", "until_filled": True}
        self._advert = event_writer.write(INSIDER, "job-posted", advert).event
        posted = await self._accepted(event_writer.write(INSIDER, "job-posted", advert))
        self._facts = {"alias": receipt["alias"], "opportunity": posted["opportunity"], "cursor": ""}
        self._facts["kafka"] = scenario.system.stack.kafka
        self._facts["kafka_admin"] = json.dumps(asdict(scenario.system.stack.login(ADMIN)))
        profile = {name: value for name, value in person.items() if name not in ("identity", "consents")}
        self._event = event_writer.write(INSIDER, "person-updated", profile | {"reference": "SIEGE-P0"}).event
        await self._known_everywhere()

    async def run(self, attack: type[Attack]) -> AttackResult:
        """One attack, and what it did to others."""
        seen = AttackResult(attack.name, attack.services, attack.about)
        phases: list[Phase] = []
        before_misses, before_answers = len(self.watchers.live.misses), len(self.watchers.live.answers)
        seconds = max(self._seconds, attack.least_seconds)
        async with self._attacker(attack.name, seconds) as ask:
            await ask("open")
            for _ in range(self._rounds if seconds == self._seconds else 1):
                for word in ("harmless", "hostile"):
                    began = time.monotonic()
                    try:
                        told = await ask(word)
                    except TimeoutError:
                        told = {"tally": {}, "notes": [f"a {word} phase did not end"]}
                    if not await self._calm() and word == "hostile":
                        told["notes"].append(f"not calm again within {CALM_WITHIN:.0f} s")
                    phases.append(
                        Phase(word == "hostile", began, time.monotonic(), told["tally"], tuple(told["notes"]))
                    )
            await ask("close")
        await self._answered(phases)
        judge_phases(seen, phases, self.watchers.healthy.samples, self.watchers.memory.sizes)
        hostile = [phase for phase in phases if phase.hostile]
        misses = self.watchers.live.misses[before_misses:]
        seen.live_misses = sum(any(p.began <= at < p.ended for p in hostile) for at, _ in misses)
        answers = self.watchers.live.answers[before_answers:]
        seen.live_p99_ms = p99_ms(seconds for _, _, seconds in answers)
        seen.live_answers = dict(Counter(service for _, service, _ in answers))
        return seen

    async def _calm(self) -> bool:
        """Wait until every service answers at once again, five times in a row."""
        end, good = time.monotonic() + CALM_WITHIN, 0
        while good < 5 and time.monotonic() < end:
            began = time.monotonic()
            answers = await asyncio.gather(*(self._live(s.url) for s in self._scenario.system.services.values()))
            good = good + 1 if all(answers) and time.monotonic() - began < CALM_SECONDS else 0
            await asyncio.sleep(0.1)
        return good >= 5

    async def _live(self, url: str) -> bool:
        try:
            async with self._session.get(f"{url}/live", timeout=aiohttp.ClientTimeout(total=5.0)) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def _answered(self, phases: Sequence[Phase]) -> None:
        """Wait for what the healthy ones asked last: what is slow counts, too."""
        await asyncio.sleep(min(5.0, max(0.3, phases[-1].ended - phases[-1].began - self._seconds)))

    @contextlib.asynccontextmanager
    async def _attacker(self, name: str, seconds: float) -> AsyncIterator[Callable[[str], Any]]:
        system, tokens = self._scenario.system, {"insider": INSIDER, "reader": READER}
        tokens |= {part: token_part(part) for part in PARTNERS}
        target = Target(
            urls={name: service.url for name, service in system.services.items()},
            tokens={part: system.keyring.token(agency) for part, agency in tokens.items()},
            event=self._event,
            advert=self._advert,
            facts=self._facts,
            seconds=seconds,
            full=self._full,
            seed=self._scenario.world.seed,
        )
        log = (system.logs / "attacker.log").open("ab")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "verification.siege.attacker", name,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
            env={"PYTHONPATH": str(ROOT), "PATH": os.environ.get("PATH", "")}, limit=2**24,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        reader, writer = process.stdout, process.stdin
        writer.write(json.dumps(asdict(target)).encode() + b"\n")

        async def ask(word: str) -> Any:
            writer.write(word.encode() + b"\n")
            line = await asyncio.wait_for(reader.readline(), PHASE_PATIENCE)
            if not line:
                raise RuntimeError(f"the attacker ended, read {Path(system.logs) / 'attacker.log'}")
            return json.loads(line)

        try:
            yield ask
        finally:
            log.close()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _accepted(self, item: Item) -> Json:
        """Send what must be accepted; its receipt."""
        url = f"{self._scenario.system.services['intake'].url}/events"
        headers = {"authorization": f"Bearer {self._scenario.system.keyring.token(item.agency)}"}
        headers["content-type"] = "application/cloudevents+json"
        end = time.monotonic() + scaled(PREPARED_WITHIN)
        while time.monotonic() < end:
            async with self._session.post(url, data=json.dumps(item.event), headers=headers) as answer:
                said: Json = await answer.json(content_type=None)
                if answer.status == 202:
                    return said
                if answer.status not in (401, 429, 503):
                    raise RuntimeError(f"{item.event['type']} was refused: {said}")
            await asyncio.sleep(0.2)
        raise RuntimeError(f"{item.event['type']} was not taken")

    async def _known_everywhere(self) -> None:
        """The attackers' keys open every service, and the reader has a feed."""
        token = self._scenario.system.keyring.token(READER)
        url = self._scenario.system.services["notifications"].url
        headers = {"authorization": f"Bearer {token}"}
        end = time.monotonic() + scaled(PREPARED_WITHIN)
        while time.monotonic() < end:
            async with self._session.post(f"{url}/subscriptions", json={"channel": "feed"}, headers=headers) as answer:
                if answer.status in (201, 409):
                    break
            await asyncio.sleep(0.2)
        async with self._session.get(f"{url}/feed", headers=headers) as answer:
            self._facts["cursor"] = (await answer.json())["cursor"]
