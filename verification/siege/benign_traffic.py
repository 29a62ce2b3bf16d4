"""Those who mean no harm: an agency that sends and reads, a partner that is told, at a modest and steady rate."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from verification.harness.scenario import Scenario
from verification.siege.figures import Sample

ADDRESS = "127.0.0.2"
RATE = 24.0  # requests in a second, of all kinds and to all services together
PATIENCE = 30.0  # seconds until a request counts as not answered
EVENTS = {"content-type": "application/cloudevents+json"}
NO_ANSWER = "no answer"
BROKEN_OFF = ("ServerDisconnectedError", "ClientOSError", "ConnectionResetError")


@dataclass(frozen=True)
class Request:
    """One request that must be answered as expected."""

    service: str
    what: str
    method: str
    path: str
    agency: str
    expected: int
    event: dict[str, Any] | None = None
    body: dict[str, Any] | None = None


@dataclass
class Healthy:
    """Asks in turn for all that is asked in everyday life. Begins each request when it is due, whether or not those
    before it were answered: who waits for a slow answer would otherwise hide how slow it is.

    ``killed``: services that were killed on purpose and are not back: nothing is asked of them.
    """

    scenario: Scenario
    samples: list[Sample] = field(default_factory=list)
    killed: set[str] = field(default_factory=set)

    async def run(self) -> None:
        """For ever."""
        connector = aiohttp.TCPConnector(local_addr=(ADDRESS, 0), limit=0)
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            asyncio.TaskGroup() as tasks,
        ):
            began = time.monotonic()
            for number, request in enumerate(self._requests()):
                due = began + number / RATE
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if request.service not in self.killed:
                    tasks.create_task(self._ask(session, request, due))

    async def _ask(self, session: aiohttp.ClientSession, request: Request, due: float) -> None:
        headers = {"authorization": f"Bearer {self.scenario.system.keyring.token(request.agency)}"}
        body = request.event or request.body
        if body is not None:
            headers |= EVENTS if request.event else {"content-type": "application/json"}
        url = self.scenario.system.services[request.service].url + request.path
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        error = await self._answer(session, request, url, data, headers)
        if error in BROKEN_OFF:  # an idle connection that was closed at this very moment: everybody asks once more
            error = await self._answer(session, request, url, data, headers)
        if not (error and request.service in self.killed):
            self.samples.append(Sample(due, time.monotonic() - due, request.service, request.what, error))

    async def _answer(
        self, session: aiohttp.ClientSession, request: Request, url: str, data: bytes | None, headers: dict[str, str]
    ) -> str:
        """What was wrong with the answer; empty when nothing was."""
        try:
            async with session.request(request.method, url, data=data, headers=headers) as answer:
                await answer.read()
                return "" if answer.status == request.expected else str(answer.status)
        except TimeoutError:
            return NO_ANSWER
        except (aiohttp.ClientError, OSError) as failure:
            return type(failure).__name__

    def _requests(self) -> Iterator[Request]:
        """The same kinds over and over, about another person each time."""
        scenario, partners = self.scenario, self.scenario.world.setting.partners
        people = [
            person for person in scenario.world.people if (person.agency, person.reference) in scenario.ledger.aliases
        ]
        openings = [own for own in scenario.ledger.opportunities if own[0] == partners.feed]
        adverts = {(one.agency, one.reference): one for one in scenario.world.openings}
        for number in itertools.count():
            person = people[number % len(people)]
            agency, own = person.agency, (person.agency, person.reference)
            alias = scenario.ledger.aliases[own]
            opening = openings[number % len(openings)]
            yield self._event(agency, "person-updated", person.profile(wants=_other_way(person.data["wants"], number)))
            yield Request("matching", "matches of a person", "GET", f"/people/{alias}/matches", agency, 200)
            yield Request("notifications", "feed", "GET", "/feed?limit=20", partners.feed, 200)
            lookup = {"reference": person.reference}
            yield Request("intake", "lookup", "POST", "/people/lookup", agency, 200, body=lookup)
            path = f"/opportunities/{scenario.ledger.opportunities[opening]}/matches"
            yield Request("matching", "matches of an opening", "GET", path, opening[0], 200)
            yield Request("notifications", "deliveries", "GET", "/deliveries?limit=20", partners.webhook, 200)
            yield Request("intake", "rejections", "GET", "/rejections?limit=20", agency, 200)
            acknowledged = {"notices": [f"{number:032x}"]}
            yield Request(
                "notifications", "acknowledgements", "POST", "/acknowledgements", partners.webhook, 200,
                body=acknowledged,
            )  # fmt: skip
            if opening in adverts and "wage" in adverts[opening].data:
                data = adverts[opening].data
                wage = data["wage"] | {"minimum": data["wage"]["minimum"] + 1_000 * (number % 3)}
                kind = f"{adverts[opening].family}-updated"
                yield self._event(opening[0], kind, data | {"wage": wage})

    def _event(self, agency: str, kind: str, data: dict[str, Any]) -> Request:
        event = {
            "specversion": "1.0",
            "type": kind,
            "source": f"/agencies/{agency}",
            "id": f"healthy-{time.monotonic_ns()}",
            "time": self.scenario.world.today.isoformat() + "T00:00:00+09:00",
            "datacontenttype": "application/json",
            "data": data,
        }
        return Request("intake", kind, "POST", "/events", agency, 202, event=event)


def _other_way(wants: dict[str, Any], number: int) -> dict[str, Any]:
    return wants | {"commute_minutes": (40, 60, 90)[number % 3]}
