"""Does what the plan says, while the events flow, and says what it did: so that a failure can be repeated."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from deploy.local.errors import StartError
from deploy.local.timeouts import scaled
from verification.chaos.failpoints import OPEN_TRANSACTION, Failpoint
from verification.chaos.plan import Fault
from verification.chaos.processes import INFRASTRUCTURE, ChaosSystem
from verification.chaos.recoveries import Recovery, RecoveryWatch
from verification.harness.keyring import SERVICES

ATTEMPTS = 5
PASSED_WITHIN = 8.0  # seconds for a service to come to a failpoint; then it is killed wherever it is
INFRASTRUCTURE_LOCK = "infrastructure"  # the broker and the database: one of them at a time
SETTLING = 1.2  # session time-outs
RECOVERED_WITHIN = 30.0  # so long a target is left alone; a recovery that takes longer is still measured
SHARE_OF_SHORT, SHARE_OF_LONG = 0.4, 1.4  # of the session time-out


class FaultInjector:
    """`reached(event)` is called by whoever sends: what is due begins, each target's faults one after the other.

    ``behind``: how many faults are due and wait for their target; whoever sends then takes its time.

    ``recoveries``: of services that were killed and started again; ``takeovers``: by another replica, from one that was
    frozen or went for good, which nobody can know before its session has timed out; ``returns``: of the whole after the
    broker or the database was disturbed. ``outages``: from such a fault until every service has done a record again.
    """

    def __init__(
        self, system: ChaosSystem, watch: RecoveryWatch, plan: Sequence[Fault], say: Callable[[str], None]
    ) -> None:
        self._system, self._watch, self._say = system, watch, say
        self._plan = list(plan)
        self._total = sum(fault.kills for fault in plan)
        self._locks = {name: asyncio.Lock() for name in (*SERVICES, INFRASTRUCTURE_LOCK)}
        self._running: set[asyncio.Task[None]] = set()
        self._event = 0
        self._waiting = 0
        self.kills = 0
        self.recoveries: list[Recovery] = []
        self.takeovers: list[Recovery] = []
        self.returns: list[Recovery] = []
        self.outages: list[tuple[float, float]] = []

    def reached(self, event: int) -> None:
        """So many events have been sent. Raises what went wrong in a fault."""
        self._event = event
        while self._plan and self._plan[0].at <= event:
            fault = self._plan.pop(0)
            self._running.add(asyncio.create_task(self._in_turn(fault), name=f"fault {fault.number}"))
        for task in [task for task in self._running if task.done()]:
            self._running.discard(task)
            task.result()

    @property
    def behind(self) -> int:
        """Blows that are due and have not begun."""
        return self._waiting

    async def finish(self) -> None:
        """Wait for what is under way; raises what went wrong in it. Nothing is frozen afterwards, no replica is
        left."""
        await asyncio.gather(*self._running)
        for name in (f"{service}-2" for service in SERVICES):
            await self._system.remove_replica(name)

    async def _in_turn(self, fault: Fault) -> None:
        """Locks are fair: first come, first served. What all stand on is disturbed while services are, too."""
        async with AsyncExitStack() as stack:
            self._waiting += 1
            try:
                for name in self._concerned(fault):
                    await stack.enter_async_context(self._locks[name])
            finally:
                self._waiting -= 1
            kinds = {
                "kill": self._kill, "term": self._term, "pause": self._pause, "at-failpoint": self._at_failpoint,
                "at-beginning": self._at_beginning, "take-over": self._take_over,
                "open-transaction": self._open_transaction, "second": self._second, "broker": self._infrastructure,
                "database": self._infrastructure, "both": self._both,
            }  # fmt: skip
            await kinds[fault.kind](fault)

    def _concerned(self, fault: Fault) -> tuple[str, ...]:
        if fault.kind in INFRASTRUCTURE:
            return (INFRASTRUCTURE_LOCK,)
        forgets = not self._system.stack.broker.keeps_its_log
        if fault.kind == "both" or (forgets and fault.kind in ("second", "take-over", "open-transaction")):
            return (INFRASTRUCTURE_LOCK, fault.target)
        return (fault.target,)

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

    async def _kill(self, fault: Fault) -> None:
        self._tell(fault.target, "SIGKILL, wherever it is")
        await self._recovered(await self._killed(fault.target))

    async def _term(self, fault: Fault) -> None:
        self._tell(fault.target, "SIGTERM")
        began = time.time()
        pid = self._system.send(fault.target, signal.SIGTERM)
        recovery = self._measure(fault.target, "SIGTERM", began)
        await self._system.end(fault.target, pid)
        await self._recovered(recovery)

    async def _pause(self, fault: Fault) -> None:
        seconds = self._pause_seconds(fault.long)
        self._tell(fault.target, f"SIGSTOP for {seconds:.1f} s")
        self._system.send(fault.target, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        self._system.send(fault.target, signal.SIGCONT)
        await self._system.ready(fault.target)

    async def _at_failpoint(self, fault: Fault) -> None:
        assert fault.failpoint is not None
        await self._recovered(await self._stopped_at_failpoint(fault.target, fault.failpoint, fault.passes))

    async def _at_beginning(self, fault: Fault) -> None:
        """Killed wherever it is; its successor is killed while it begins."""
        assert fault.failpoint is not None
        self._tell(fault.target, "SIGKILL, wherever it is")
        pid = self._system.send(fault.target, signal.SIGKILL)
        await self._system.ended(fault.target, pid, 10.0)
        self._tell(fault.target, f"SIGKILL of its successor: {fault.failpoint.name}")
        self._system.service(fault.target).orders.arm(fault.failpoint)
        at = await self._wait_until_stopped(fault.target, PASSED_WITHIN * 2)
        await self._watch.poll()
        await self._recovered(self._measure(fault.target, fault.failpoint.name, at))

    # --- two replicas

    async def _second(self, fault: Fault) -> None:
        """A second replica comes, works along for a while, and goes."""
        name = await self._come(fault.target)
        if name is None:
            return
        await asyncio.sleep(self._pause_seconds(False))
        await self._go(name, signal.Signals[fault.signal])

    async def _take_over(self, fault: Fault) -> None:
        """Frozen for longer than the session time-out while another replica stands by; then it wakes up."""
        name = await self._come(fault.target)
        seconds = self._pause_seconds(True)
        self._tell(fault.target, f"SIGSTOP for {seconds:.1f} s, with {name} beside it")
        began = time.time()
        self._system.send(fault.target, signal.SIGSTOP)
        await self._watch.poll()
        recovery = self._measure(fault.target, "SIGSTOP", began, self.takeovers)
        await asyncio.sleep(seconds)
        await self._recovered(recovery, seconds)
        await self._wake(fault.target)
        if name is not None:
            await self._go(name, signal.SIGKILL)

    async def _open_transaction(self, fault: Fault) -> None:
        """A successor meets the open transaction of a predecessor that is dead, or frozen."""
        name = await self._come(fault.target)
        if fault.signal == "SIGKILL":
            recovery = await self._stopped_at_failpoint(fault.target, OPEN_TRANSACTION, fault.passes)
            await self._recovered(recovery)
            await self._settled()
        else:
            recovery = await self._stopped_at_failpoint(fault.target, OPEN_TRANSACTION, fault.passes, "SIGSTOP")
            await self._recovered(recovery, self._pause_seconds(True) * 1.5)
            await self._wake(fault.target)
        if name is not None:
            await self._go(name, signal.SIGTERM)

    async def _wake(self, name: str) -> None:
        self._system.send(name, signal.SIGCONT)
        await self._system.ready(name)
        await self._settled()

    async def _settled(self) -> None:
        """The embedded broker waits for ever for a member that vanishes while its group finds together (docs/chaos.md):
        there, nobody goes before that is over."""
        if not self._system.stack.broker.keeps_its_log:
            await asyncio.sleep(SETTLING * self._system.session_timeout_ms / 1000)

    async def _come(self, service: str) -> str | None:
        for _ in range(ATTEMPTS):
            try:
                name = await self._system.start_replica(service)
                break
            except StartError:  # what it needs is away just now
                await self._system.remove_replica(f"{service}-2")
                await asyncio.sleep(3.0)
        else:
            self._system.violations.append(f"{service}-2 could not start {ATTEMPTS} times")
            return None
        self._say(f"          {name} comes")
        await self._settled()
        return name

    async def _go(self, name: str, number: signal.Signals) -> None:
        self._tell(name, f"{number.name}, and it stays away")
        began = time.time()
        pid = self._system.send(name, number)
        recovery = self._measure(name, f"{name} {number.name}", began, self.takeovers)
        if number is signal.SIGTERM:
            await self._system.end(name, pid)
        else:
            await self._system.ended(name, pid, 10.0)
        await self._system.remove_replica(name)
        await self._recovered(recovery)

    # --- what they stand on

    async def _infrastructure(self, fault: Fault) -> None:
        name, number = fault.target, signal.Signals[fault.signal]
        if number is signal.SIGSTOP:
            seconds = self._pause_seconds(False)
            self._tell(name, f"SIGSTOP for {seconds:.1f} s")
        else:
            self._tell(name, number.name)
        began = time.time()
        pid = self._system.send(name, number)
        if number is signal.SIGSTOP:
            await asyncio.sleep(seconds)
            self._system.send(name, signal.SIGCONT)
        else:
            await self._system.ended(name, pid, 30.0)
        await self._back(name, began, number is not signal.SIGSTOP)

    async def _both(self, fault: Fault) -> None:
        """The broker dies, and a service at a failpoint that it passes then."""
        assert fault.failpoint is not None
        self._tell("broker", "SIGKILL")
        began = time.time()
        pid = self._system.send("broker", signal.SIGKILL)
        recovery = await self._stopped_at_failpoint(fault.target, fault.failpoint, 1)
        await self._system.ended("broker", pid, 30.0)
        await self._back("broker", began, True)
        await self._recovered(recovery)

    async def _back(self, name: str, began: float, ended: bool) -> None:
        await self._system.ready(name, 60.0)
        forgot = ended and name == "broker" and not self._system.stack.broker.keeps_its_log
        returns = [self._watch.away(service, name, began, forgot) for service in SERVICES]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(scaled(RECOVERED_WITHIN)):
                await asyncio.gather(*(each.done.wait() for each in returns))
        self.outages.append((began, time.time()))
        self.returns += returns
        self._say(f"          {name} is back, {_all_seconds(returns)}")

    # --- parts of it

    async def _killed(self, name: str) -> Recovery:
        began = time.time()
        pid = self._system.send(name, signal.SIGKILL)
        await self._system.ended(name, pid, 10.0)
        await self._watch.poll()
        return self._measure(name, "SIGKILL", began)

    async def _stopped_at_failpoint(
        self, name: str, failpoint: Failpoint, passes: int, number: str = "SIGKILL"
    ) -> Recovery:
        """Told to stop itself there; if it does not come there, it is killed where it is."""
        self._tell(name, f"{number} at pass {passes} of: {failpoint.name}")
        self._system.service(name).orders.arm(failpoint, passes, number)
        at = await self._wait_until_stopped(name, PASSED_WITHIN)
        await self._watch.poll()
        return self._measure(name, failpoint.name, at, self.takeovers if number == "SIGSTOP" else self.recoveries)

    async def _wait_until_stopped(self, name: str, seconds: float) -> float:
        service = self._system.service(name)
        end = time.monotonic() + scaled(seconds)
        while time.monotonic() < end:
            if (at := service.orders.done_at()) is not None:
                return at
            await asyncio.sleep(0.02)
        service.orders.arm(None)
        if (at := service.orders.done_at()) is not None:
            return at
        self._say(f"          {name} did not come to that failpoint within {seconds:.0f} s: SIGKILL, wherever it is")
        at = time.time()
        pid = self._system.send(name, signal.SIGKILL)
        await self._system.ended(name, pid, 10.0)
        return at

    def _measure(self, name: str, what: str, began: float, among: list[Recovery] | None = None) -> Recovery:
        service = name.removesuffix("-2")
        recovery = self._watch.began(service, name if name != service else f"{service}-1", what, began)
        if not recovery.done.is_set():  # a second replica that had nothing leaves nothing behind
            (self.recoveries if among is None else among).append(recovery)
        return recovery

    async def _recovered(self, recovery: Recovery, seconds: float = RECOVERED_WITHIN) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(scaled(seconds)):
                await recovery.done.wait()
        self._say(f"          {recovery.service}: {_seconds(recovery)} ({recovery.what})")

    def _pause_seconds(self, long: bool) -> float:
        return self._system.session_timeout_ms / 1000 * (SHARE_OF_LONG if long else SHARE_OF_SHORT)

    def _tell(self, name: str, how: str) -> None:
        self.kills += 1
        self._say(f"event {self._event:6d}  kill {self.kills}/{self._total}  {name}: {how}")


def _seconds(recovery: Recovery) -> str:
    return "no record yet" if recovery.seconds is None else f"first record {recovery.seconds:.1f} s"


def _all_seconds(returns: Sequence[Recovery]) -> str:
    return ", ".join(f"{each.service}: {_seconds(each)}" for each in returns)
