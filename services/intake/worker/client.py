"""The worker process as the service sees it: started and stopped with it, started again when it ends."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from services.intake import metrics
from services.intake.schemas import Receipt
from services.intake.worker.questions import Close, Found, Next, OpenBatch, Opened, OpenFile, Question, Start
from services.intake.worker.wire import LENGTH_BYTES, framed, read

MOST_OPEN = 8  # requests and files: so many bodies it holds at most
ANSWER_SECONDS = 30.0  # a portion takes some 0.1 s
START_SECONDS = 120.0  # it takes one or two
END_SECONDS = 2.0
_ROOT = Path(__file__).parents[3]  # where ``services`` lies
_GONE = (OSError, EOFError, TimeoutError)  # EOFError: asyncio's IncompleteReadError is one


class WorkerGone(Exception):
    """It ended, or did not answer. What was asked of it has no effect, and may be done here."""


class AtWorker:
    """A batch or a file that is open at the worker."""

    def __init__(self, ask: Callable[[Question], Awaitable[Any]], opened: Opened) -> None:
        self._ask, self.opened = ask, opened

    async def next(self, late: frozenset[int] = frozenset()) -> Found:
        """The next portion. Raises WorkerGone."""
        found: Found = await self._ask(Next(self.opened.number, late))
        for one in found.portion:
            if isinstance(one, Receipt) and one.problem is not None and one.problem.incident is not None:
                metrics.events_refused.of(reason="failed-here").inc()  # the worker's own metrics are nobody's
        return found


class WorkerProcess:
    """One worker. Nothing stands or falls with it: without it the service does the work itself."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()  # one question at a time
        self._open = 0

    @property
    def pid(self) -> int | None:
        """While it takes questions."""
        return None if self._process is None else self._process.pid

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep it running until the service is to stop. Raises WorkerGone when it has ended by itself."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.intake.worker.program",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 20,
            cwd=_ROOT, env={},  # no secret goes along
        )  # fmt: skip
        ended, stopped = asyncio.create_task(process.wait()), asyncio.create_task(stopping.wait())
        started = asyncio.create_task(self._asked(process, self._start))
        try:
            await asyncio.wait((started, stopped), timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if started.done():
                started.result()
                self._process = process
                metrics.worker_running.of().set(1)
                await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
        except _GONE as error:
            raise WorkerGone(type(error).__name__) from None
        finally:
            self._process = None
            metrics.worker_running.of().set(0)
            started.cancel()
            stopped.cancel()
            await _end(process, ended)
        if not stopping.is_set():
            raise WorkerGone("ended, or did not start")

    @asynccontextmanager
    async def opened(self, question: OpenBatch | OpenFile) -> AsyncIterator[AtWorker | None]:
        """None when it does not run or has enough open."""
        process = self._process
        if process is None or self._open >= MOST_OPEN:
            metrics.worker_bypassed.of().inc()
            yield None
            return
        self._open += 1
        ask, opening = partial(self._ask, process), asyncio.create_task(self._in_turn(process, question))
        try:
            opened: Opened | None = None
            with suppress(WorkerGone):
                opened = await asyncio.shield(opening)
            yield None if opened is None else AtWorker(ask, opened)
        finally:
            await asyncio.shield(asyncio.create_task(self._close(process, opening)))

    async def _close(self, process: asyncio.subprocess.Process, opening: asyncio.Task[Opened]) -> None:
        """Also when the caller is cancelled, and cancelled again meanwhile."""
        try:
            with suppress(WorkerGone):
                await self._in_turn(process, Close((await opening).number))
        finally:
            self._open -= 1

    async def _ask(self, process: asyncio.subprocess.Process, question: Question) -> Any:
        """Its answer; it is waited for also when the caller is cancelled. Raises WorkerGone."""
        return await asyncio.shield(asyncio.create_task(self._in_turn(process, question)))

    async def _in_turn(self, process: asyncio.subprocess.Process, question: Question) -> Any:
        async with self._turn:
            if self._process is not process:
                raise WorkerGone("not running")
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    return await self._asked(process, question)
            except BaseException as error:  # the answer may still be on its way: who asks next would take it for theirs
                if self._process is process:
                    self._process = None
                with suppress(ProcessLookupError):
                    process.kill()
                if not isinstance(error, Exception):
                    raise
                raise WorkerGone(type(error).__name__) from None

    async def _asked(self, process: asyncio.subprocess.Process, question: Question | Start) -> Any:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(framed(question))
        await process.stdin.drain()
        length = int.from_bytes(await process.stdout.readexactly(LENGTH_BYTES))
        return read(await process.stdout.readexactly(length))


async def _end(process: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
    """Its standard input ends, and so does it; else it is killed."""
    assert process.stdin is not None
    process.stdin.close()
    await asyncio.wait((ended,), timeout=END_SECONDS)
    if process.returncode is None:
        process.kill()
    await ended
