"""What happens before the search: the whole flow with planted people, with everything going wrong that may."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import aiohttp

from deploy.rights.agency import AgencyDoor
from deploy.rights.login import ADMIN, READER, Login
from deploy.rights.own_topics import provide
from deploy.rights.partner import Partner
from samples.partners.hub import Hub
from samples.partners.wire import WireLog
from samples.world import Chapter, Item
from verification.harness.agency_at_kafka import AgencyAtKafka, sealed
from verification.harness.scenario import Scenario
from verification.leaks import hostile_requests, other_doors, people
from verification.leaks.faulty_system import FaultySystem
from verification.leaks.http_capture import HttpCapture, serving
from verification.leaks.mailbox import OWNER
from verification.leaks.other_doors import Newcomers
from verification.leaks.poison import poison, put
from verification.leaks.search_terms import Controls, Planted, planted_by

PATIENCE = 150.0  # seconds for everything to have happened
AT_ONCE = 6
ROUNDS = 6  # every hostile request comes about so often, once at least, whoever it is about
REPLAYS = 3  # a service that was killed has forgotten what it let fail
KILLED = {"walk-ins": "database", "openings": "broker", "programmes": "matching"}
ARRIVALS = ("trainee-graduated", "person-enrolled")


@dataclass
class Flow:
    """One flow on one system; ``kills``: services, broker and database are killed in the middle. Keeps what was planted
    and, by status, what the hostile requests were answered, and what was published at Kafka."""

    scenario: Scenario
    system: FaultySystem
    capture: HttpCapture
    session: aiohttp.ClientSession
    kills: bool = True
    planted: set[Planted] = field(default_factory=set)
    answered: dict[int, int] = field(default_factory=dict)
    at_kafka: Counter[str] = field(default_factory=Counter)

    async def run(self) -> bool:
        """Everything, up to when all is quiet. Whether it became quiet."""
        scenario, screen = self.scenario, self.scenario.screen
        await scenario.register()
        await self.system.start_partners(screen.up)
        await self._more_channels()
        chapters = people.chapters(scenario.world)
        items = people.everything(chapters)
        self.planted |= planted_by(items)
        for chapter in chapters:
            target = KILLED.get(chapter.name) if self.kills else None
            await self._act(chapter, partial(self.system.kill, target) if target else None)
        await scenario.until_quiet(PATIENCE)  # who was killed is back and knows every key, so that requests come far
        await self._everything_wrong(items)
        await self._through_other_doors(items)
        await self._poisoned()
        quiet = await scenario.until_quiet(PATIENCE)
        for _ in range(REPLAYS):
            await self._replay()
        quiet = await scenario.until_quiet(PATIENCE) and quiet
        await self._everything_read(items)
        return quiet

    async def _act(self, chapter: Chapter, between: Callable[[], Awaitable[None]] | None) -> None:
        """Send a chapter, and again what a fault of the hub failed: for one event of a batch nobody else does."""
        before = len(self.scenario.ledger.unexpected)
        await self.scenario.send_chapter(chapter, between)
        unforeseen = [each for each in self.scenario.ledger.unexpected[before:] if not each.accepted]
        failed = [each.item for each in unforeseen if each.problem["status"] >= 500]
        if failed:
            title = {"ko": "실패한 것 다시", "en": "What failed, again"}
            await self.scenario.send_chapter(Chapter("again", title, tuple(failed)))

    async def _everything_wrong(self, items: list[Item]) -> None:
        """Every hostile request, spread over the planted people."""
        arrivals = [item for item in items if item.event["type"] in ARRIVALS and item.mistake is None]
        step = max(ROUNDS, len(arrivals) // ROUNDS)
        work = [
            (item.agency, request)
            for number, item in enumerate(arrivals)
            for request in list(hostile_requests.requests_about(item.event))[number % step :: step]
        ]
        for start in range(0, len(work), AT_ONCE):
            await asyncio.gather(*(self._hostile(*each) for each in work[start : start + AT_ONCE]))
        self.scenario.screen.say("받을 수 없는 요청들", f"{len(work)} hostile requests, answered {self.answered}")

    async def _hostile(self, agency: str, request: hostile_requests.Hostile) -> None:
        if request.by:
            agency = self._admin if request.by == "administrator" else self.system.agency("feed")
        status, _ = await hostile_requests.send(self.session, request, self._url, self.system.keyring.token(agency))
        self.answered[status] = self.answered.get(status, 0) + 1

    async def _through_other_doors(self, items: list[Item]) -> None:
        """Others as files, with a mapping, and where the broker knows users by an agency's own topic."""
        seed = self.scenario.world.seed
        others = other_doors.newcomers(items, seed, "file")
        self.planted |= others.planted
        for request in (*other_doors.mappings(others.events[0]), *other_doors.files(others.events)):
            await self._hostile(others.agency, request)  # one of a key at a time
        if self.own_answers(others.agency) is not None:
            others = other_doors.newcomers(items, seed, "kafka")
            self.planted |= others.planted_at_kafka
            await self._at_kafka(others)
        self.scenario.screen.say("다른 문으로", f"files, mappings, Kafka; answered {self.answered}")

    async def _at_kafka(self, others: Newcomers) -> None:
        door, password = AgencyDoor(others.agency), secrets.token_hex(24)
        await provide(self.system.stack.login(ADMIN).arguments, door, password, replication=1)
        told = json.loads(await self._ask("intake", "/doors/kafka", others.agency))
        public = base64.b64decode(told["keys"][0]["public_key"])
        records = other_doors.records(others.events)
        values = [each if isinstance(each, bytes) else sealed(each, public) for each in records]
        async with AgencyAtKafka.at(door, Login(self.system.stack.kafka, door.user, password)) as agency:
            await agency.publish(*values)
            await agency.wait_for(len(values))
        for answer in agency.answers.values():
            self.at_kafka[answer["status"]] += 1

    async def _poisoned(self) -> None:
        records, planted = poison(self.scenario.world.seed)
        self.planted |= planted
        await put(self.system.stack.login(ADMIN), records)
        self.scenario.screen.say(
            "토픽에 직접 넣은 나쁜 기록", f"{len(records)} bad records put on the topics past intake"
        )

    async def _replay(self) -> None:
        for service in self.system.services:
            await self._ask(service, "/quarantine/replay", self._admin, {})

    async def _everything_read(self, items: list[Item]) -> None:
        """Every page that there is, by whoever may read it and by the administrator."""
        scenario, admin = self.scenario, self._admin
        for service in self.system.services:
            for page in ("metrics", "openapi.json", "docs", "asyncapi.json", "schemas", "ready", "live", "quarantine"):
                await self._ask(service, f"/{page}", admin)
        agencies = sorted({item.agency for item in items})
        pages = [("intake", "/rejections?limit=500", agency) for agency in [*agencies, admin]]
        for item in items:
            pages.append(("intake", f"/events/{item.event['id']}?source={item.event['source']}", item.agency))
        pages += [("matching", f"/people/{alias}/matches", own[0]) for own, alias in scenario.ledger.aliases.items()]
        opportunities = list(scenario.ledger.opportunities.items())
        pages += [("matching", f"/opportunities/{id}/matches", own[0]) for own, id in opportunities]
        for (agency, _), alias in list(scenario.ledger.aliases.items())[:10]:
            pages += [("matching", f"/people/{alias}/opportunities/{id}", agency) for _, id in opportunities[:3]]
        for partner in ("feed", "webhook"):
            agency = self.system.agency(partner)
            pages += [("notifications", path, agency) for path in ("/feed", "/deliveries?limit=500", "/subscriptions")]
        for start in range(0, len(pages), AT_ONCE):
            await asyncio.gather(*(self._ask(*page) for page in pages[start : start + AT_ONCE]))
        await self._daily_files()
        for (agency, reference), alias in scenario.ledger.aliases.items():
            answer = await self._ask("intake", "/people/lookup", agency, {"reference": reference})
            assert alias.encode() in answer or not answer, "the lookup is read as it is answered"

    async def _daily_files(self) -> None:
        """Every file of the feed, in every form."""
        agency = self.system.agency("feed")
        listed = json.loads(await self._ask("notifications", "/files?limit=31", agency))
        for name in [form["name"] for day in listed["days"] for form in day["files"]]:
            await self._ask("notifications", f"/files/{name}", agency)

    async def _more_channels(self) -> None:
        """The partner that pulls is also told by mail and, where the broker knows users, by a topic of its own."""
        agency = self.system.agency("feed")
        wanted = [{"channel": "email", "url": f"mailto:{OWNER}"}]
        if (topic := self.partner_topic) is not None:
            own = Partner(agency)
            await provide(self.system.stack.login(ADMIN).arguments, own, secrets.token_hex(24), replication=1)
            assert own.topic == topic
            wanted.append({"channel": "topic"})
        for each in wanted:
            made = await self._ask("notifications", "/subscriptions", agency, each)
            assert b'"subscription"' in made, f"not subscribed: {each['channel']}"

    @property
    def partner_topic(self) -> str | None:
        """What it is called; None where there are none."""
        reader = self.system.stack.login(READER)
        return Partner(self.system.agency("feed")).topic if reader.user else None

    def own_answers(self, agency: str) -> str | None:
        """The topic in which an agency is answered; None where there are none."""
        return AgencyDoor(agency).answers if self.system.stack.login(READER).user else None

    async def _ask(self, service: str, path: str, agency: str, body: object = None) -> bytes:
        headers = {"authorization": f"Bearer {self.system.keyring.token(agency)}"}
        method = "GET" if body is None else "POST"
        async with self.session.request(method, self._url(service) + path, headers=headers, json=body) as answer:
            return await answer.read()

    def _url(self, service: str) -> str:
        return self.system.services[service].url

    @property
    def _admin(self) -> str:
        return self.scenario.world.setting.admin.agency


async def plant_in_answers(flow: Flow, controls: Controls) -> None:
    """The controls of everything that comes by HTTP: served by a server of ours, captured the same way; sent to
    the partner with the webhook; read by the client of the partner with the feed."""
    system, port = flow.system, flow.system.partners["webhook"].port
    for sink in sorted(flow.capture.captured):
        controls.for_sink(sink)
    async with serving(controls.blob) as url:
        for sink in sorted(flow.capture.captured):
            async with flow.session.get(url, params={"sink": sink}, trace_request_ctx=sink) as answer:
                await answer.read()
        timeout, traces = aiohttp.ClientTimeout(total=10), [WireLog(system.partner_store("feed").folder).tracing()]
        async with aiohttp.ClientSession(timeout=timeout, trace_configs=traces) as session:
            with contextlib.suppress(ValueError):  # it is no JSON, but it was captured
                await Hub(session, f"{url}/x?sink=feed as received&also=", "none").feed("", 0)
    body = controls.blob("webhook as received")
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{port}/notices", data=body) as answer,
    ):
        assert answer.status == 401, "it is not signed"
