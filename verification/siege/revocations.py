"""How long what was taken back can still be sent or shown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import aiohttp

from samples.partners.held import Received
from samples.world import Item
from samples.world.envelope import Json
from verification.harness.scenario import Scenario
from verification.harness.senders import Outcome, Senders

POLL_SECONDS = 0.25
PATIENCE = 90.0  # what takes longer is told as this
Urls = Callable[[], Mapping[str, str]]


@dataclass
class Withdrawal:
    """One consent taken back. ``at``: the 202 (seconds since 1970); ``shown``: until when a read still showed
    something, in seconds from then; None while that is not known."""

    person: int
    purpose: str
    recipients: tuple[str, ...]
    at: float
    shown: float | None = None
    aliases: frozenset[tuple[str, str]] = frozenset()

    def sent(self, received: Mapping[str, list[Received]]) -> float:
        """Until when a notice still came, in seconds from the 202; 0 when none did."""
        late = [
            one.at - self.at
            for agency, those in received.items()
            for one in those
            if one.at > self.at and not one.recalls and (agency, one.event["data"]["alias"]) in self.aliases
        ]
        return max(late, default=0.0)

    def recalled(self, received: Mapping[str, list[Received]]) -> float | None:
        """When the recall came, in seconds from the 202; None when none did."""
        came = [
            one.at - self.at
            for agency, those in received.items()
            for one in those
            if one.recalls and one.at > self.at and (agency, one.event["data"]["alias"]) in self.aliases
        ]
        return max(came, default=None)


@dataclass
class Revocations:
    """Takes consents and keys back, and looks how long they are still good for something."""

    scenario: Scenario
    session: aiohttp.ClientSession
    urls: Urls
    withdrawals: list[Withdrawal] = field(default_factory=list)
    revocations_s: list[float] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._senders = Senders(self.session, lambda: self.urls()["intake"], self.scenario.system.keyring.token)

    async def send(self, item: Item) -> Outcome:
        """Send one event until it is answered. Raises HubUnavailable."""
        told: list[Outcome] = []
        await self._senders.send([item], "structured", told.append)
        self.scenario.ledger.record(told[0])
        if not told[0].accepted:
            self.violations.append(f"{item.event['type']} was refused: {told[0].problem.get('rule')}")
        return told[0]

    async def withdraw(self, item: Item, person: int, purpose: str, recipient: str | None) -> Withdrawal:
        """Send it, then read until nothing is shown any more."""
        owner, reference = item.agency, item.event["data"]["reference"]
        known = await asyncio.to_thread(self.scenario.databases.aliases)
        whose = known[owner, self.scenario.ledger.aliases[owner, reference]]
        agencies = (recipient,) if recipient else tuple(self.scenario.holdings())
        aliases = frozenset((agency, alias) for (agency, alias), one in known.items() if one == whose)
        aliases = frozenset(each for each in aliases if each[0] in agencies)
        await self.send(item)
        withdrawal = Withdrawal(person, purpose, agencies, time.time(), aliases=aliases)
        self.withdrawals.append(withdrawal)
        withdrawal.shown = await _until_never(
            lambda: [self._shows(url, *each) for url in self._matching() for each in aliases]
        )
        return withdrawal

    async def revoke(self, item: Item, agency: str) -> float:
        """Take an agency's keys away; how long one of them still opened something."""
        await self.send(item)
        seconds = await _until_never(lambda: [self._opens(name, url, agency) for name, url in self.urls().items()])
        self.revocations_s.append(seconds)
        return seconds

    def _matching(self) -> list[str]:
        return [url for name, url in self.urls().items() if name.startswith("matching")]

    async def _shows(self, url: str, agency: str, alias: str) -> bool | None:
        """Whether matches of this person are shown; None when that was not answered."""
        status, said = await self._get(f"{url}/people/{alias}/matches", agency)
        if status == 200:
            return bool(said.get("matches"))
        return False if status in (401, 403, 404) else None

    async def _opens(self, name: str, url: str, agency: str) -> bool | None:
        """Whether the key was taken, whatever came after it; None when that was not answered."""
        paths = {"intake": "/rejections", "matching": "/people/x/matches", "notifications": "/deliveries"}
        status, _ = await self._get(url + paths[name.removesuffix("-2")], agency)
        return {401: False, 200: True, 403: True, 404: True, 422: True}.get(status)

    async def _get(self, url: str, agency: str) -> tuple[int, Json]:
        headers = {"authorization": f"Bearer {self.scenario.system.keyring.token(agency)}"}
        try:
            timeout = aiohttp.ClientTimeout(total=5.0)
            async with self.session.get(url, headers=headers, timeout=timeout) as answer:
                said = await answer.json(content_type=None) if answer.status == 200 else {}
                return answer.status, said
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0, {}


async def _until_never(looks: Callable[[], list[Awaitable[bool | None]]]) -> float:
    """Look until all say no: the moment of the last yes, in seconds from now. Who does not answer is asked again."""
    began, last = time.monotonic(), 0.0
    while time.monotonic() - began < PATIENCE:
        seen = await asyncio.gather(*looks())
        if any(seen):
            last = time.monotonic() - began
        elif None not in seen:
            return last
        await asyncio.sleep(POLL_SECONDS)
    return PATIENCE
