"""Does what the plan says, while the events flow, and says what it did: so that a failure can be repeated."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from deploy.local.errors import StartError
from verification.chaos.failpoints import EVERY, OPEN_TRANSACTION, Point
from verification.chaos.plan import Blow
from verification.chaos.processes import INFRASTRUCTURE, Cast
from verification.chaos.recoveries import Recovery, Watch

ATTEMPTS = 5
PASSED_WITHIN = 8.0  # seconds for a service to come to a point; then it is killed wherever it is
GROUND = "ground"  # the broker and the database: one of them at a time
SETTLING = 1.2  # session time-outs
RECOVERED_WITHIN = 30.0  # so long a victim is left alone; a recovery that takes longer is still measured
SHARE_OF_SHORT, SHARE_OF_LONG = 0.4, 1.4  # of the session time-out


class Director:
    """`reached(event)` is called by whoever sends: what is due begins, each victim's blows one after the other.

    ``behind``: how many blows are due and wait for their victim; whoever sends then takes its time.

    ``recoveries``: of services that were killed and started again; ``takeovers``: by another replica, from one that was
    frozen or went for good, which nobody can know before its session has timed out; ``returns``: of the whole after the
    broker or the database was hurt. ``outages``: from such a blow until every service has done a record again.
    """

    def __init__(self, cast: Cast, watch: Watch, plan: Sequence[Blow], say: Callable[[str], None]) -> None:
        self._cast, self._watch, self._say = cast, watch, say
        self._plan = list(plan)
        self._total = sum(blow.kills for blow in plan)
        self._locks = {name: asyncio.Lock() for name in (*EVERY, GROUND)}
        self._running: set[asyncio.Task[None]] = set()
        self._event = 0
        self._waiting = 0
        self.kills = 0
        self.recoveries: list[Recovery] = []
        self.takeovers: list[Recovery] = []
        self.returns: list[Recovery] = []
        self.outages: list[tuple[float, float]] = []

    def reached(self, event: int) -> None:
        """So many events have been sent. Raises what went wrong in a blow."""
        self._event = event
        while self._plan and self._plan[0].at <= event:
            blow = self._plan.pop(0)
            self._running.add(asyncio.create_task(self._in_turn(blow), name=f"blow {blow.number}"))
        for task in [task for task in self._running if task.done()]:
            self._running.discard(task)
            task.result()

    @property
    def behind(self) -> int:
        """Blows that are due and have not begun."""
        return self._waiting

    async def finish(self) -> None:
        """Wait for what is under way; raises what went wrong in it. Nothing is frozen or doubled afterwards."""
        await asyncio.gather(*self._running)
        for name in (f"{service}-2" for service in EVERY):
            await self._cast.gone(name)

    async def _in_turn(self, blow: Blow) -> None:
        """Locks are fair: who came first hurts first. What all stand on is hurt while services are, too."""
        async with AsyncExitStack() as stack:
            self._waiting += 1
            try:
                for name in self._concerned(blow):
                    await stack.enter_async_context(self._locks[name])
            finally:
                self._waiting -= 1
            ways = {
                "kill": self._kill, "term": self._term, "pause": self._pause, "at-point": self._at_point,
                "at-beginning": self._at_beginning, "take-over": self._take_over,
                "open-transaction": self._open_transaction, "second": self._second, "broker": self._infrastructure,
                "database": self._infrastructure, "both": self._both,
            }  # fmt: skip
            await ways[blow.way](blow)

    def _concerned(self, blow: Blow) -> tuple[str, ...]:
        if blow.way in INFRASTRUCTURE:
            return (GROUND,)
        forgets = not self._cast.stack.broker.keeps_its_log
        if blow.way == "both" or (forgets and blow.way in ("second", "take-over", "open-transaction")):
            return (GROUND, blow.victim)
        return (blow.victim,)

    @property
    def without_end(self) -> list[Recovery]:
        """Of all three kinds: after which no record was seen. As a rule there was none to do."""
        return [each for each in (*self.recoveries, *self.takeovers, *self.returns) if each.seconds is None]

    def undisturbed(self, recoveries: Sequence[Recovery]) -> list[Recovery]:
        """Those that came to an end, and during which the broker and the database were there."""
        return [
            each
            for each in recoveries
            if each.seconds is not None
            and not any(began < each.began + each.seconds and each.began < end for began, end in self.outages)
        ]

    # --- one replica

    async def _kill(self, blow: Blow) -> None:
        self._tell(blow.victim, "SIGKILL, wherever it is")
        await self._recovered(await self._killed(blow.victim))

    async def _term(self, blow: Blow) -> None:
        self._tell(blow.victim, "SIGTERM")
        began = time.time()
        pid = self._cast.send(blow.victim, signal.SIGTERM)
        recovery = self._measure(blow.victim, "SIGTERM", began)
        await self._cast.end(blow.victim, pid)
        await self._recovered(recovery)

    async def _pause(self, blow: Blow) -> None:
        seconds = self._pause_seconds(blow.long)
        self._tell(blow.victim, f"SIGSTOP for {seconds:.1f} s")
        self._cast.send(blow.victim, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        self._cast.send(blow.victim, signal.SIGCONT)
        await self._cast.ready(blow.victim)

    async def _at_point(self, blow: Blow) -> None:
        assert blow.point is not None
        await self._recovered(await self._struck(blow.victim, blow.point, blow.passes))

    async def _at_beginning(self, blow: Blow) -> None:
        """Killed wherever it is; its successor is killed while it begins."""
        assert blow.point is not None
        self._tell(blow.victim, "SIGKILL, wherever it is")
        pid = self._cast.send(blow.victim, signal.SIGKILL)
        await self._cast.ended(blow.victim, pid, 10.0)
        self._tell(blow.victim, f"SIGKILL of its successor: {blow.point.name}")
        self._cast.service(blow.victim).arm(blow.point)
        at = await self._wait_struck(blow.victim, PASSED_WITHIN * 2)
        await self._watch.look()
        await self._recovered(self._measure(blow.victim, blow.point.name, at))

    # --- two replicas

    async def _second(self, blow: Blow) -> None:
        """A second replica comes, works along for a while, and goes."""
        name = await self._come(blow.victim)
        if name is None:
            return
        await asyncio.sleep(self._pause_seconds(False))
        await self._go(name, signal.Signals[blow.signal])

    async def _take_over(self, blow: Blow) -> None:
        """Frozen for longer than the session time-out while another replica stands by; then it wakes up."""
        name = await self._come(blow.victim)
        seconds = self._pause_seconds(True)
        self._tell(blow.victim, f"SIGSTOP for {seconds:.1f} s, with {name} beside it")
        began = time.time()
        self._cast.send(blow.victim, signal.SIGSTOP)
        await self._watch.look()
        recovery = self._measure(blow.victim, "SIGSTOP", began, self.takeovers)
        await asyncio.sleep(seconds)
        await self._recovered(recovery, seconds)
        await self._wake(blow.victim)
        if name is not None:
            await self._go(name, signal.SIGKILL)

    async def _open_transaction(self, blow: Blow) -> None:
        """A successor meets the open transaction of a predecessor that is dead, or frozen."""
        name = await self._come(blow.victim)
        if blow.signal == "SIGKILL":
            recovery = await self._struck(blow.victim, OPEN_TRANSACTION, blow.passes)
            await self._recovered(recovery)
            await self._settled()
        else:
            recovery = await self._struck(blow.victim, OPEN_TRANSACTION, blow.passes, "SIGSTOP")
            await self._recovered(recovery, self._pause_seconds(True) * 1.5)
            await self._wake(blow.victim)
        if name is not None:
            await self._go(name, signal.SIGTERM)

    async def _wake(self, name: str) -> None:
        self._cast.send(name, signal.SIGCONT)
        await self._cast.ready(name)
        await self._settled()

    async def _settled(self) -> None:
        """The embedded broker waits for ever for a member that vanishes while its group finds together (docs/chaos.md):
        there, nobody goes before that is over."""
        if not self._cast.stack.broker.keeps_its_log:
            await asyncio.sleep(SETTLING * self._cast.session_timeout_ms / 1000)

    async def _come(self, service: str) -> str | None:
        for _ in range(ATTEMPTS):
            try:
                name = await self._cast.second(service)
                break
            except StartError:  # what it needs is away just now
                await self._cast.gone(f"{service}-2")
                await asyncio.sleep(3.0)
        else:
            self._cast.troubles.append(f"{service}-2 could not start {ATTEMPTS} times")
            return None
        self._say(f"          {name} comes")
        await self._settled()
        return name

    async def _go(self, name: str, number: signal.Signals) -> None:
        self._tell(name, f"{number.name}, and it stays away")
        began = time.time()
        pid = self._cast.send(name, number)
        recovery = self._measure(name, f"{name} {number.name}", began, self.takeovers)
        if number is signal.SIGTERM:
            await self._cast.end(name, pid)
        else:
            await self._cast.ended(name, pid, 10.0)
        await self._cast.gone(name)
        await self._recovered(recovery)

    # --- what they stand on

    async def _infrastructure(self, blow: Blow) -> None:
        name, number = blow.victim, signal.Signals[blow.signal]
        if number is signal.SIGSTOP:
            seconds = self._pause_seconds(False)
            self._tell(name, f"SIGSTOP for {seconds:.1f} s")
        else:
            self._tell(name, number.name)
        began = time.time()
        pid = self._cast.send(name, number)
        if number is signal.SIGSTOP:
            await asyncio.sleep(seconds)
            self._cast.send(name, signal.SIGCONT)
        else:
            await self._cast.ended(name, pid, 30.0)
        await self._back(name, began, number is not signal.SIGSTOP)

    async def _both(self, blow: Blow) -> None:
        """The broker dies, and a service at a point that it passes then."""
        assert blow.point is not None
        self._tell("broker", "SIGKILL")
        began = time.time()
        pid = self._cast.send("broker", signal.SIGKILL)
        recovery = await self._struck(blow.victim, blow.point, 1)
        await self._cast.ended("broker", pid, 30.0)
        await self._back("broker", began, True)
        await self._recovered(recovery)

    async def _back(self, name: str, began: float, ended: bool) -> None:
        await self._cast.ready(name, 60.0)
        forgot = ended and name == "broker" and not self._cast.stack.broker.keeps_its_log
        returns = [self._watch.away(service, name, began, forgot) for service in EVERY]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RECOVERED_WITHIN):
                await asyncio.gather(*(each.done.wait() for each in returns))
        self.outages.append((began, time.time()))
        self.returns += returns
        self._say(f"          {name} is back, {_all_seconds(returns)}")

    # --- parts of it

    async def _killed(self, name: str) -> Recovery:
        began = time.time()
        pid = self._cast.send(name, signal.SIGKILL)
        await self._cast.ended(name, pid, 10.0)
        await self._watch.look()
        return self._measure(name, "SIGKILL", began)

    async def _struck(self, name: str, point: Point, passes: int, number: str = "SIGKILL") -> Recovery:
        """Told to stop itself there; if it does not come there, it is killed where it is."""
        self._tell(name, f"{number} at pass {passes} of: {point.name}")
        self._cast.service(name).arm(point, passes, number)
        at = await self._wait_struck(name, PASSED_WITHIN)
        await self._watch.look()
        return self._measure(name, point.name, at, self.takeovers if number == "SIGSTOP" else self.recoveries)

    async def _wait_struck(self, name: str, seconds: float) -> float:
        service = self._cast.service(name)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if (at := service.done_at()) is not None:
                return at
            await asyncio.sleep(0.02)
        service.arm(None)
        if (at := service.done_at()) is not None:
            return at
        self._say(f"          {name} did not come to that point within {seconds:.0f} s: SIGKILL, wherever it is")
        at = time.time()
        pid = self._cast.send(name, signal.SIGKILL)
        await self._cast.ended(name, pid, 10.0)
        return at

    def _measure(self, name: str, what: str, began: float, among: list[Recovery] | None = None) -> Recovery:
        service = name.removesuffix("-2")
        recovery = self._watch.began(service, name if name != service else f"{service}-1", what, began)
        if not recovery.done.is_set():  # a second replica that had nothing leaves nothing behind
            (self.recoveries if among is None else among).append(recovery)
        return recovery

    async def _recovered(self, recovery: Recovery, seconds: float = RECOVERED_WITHIN) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await recovery.done.wait()
        self._say(f"          {recovery.service}: {_seconds(recovery)} ({recovery.what})")

    def _pause_seconds(self, long: bool) -> float:
        return self._cast.session_timeout_ms / 1000 * (SHARE_OF_LONG if long else SHARE_OF_SHORT)

    def _tell(self, name: str, how: str) -> None:
        self.kills += 1
        self._say(f"event {self._event:6d}  kill {self.kills}/{self._total}  {name}: {how}")


def _seconds(recovery: Recovery) -> str:
    return "no record yet" if recovery.seconds is None else f"first record {recovery.seconds:.1f} s"


def _all_seconds(returns: Sequence[Recovery]) -> str:
    return ", ".join(f"{each.service}: {_seconds(each)}" for each in returns)
