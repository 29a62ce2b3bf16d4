"""The hub as a partner sees it: three calls, repeated until they are taken."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

LONGEST_PAUSE = 1.0  # seconds between two tries
MOST_AT_ONCE = 500
AWAY = frozenset(
    {401, 403, 429, 500, 502, 503, 504}
)  # 401 and 403: our key is registered, but not known everywhere yet


class Refused(Exception):
    """The hub says no, and will go on saying so."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('title', '')}")
        self.status = status
        self.problem = problem


@dataclass(frozen=True)
class Hub:
    """The notifications API with this partner's token. Calls go on trying while the hub is away."""

    session: aiohttp.ClientSession
    url: str
    token: str

    async def subscribe_feed(self) -> None:
        """Take part by a feed; one that stands is kept."""
        try:
            await self._call("POST", "/subscriptions", json={"channel": "feed"})
        except Refused as refused:
            if refused.status != 409:
                raise

    async def subscribe_webhook(self, url: str, secret: str) -> None:
        """Be called at this address, with signatures by a secret of our own; instead of any webhook that stands."""
        for stands in (await self._call("GET", "/subscriptions"))["subscriptions"]:
            if stands["channel"] == "webhook":
                await self._call("DELETE", f"/subscriptions/{stands['subscription']}")
        await self._call("POST", "/subscriptions", json={"channel": "webhook", "url": url, "secret": secret})

    async def feed(self, after: str, wait: float) -> tuple[list[dict[str, Any]], str]:
        """The next notices after a cursor, waiting up to ``wait`` seconds for one, and the next cursor."""
        page = await self._call("GET", "/feed", params={"wait": str(wait), **({"after": after} if after else {})})
        return page["events"], page["cursor"]

    async def acknowledge(self, notices: Sequence[str]) -> list[str]:
        """Say that these were dealt with; the ones that the hub has written down."""
        done: list[str] = []
        for start in range(0, len(notices), MOST_AT_ONCE):
            some = notices[start : start + MOST_AT_ONCE]
            answer = await self._call("POST", "/acknowledgements", json={"notices": list(some)})
            done += [result["notice"] for result in answer["results"] if result["status"] == "acknowledged"]
        return done

    async def _call(self, method: str, path: str, **what: Any) -> dict[str, Any]:
        pause = 0.05
        while True:
            try:
                headers = {"authorization": f"Bearer {self.token}"}
                async with self.session.request(method, self.url + path, headers=headers, **what) as answer:
                    if answer.status < 400:
                        found: dict[str, Any] = await answer.json() if answer.status != 204 else {}
                        return found
                    if answer.status not in AWAY:
                        raise Refused(answer.status, await answer.json(content_type=None))
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(2 * pause, LONGEST_PAUSE)
