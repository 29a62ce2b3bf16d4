"""The agencies' own systems: they send, keep trying with the same ids while the hub is away, and read the answers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp

from deploy.local.timeouts import scaled
from samples.world import Item

Mode = Literal["structured", "binary", "batch"]
BATCH_SIZE = 25
# 401: a key that was registered a moment ago; every service looks again within a second
AWAY = frozenset({401, 429, 500, 502, 503, 504})
PATIENCE = 120.0  # seconds, about, until an agency gives up on a hub that is away; it tries every second


class HubUnavailable(Exception):
    """The hub did not come back in time."""


@dataclass(frozen=True)
class Outcome:
    """What the door answered to one event: a receipt, with the problem in it where it was refused."""

    item: Item
    receipt: dict[str, Any]

    @property
    def accepted(self) -> bool:
        """Taken now, or known to have been taken before."""
        return bool(self.receipt["status"] not in ("refused", "failed"))

    @property
    def problem(self) -> dict[str, Any]:
        """Why it was refused (RFC 9457)."""
        found: dict[str, Any] = self.receipt["problem"]
        return found

    @property
    def as_expected(self) -> bool:
        """A right event is accepted, a wrong one refused by the rule that it breaks."""
        mistake = self.item.mistake
        if mistake is None or self.accepted:
            return mistake is None and self.accepted
        return bool(self.problem.get("rule") == mistake.rule and self.problem["status"] == mistake.status)


class Senders:
    """Sends as the agencies would: each agency in its own order, all agencies side by side.

    ``url`` is asked before every try: where there are several doors, it may be another one.
    """

    def __init__(self, session: aiohttp.ClientSession, url: Callable[[], str], token: Callable[[str], str]) -> None:
        self._session = session
        self._url = url
        self._token = token

    async def send(self, items: Iterable[Item], mode: Mode, on_outcome: Callable[[Outcome], None]) -> None:
        """Send everything; ``on_outcome`` is called with each outcome as it comes. Raises HubUnavailable."""
        by_agency: dict[str, list[Item]] = {}
        for item in items:
            by_agency.setdefault(item.agency, []).append(item)
        await asyncio.gather(*(self._send_own(agency, own, mode, on_outcome) for agency, own in by_agency.items()))

    async def _send_own(
        self, agency: str, items: Sequence[Item], mode: Mode, on_outcome: Callable[[Outcome], None]
    ) -> None:
        size = BATCH_SIZE if mode == "batch" else 1
        for start in range(0, len(items), size):
            some = items[start : start + size]
            for outcome in await self._post(agency, some, mode):
                on_outcome(outcome)

    async def _post(self, agency: str, items: Sequence[Item], mode: Mode) -> list[Outcome]:
        what: dict[str, Any]
        if mode == "batch":
            what = {"json": [item.event for item in items]}
            headers = {"content-type": "application/cloudevents-batch+json"}
        elif mode == "structured":
            what = {"json": items[0].event}
            headers = {"content-type": "application/cloudevents+json"}
        else:
            event = items[0].event
            attributes = [name for name in event if name not in ("data", "datacontenttype")]
            headers = {f"ce-{name}": str(event[name]) for name in attributes} | {"content-type": "application/json"}
            what = {"json": event["data"]}
        status, answer = await self._until_answered(agency, headers, what)
        if mode == "batch" and status == 202:
            return [Outcome(item, receipt) for item, receipt in zip(items, answer["results"], strict=True)]
        receipt = answer if status == 202 else {"status": "refused", "problem": answer}
        return [Outcome(item, receipt) for item in items]

    async def _until_answered(
        self, agency: str, headers: dict[str, str], what: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        headers = headers | {"authorization": f"Bearer {self._token(agency)}"}
        pause = 0.05
        for _ in range(round(scaled(PATIENCE))):
            try:
                async with self._session.post(f"{self._url()}/events", headers=headers, **what) as answer:
                    if answer.status not in AWAY:
                        said = await answer.json(content_type=None)
                        if not any(each["status"] == "failed" for each in said.get("results", ())):
                            return answer.status, said
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(2 * pause, 1.0)
        raise HubUnavailable(f"{self._url()} did not answer for {scaled(PATIENCE):.0f} s")
