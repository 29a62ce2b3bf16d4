"""Partners whose systems go away (410) and come back, move, and are subscribed anew in their own place, while matches
change and end, people get other names and consents end: what each system must have heard in the end is known from what
was said.

On real parts what tests/unit/notifications/simulation.py is over dictionaries. Who kills meanwhile is `faults.py`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from typing import Any

import httpx
from aiokafka.errors import KafkaError
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import PyMongoError

from services.notifications.channels.webhook_signing import new_secret
from services.notifications.documents import ENDED
from shared.events import Event
from tests.integration.notifications.parts import OK, Client, Partner, Request, Setup, answer_of, event, match
from tests.support.waiting import eventually
from tests.unit.notifications.world import hexid, holding, model, person_of

AGENCIES = {"gjf": 3, "hana": 2}  # with so many systems
PEOPLE, OPENINGS = tuple(f"p{n}" for n in range(4)), ("x", "y", "z")
BANDS = ("high", "medium", "low")
ANSWERS_AFTER = (0.0, 0.0, 0.05, 0.3)  # seconds
QUIET_WITHIN = 120.0
STEPS = {
    "match": 12, "person": 2, "rename": 2, "go": 4, "come_back": 5, "pause": 1, "go_on": 2, "acknowledge": 3,
}  # fmt: skip
UNHEARD = {"go": 4, "come_back": 5, "pause": 1, "go_on": 2, "acknowledge": 3}  # what no topic has a part in


class PartnerSystem:
    """One system of an agency: whichever subscription leads to it tells it. ``gone``: it answers 410. ``taken``: what
    it was told. ``begun`` counts how often it was to be told everything; ``arrivals`` by that and the notice."""

    def __init__(self, agency: str, random: Random) -> None:
        self.agency, self._random = agency, random
        self.partner = Partner(self._answer)
        self.path, self.begun, self.gone = 0, 0, False
        self.taken: list[dict[str, Any]] = []
        self.arrivals = Counter[tuple[int, str]]()
        self.named: set[str] = set()  # aliases that reached it in a notice, whatever it answered

    @property
    def url(self) -> str:
        """Where it is told now."""
        return f"{self.partner.url}/{self.path}"

    async def _answer(self, request: Request) -> bytes:
        if request.method == "POST" and "alias" in (told := request.event)["data"]:
            if told["type"] != "recall":
                self.named.add(told["data"]["alias"])
            if not self.gone:
                self.taken.append(told)
                self.arrivals[self.begun, told["id"]] += 1
                await asyncio.sleep(self._random.choice(ANSWERS_AFTER))
                return OK
        return answer_of(410) if self.gone else OK


class Life:
    """``bases``: where the replicas answer. All that happens is drawn from ``random``; ``done`` counts it."""

    def __init__(self, setup: Setup, bases: Sequence[str], random: Random) -> None:
        self._setup, self._bases, self._random = setup, bases, random
        self._mongo: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(setup.mongo_url, tz_aware=True)
        self.database = self._mongo[setup.database]
        self.systems = [PartnerSystem(agency, random) for agency, count in AGENCIES.items() for _ in range(count)]
        self.done = Counter[str]()
        self._clients: dict[str, Client] = {}
        self._people: dict[str, Set[str]] = {}  # whom each person's consents name
        self._matches: dict[tuple[str, str], dict[str, Any]] = {}
        self._numbers = Counter[str]()  # of a person or match: the last that was said
        self._ends: dict[tuple[str, int], int] = {}  # by topic and partition: the last offset
        self._names = Counter[tuple[str, str]]()
        self._obeyed: dict[str, list[dict[str, Any]]] = {
            agency: [] for agency in AGENCIES
        }  # recalls, by whatever system
        self.in_doubt: set[str] = set()  # aliases of what may have left when somebody was killed

    async def begin(self) -> None:
        """Everybody is there and is told what stands."""
        for system in self.systems:
            await system.partner.__aenter__()
        await self._publish(*(self._setup.agency(agency) for agency in AGENCIES))
        self._clients = {agency: Client(None, self._setup.tokens[agency]) for agency in AGENCIES}
        await self._publish(*(self._person(name, set(AGENCIES)) for name in PEOPLE))
        for system in self.systems:
            await self._subscribe(system)
        await self._publish(*(self._match(name, each, {"band": "high"}) for name in PEOPLE for each in OPENINGS[:2]))
        await eventually(self.heard)

    async def end(self) -> None:
        """Nothing of it is left open."""
        for client in self._clients.values():
            await client.aclose()
        for system in self.systems:
            await system.partner.__aexit__()
        self._mongo.close()

    async def step(self, steps: Mapping[str, int] = STEPS) -> None:
        """Something happens."""
        (name,) = self._random.choices(list(steps), list(steps.values()))
        await getattr(self, name)()

    # --- what is said

    async def match(self) -> None:
        state = {"band": self._random.choice(BANDS), "stands": self._random.random() < 0.7}
        await self._publish(self._match(self._random.choice(PEOPLE), self._random.choice(OPENINGS), state))

    async def person(self) -> None:
        named = {agency for agency in AGENCIES if self._random.random() < 0.7}
        await self._publish(self._person(self._random.choice(PEOPLE), named))

    async def rename(self) -> None:
        name, agency = self._random.choice(PEOPLE), self._random.choice(list(AGENCIES))
        self._names[name, agency] += 1
        await self._publish(self._person(name, self._people[name]))

    def _alias(self, name: str, agency: str) -> str:
        return hexid("alias", name, agency, self._names[name, agency])

    def _person(self, name: str, named: Set[str]) -> Event[Any]:
        self._people[name] = named
        aliases = tuple({"agency": agency, "alias": self._alias(name, agency)} for agency in AGENCIES)
        state = person_of(name, tuple(sorted(named)), aliases=()).model_dump() | {"aliases": aliases}
        person = hexid("person", name)
        data = model("person-updated").model_validate(state)
        return event("person-updated", data, person, self._next(person))

    def _match(self, name: str, opening: str, state: dict[str, Any]) -> Event[Any]:
        self._matches[name, opening] = state
        return match(name, opening, self._next(hexid("match", name, opening)), **state)

    def _next(self, id: str) -> int:
        self._numbers[id] += 1
        return self._numbers[id]

    async def _publish(self, *events: Event[Any]) -> None:
        self.done["said"] += len(events)

        async def said() -> bool:
            try:
                self._ends |= await self._setup.publish(*events)
            except KafkaError:  # the broker is away: all of it again, in order
                return False
            return True

        await eventually(said)

    # --- what partners do

    async def go(self) -> None:
        if there := [each for each in self.systems if not each.gone]:
            self._random.choice(there).gone = True

    async def come_back(self) -> None:
        """By `resume`, as a new subscription in its place, or somewhere else."""
        if not (gone := [each for each in self.systems if each.gone]):
            return
        system = self._random.choice(gone)
        found = await self._subscription_of(system)
        system.gone = False
        if found["state"] != "disabled":
            return  # it was told nothing meanwhile
        how = self._random.choice(("resumed", "replaced", "moved"))
        if how == "replaced":
            return await self._subscribe(system)
        if how == "moved":
            await self._move(system, found)
        await self._resume(system, found)

    async def pause(self) -> None:
        system = self._random.choice(self.systems)
        await self._asked(system.agency, "POST", f"{_address(await self._subscription_of(system))}/pause")

    async def go_on(self) -> None:
        for system in self.systems:
            if not system.gone and (found := await self._subscription_of(system))["state"] == "paused":
                await self._resume(system, found)

    async def acknowledge(self) -> None:
        """Some of its recalls; by whatever system, all of its agency's do as they say."""
        agency = self._random.choice(list(AGENCIES))
        told = [e for s in self.systems if s.agency == agency for e in s.taken if e["type"] == "recall"]
        if some := told[-self._random.randint(1, 3) :]:
            said = {"notices": sorted({each["id"] for each in some})}
            answer = await self._asked(agency, "POST", "/acknowledgements", said)
            assert answer.status_code == 200, answer.text
            self._obeyed[agency] += some
            self.done["acknowledged"] += len(some)

    async def _subscribe(self, system: PartnerSystem) -> None:
        system.begun += 1
        wanted = {"channel": "webhook", "url": system.url, "secret": new_secret()}
        answer = await self._asked(system.agency, "POST", "/subscriptions", wanted)
        assert answer.status_code in (201, 409), answer.text  # said again after a kill, it is taken by itself
        self.done["subscribed"] += 1

    async def _resume(self, system: PartnerSystem, found: dict[str, Any]) -> None:
        system.begun += 1
        answer = await self._asked(system.agency, "POST", f"{_address(found)}/resume")
        self.done[f"resumed {found['state']}"] += answer.status_code == 200

    async def _move(self, system: PartnerSystem, found: dict[str, Any]) -> None:
        before = system.path
        system.path = self.done["moved"] + 1
        answer = await self._asked(system.agency, "PATCH", _address(found), {"url": system.url})
        if answer.status_code == 200:
            self.done["moved"] += 1
        else:
            system.path = before

    async def _subscription_of(self, system: PartnerSystem) -> dict[str, Any]:
        listed = (await self._asked(system.agency, "GET", "/subscriptions")).json()["subscriptions"]
        (found,) = [each for each in listed if each["url"] == system.url]
        shown: dict[str, Any] = found
        return shown

    async def _asked(self, agency: str, method: str, path: str, said: Any = None) -> httpx.Response:
        """At any replica, again and again until one answers that can."""

        async def answer() -> httpx.Response | None:
            try:
                base = self._random.choice(self._bases)
                found = await self._clients[agency].request(method, base + path, json=said)
            except httpx.TransportError:
                return None
            if found.status_code == 429:  # the next ten minutes are there at once
                with suppress(PyMongoError):
                    await self.database.recipients.update_many({}, {"$unset": {"asked": ""}})
            return None if found.status_code in (401, 429, 503) else found

        found: httpx.Response = await eventually(answer)
        return found

    # --- the end

    async def heard(self) -> bool:
        """Whether the service has done all that was said."""
        done: dict[tuple[str, int], int] = {}
        async for each in self.database.checkpoints.find({"topic": {"$in": ["people", "matches"]}}):
            done[each["topic"], int(each["_id"].rpartition("/")[2])] = each["offset"]
        said = {part: offset for part, offset in self._ends.items() if part[0] != "agencies"}
        return all(done.get(part, -1) >= offset for part, offset in said.items())

    async def drain(self) -> None:
        """From now on all goes well, until nothing moves any more."""
        standing = [(key, state) for key, state in self._matches.items() if state.get("stands", True)]
        ending = [(key, state) for key, state in standing if self._random.random() < 0.3]
        await self._publish(*(self._match(*key, {**state, "stands": False}) for key, state in ending))
        for system in self.systems:
            system.gone = False
        await eventually(self._quiet, QUIET_WITHIN)

    async def _quiet(self) -> bool:
        for system in self.systems:
            if (found := await self._subscription_of(system))["state"] != "active":
                await self._resume(system, found)
        # the second pass over everybody begins when no transaction of the first can be alive: none is
        later = {"second_pass": True, "not_before": {"$gt": datetime.now(UTC)}}
        await self.database.resyncs.update_many(later, {"$set": {"not_before": datetime.now(UTC)}})
        moves = (
            await self.database.deliveries.count_documents({"state": {"$nin": list(ENDED)}}),
            await self.database.resyncs.count_documents({}),
            await self.database.recoveries.count_documents({"state": "running"}),
        )
        return not any(moves) and await self.heard()

    def violations(self) -> Iterator[str]:
        """What is not as it must be, in words."""
        named = {agency: {a for s in self.systems if s.agency == agency for a in s.named} for agency in AGENCIES}
        for number, system in enumerate(self.systems):
            desired = {
                (self._alias(name, system.agency), hexid("opportunity", opening))
                for (name, opening), state in self._matches.items()
                if state.get("stands", True) and system.agency in self._people[name]
            }
            held = holding([*system.taken, *self._obeyed[system.agency]])
            for what, which in (("was not told", desired - held), ("holds what it may not", held - desired)):
                yield from (f"system {number} of {system.agency} {what}: {each}" for each in sorted(which))
            for (name, opening), state in self._matches.items():
                yield from self._wrong_band(number, system, name, opening, state, held)
            for each in system.taken:
                alias = each["data"]["alias"]
                if each["type"] == "recall" and alias not in named[system.agency] | self.in_doubt:
                    yield f"system {number} of {system.agency} heard a recall of what never left: {alias}"

    def _wrong_band(
        self, number: int, system: PartnerSystem, name: str, opening: str, state: dict[str, Any], held: Set[Any]
    ) -> Iterator[str]:
        """What it holds is as it was last said."""
        key = self._alias(name, system.agency), hexid("opportunity", opening)
        told = [e["data"] for e in system.taken if (e["data"]["alias"], e["data"].get("opportunity")) == key]
        if key in held and max(told, key=lambda d: d["version"])["band"] != state["band"]:
            yield f"system {number} of {system.agency} holds {key} as it was before"

    async def unrecalled(self) -> Sequence[str]:
        """Threads whose recall is owed and unsent, or has failed."""
        found = []
        async for thread in self.database.threads.find({"recall_required": True}):
            names = [name for name in PEOPLE if hexid("person", name) == thread["person"]]
            if not any(thread["recipient"] in self._people[name] for name in names):
                found.append(f"a recall is owed to {thread['recipient']} and unsent")
        async for recall in self.database.deliveries.find(
            {"about": "recall", "state": "failed", "reason": {"$ne": "gone"}}
        ):
            found.append(f"a recall to {recall['recipient']} has failed: {recall['reason']}")
        return found


def _address(shown: dict[str, Any]) -> str:
    return f"/subscriptions/{shown['subscription']}"
