"""How much one key, or one address, may ask for: rates, and how many at once. In the memory of this replica alone.

The rates are throttled-py's GCRA over its memory store: a bounded LRU on the monotonic clock, cost per call, about 4 µs
(`limits` was the other candidate: its memory store is not bounded, follows the wall clock and starts threads).
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Literal, get_args

from starlette.types import Scope
from throttled import Throttled, rate_limiter, store

from shared.kit.base import metrics
from shared.kit.web.edge_settings import EdgeSettings, rate
from shared.kit.web.problems import Problem

# each is a setting: limit_wrong_keys, at_once_requests
Limiter = Literal["wrong-keys", "anonymous", "requests", "lookups", "events", "forbids", "bytes"]
AtOnce = Literal["requests-at-once", "bodies-at-once", "polls-at-once"]
# A refusal comes late, so that a loop which does not heed it turns slowly; but only so many wait at a time.
LONGEST_DELAY = 0.5
MOST_DELAYED = 256
LONGEST_TURN = 5.0  # so long a request waits for others of its key


@dataclass(slots=True)
class _Turns:
    free: asyncio.Semaphore
    users: int = 0


@dataclass(frozen=True, slots=True)
class _Rate:
    limiter: Throttled
    policy: str


class Quotas:
    """Charges what is asked for, and refuses with 429 what is too much."""

    def __init__(self, settings: EdgeSettings) -> None:
        rates: tuple[Limiter, ...] = get_args(Limiter)
        at_once: tuple[AtOnce, ...] = get_args(AtOnce)
        self._rates = {name: _rate(name, settings) for name in rates}
        self._most: dict[AtOnce, int] = {
            name: getattr(settings, f"at_once_{name.removesuffix('-at-once')}") for name in at_once
        }
        self._held: Counter[tuple[AtOnce, str]] = Counter()
        self._working: dict[str, _Turns] = {}
        self._most_working = settings.at_once_working
        self._delayed = 0

    def over(self, name: Limiter, who: str, cost: int = 1) -> Problem | None:
        """Charge; the 429 when it is too much, and then nothing was charged."""
        known = self._rates[name]
        result = known.limiter.limit(who, cost=cost)
        if not result.limited:
            return None
        metrics.http_limited.of(reason=name).inc()
        return too_many(name, result.state.retry_after, policy=known.policy, remaining=result.state.remaining)

    async def charge(self, name: Limiter, who: str, cost: int = 1) -> None:
        """Charge; raises the 429, after a while, when it is too much."""
        problem = self.over(name, who, cost)
        if problem is not None:
            await self.delay(problem)
            raise problem

    async def delay(self, problem: Problem) -> None:
        if self._delayed < MOST_DELAYED:
            self._delayed += 1
            try:
                await asyncio.sleep(min(LONGEST_DELAY, float(problem.headers["Retry-After"])))
            finally:
                self._delayed -= 1

    @contextmanager
    def hold(self, name: AtOnce, who: str) -> Iterator[None]:
        """One more at once, until the end of the block; raises the 429 when there are enough."""
        if self._held[name, who] >= self._most[name]:
            metrics.http_limited.of(reason=name).inc()
            raise too_many(name, 1.0)
        self._held[name, who] += 1
        try:
            yield
        finally:
            self._held[name, who] -= 1
            if not self._held[name, who]:
                del self._held[name, who]

    async def turn(self, who: str, most: int | None = None, name: AtOnce = "requests-at-once") -> Callable[[], None]:
        """Wait until one more of this key may be worked on; what comes back is called at its end. Its further requests
        wait for it: nobody's work stands behind more than a few of any other key. Raises the 429 after a while.
        ``most`` at a time, always the same for the same ``who``; else as the settings say."""
        turns = self._working.setdefault(who, _Turns(asyncio.Semaphore(most or self._most_working)))
        turns.users += 1

        def left() -> None:
            turns.users -= 1
            if not turns.users:
                del self._working[who]

        try:
            async with asyncio.timeout(LONGEST_TURN):
                await turns.free.acquire()
        except BaseException as error:
            left()
            if not isinstance(error, TimeoutError):
                raise
            metrics.http_limited.of(reason=name).inc()
            raise too_many(name, 1.0) from None

        def done() -> None:
            turns.free.release()
            left()

        return done


def too_many(name: Limiter | AtOnce, seconds: float, policy: str | None = None, remaining: int = 0) -> Problem:
    """The 429, with the fields of draft-ietf-httpapi-ratelimit-headers when a rate was exceeded."""
    wait = max(1, math.ceil(seconds))
    headers = {"Retry-After": str(wait)}
    if policy is not None:
        headers |= {"RateLimit-Policy": policy, "RateLimit": f'"{name}";r={max(0, remaining)};t={wait}'}
    detail = "Nothing was taken; sending the same again is safe."
    return Problem(429, "too-many", "Too much at a time", detail, rule=name, name=name, headers=headers)


def address_of(scope: Scope) -> str:
    """Whom a limit per address counts: an IPv4 address, or the /64 of an IPv6 one, which one subscriber has whole."""
    host = str((scope.get("client") or ("unknown", 0))[0])
    try:
        known = ip_address(host)
    except ValueError:
        return "unknown"
    if isinstance(known, IPv6Address):
        if known.ipv4_mapped is not None:
            return str(known.ipv4_mapped)
        return str(IPv6Address(int(known) >> 64 << 64))
    return host


def _rate(name: Limiter, settings: EdgeSettings) -> _Rate:
    sustained, burst = rate(getattr(settings, f"limit_{name.replace('-', '_')}"))
    memory = store.MemoryStore(options={"MAX_SIZE": settings.limit_tracked})
    limiter = Throttled(using="gcra", quota=rate_limiter.per_sec(sustained, burst=burst), store=memory)
    return _Rate(limiter, f'"{name}";q={burst};w={max(1, math.ceil(burst / sustained))}')
