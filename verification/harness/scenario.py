"""The scenes that `make run` and `make demo` have in common."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
from aiokafka.errors import KafkaError

from deploy.local.timeouts import scaled
from deploy.rights.login import READER
from samples.partners.held import Holding, holding_of
from samples.world import Chapter, Item, World
from samples.world.envelope import EventWriter
from verification.harness import topic_reader
from verification.harness.console import Screen
from verification.harness.databases import Databases
from verification.harness.ledger import Ledger
from verification.harness.senders import Mode, Outcome, Senders
from verification.harness.system import System

MODES: dict[str, Mode] = {"graduates": "batch", "openings": "batch", "programmes": "structured", "changes": "binary"}
WATCH_SECONDS = 3.0
CANDIDATES, MATCHES_SHOWN = 12, 2
VETTED = 2  # adverts of a day
QUIET_SECONDS = 1.5  # nothing moved for so long, and nothing is on its way: it is over


class Scenario:
    """One day of the world, sent to a system. Keeps in `ledger` what the agencies were answered."""

    def __init__(self, system: System, world: World, screen: Screen, session: aiohttp.ClientSession) -> None:
        self.system, self.world, self.screen = system, world, screen
        self.ledger = Ledger()
        self.databases = Databases(system.stack.mongo_url)
        self._session = session
        self._senders = Senders(session, lambda: system.services["intake"].url, system.keyring.token)

    async def register(self) -> None:
        """The first administrator registers every agency, with the hash of its key."""
        event_writer = EventWriter(self.world.today, 0, self.world.pack.timezone)
        admin = self.world.setting.admin.agency
        data = [
            agency | {"keys": [self.system.keyring.registered_key(agency["agency"])]}
            for agency in self.world.agencies()
        ]
        items = [event_writer.write(admin, "agency-registered", each) for each in data]
        await self._senders.send(items, "structured", self.ledger.record)
        self.screen.say(f"기관 {len(items)}곳 등록됨", f"{len(items)} agencies registered", "green")

    async def send_chapter(self, chapter: Chapter, between: Callable[[], Awaitable[None]] | None = None) -> None:
        """Send a chapter; ``between`` is called once, when half of it is sent."""
        self.screen.chapter(chapter)
        accepted, refused = len(self.ledger.accepted), len(self.ledger.refused)
        half = len(chapter.items) // 2 if between else len(chapter.items)
        for items in (chapter.items[:half], chapter.items[half:]):
            await self._send(items, MODES.get(chapter.name, "structured"))
            if between:
                await between()
                between = None
        self.screen.chapter_end(len(self.ledger.accepted) - accepted, len(self.ledger.refused) - refused)

    async def _send(self, items: Sequence[Item], mode: Mode) -> None:
        def on_outcome(outcome: Outcome) -> None:
            self.ledger.record(outcome)
            if not outcome.accepted:
                self.screen.refused(outcome)

        await self._senders.send(items, mode, on_outcome)

    async def vet(self, day: int) -> None:
        """Of the adverts that came today one is held and one refused: what was told of them is taken back."""
        came = [item for item in self.ledger.accepted if item.event["type"] == "job-posted"]
        opportunities = dict.fromkeys(self.ledger.opportunities[_own(item)] for item in came)
        chapter = self.world.vetted(day, list(opportunities)[-VETTED:])
        await self.send_chapter(chapter)
        for item in chapter.items:
            data = item.event["data"]
            self.screen.vetted(self.ledger.titles.get(data["opportunity"], ""), data["verdict"], data["reason"])

    async def show_somebody(self) -> None:
        """Of the people who came first today, the one with the best match, as their own agency reads it."""
        arrivals = ("trainee-graduated", "person-enrolled")
        came = [item for item in self.ledger.accepted if item.event["type"] in arrivals][:CANDIDATES]
        found = [(item, await self.matches(item.agency, self.ledger.aliases[_own(item)])) for item in came]
        found = [(item, matches) for item, matches in found if matches]
        if not found:
            return
        item, matches = max(found, key=lambda each: float(each[1][0]["score"]))
        self.screen.somebody(item.agency, len(matches))
        for match in matches[:MATCHES_SHOWN]:
            self.screen.match(self.ledger.titles.get(match["opportunity"], match["kind"]), match)

    async def withdraw(self, chapter: Chapter, patience: float) -> bool:
        """Consents are withdrawn; shown by one person: what the partner held before, and what after."""
        first = chapter.items[0]
        partner = first.event["data"]["consents"][0]["recipient"]
        before = await asyncio.to_thread(self.held_about, first, partner)
        await self.send_chapter(chapter)
        quiet = await self.until_quiet(patience)
        after = await asyncio.to_thread(self.held_about, first, partner)
        self.screen.recalled(partner, before, after)
        return quiet

    def held_about(self, item: Item, partner: str) -> int:
        """How many openings a partner holds for the person of an event. Only this harness can join the two."""
        known = self.databases.aliases()
        person = known[item.agency, self.ledger.aliases[_own(item)]]
        aliases = {alias for (agency, alias), whose in known.items() if agency == partner and whose == person}
        return sum(alias in aliases for alias, _ in self.holdings()[partner].pairs)

    async def matches(self, agency: str, alias: str) -> list[dict[str, Any]]:
        """The matches of a person by the agency's own alias, best first; none when it may not know them."""
        url = f"{self.system.services['matching'].url}/people/{alias}/matches"
        headers = {"authorization": f"Bearer {self.system.keyring.token(agency)}"}
        try:
            async with self._session.get(url, headers=headers) as answer:
                return list((await answer.json())["matches"]) if answer.status == 200 else []
        except (aiohttp.ClientError, TimeoutError):
            return []

    def holdings(self) -> dict[str, Holding]:
        """What each partner holds, by its agency."""
        return {
            self.system.agency(name): holding_of(self.system.partner_store(name).received())
            for name in ("feed", "webhook")
        }

    def counts(self) -> dict[str, dict[str, int]]:
        """How much each partner was told, has acknowledged, had to forget."""
        found = {}
        for name in ("feed", "webhook"):
            store = self.system.partner_store(name)
            holding = holding_of(store.received())
            acknowledged = len(store.acknowledged())
            found[name] = {"told": holding.notices, "acknowledged": acknowledged, "recalled": holding.recalls}
        return found

    async def watch(self) -> None:
        """Say what the partners were told, whenever that has changed; for ever."""
        before = [0, 0]
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            now = [self.system.partner_store(name).size() for name in ("feed", "webhook")]
            if now != before:
                self.screen.partners(await asyncio.to_thread(self.counts))
            before = now

    async def until_quiet(self, patience: float) -> bool:
        """Wait until nothing is on its way any more; False when that took longer than ``patience`` seconds,
        which TIMEOUT_SCALE stretches."""
        end = time.monotonic() + scaled(patience)
        before: object = None
        since = time.monotonic()
        while time.monotonic() < end:
            now = [self.system.partner_store(name).size() for name in ("feed", "webhook")]
            if now != before or await self.unfinished():
                before, since = now, time.monotonic()
            elif time.monotonic() - since >= QUIET_SECONDS:
                return True
            await asyncio.sleep(0.2)
        return False

    async def say_unfinished(self) -> None:
        """Say what did not come to its end in time."""
        self.screen.say("아직 끝나지 않은 것", f"not finished: {await self.unfinished()}", "bold red")

    async def unfinished(self) -> dict[str, int]:
        """What an outbox, a consumer, a delivery or a partner still has to do; empty when there is nothing."""
        found = await asyncio.to_thread(self.databases.unfinished)
        for name in ("feed", "webhook"):
            found[f"acknowledgements of {name}"] = len(self.system.partner_store(name).unacknowledged())
        if not any(found.values()):  # only now worth asking the broker
            try:
                ends = await topic_reader.end_offsets(self.system.stack.login(READER))
            except (KafkaError, TimeoutError):
                return {"broker away": 1}
            found |= topic_reader.lag(ends, await asyncio.to_thread(self.databases.checkpoints))
        return {name: count for name, count in found.items() if count}


def _own(item: Item) -> tuple[str, str]:
    return item.agency, item.event["data"]["reference"]
