"""Names of hosts to addresses, in threads of their own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

REGISTERING = 8  # threads of a resolver for registrations: what hangs there keeps no delivery waiting
_RESOLVERS = 128
_APART = 32  # threads for names that hung when they were looked up last
_MOST_APART = 10_000  # names of which that is remembered
_RESOLVE_SECONDS = 5.0


class Resolver(AbstractResolver):
    """Looks names up in threads of its own, at most one for each name at a time, so that a name server that hangs holds
    up nobody else's work, nor the end of this process, which waits for none of them. A thread is gone for as long as
    the system's resolver tries, which is longer than anybody here waits: names that hung the last time have threads
    apart, or as many of them as there are threads would leave none for the others. A name that waits for a thread until
    nobody waits for it any more is not looked up: else those who ask now would stand behind all who have gone."""

    def __init__(self, threads: int = _RESOLVERS) -> None:
        self._threads = asyncio.Semaphore(threads)
        self._apart = asyncio.Semaphore(_APART)
        self._hung: dict[str, None] = {}
        self._asked: dict[tuple[str, socket.AddressFamily], asyncio.Task[list[Any]]] = {}
        self._waiting = Counter[tuple[str, socket.AddressFamily]]()  # how many wait for each of them

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses of a host. Raises OSError."""
        key = (host, family)  # a name has the same addresses at every port
        if (asked := self._asked.get(key)) is None:
            asked = self._asked[key] = asyncio.create_task(self._looked_up(host, family))
            asked.add_done_callback(lambda done: self._answered(key, done))
        self._waiting[key] += 1
        try:
            async with asyncio.timeout(_RESOLVE_SECONDS):
                found = await asyncio.shield(asked)  # a thread cannot be cancelled: who comes later waits for this one
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key]
        return [
            ResolveResult(hostname=host, host=str(at[0]), port=port, family=kind, proto=proto, flags=0)
            for kind, _, proto, _, at in found
            if kind in (socket.AF_INET, socket.AF_INET6)
        ]

    async def _looked_up(self, host: str, family: socket.AddressFamily) -> list[Any]:
        async with self._apart if host in self._hung else self._threads:
            if not self._waiting[host, family]:
                del self._asked[host, family]  # who asks from now on is not told of this one
                raise TimeoutError("nobody waits for it")
            began = time.monotonic()  # that it waited for a thread is no fault of the name
            try:
                return await _in_a_thread(partial(socket.getaddrinfo, host, None, family, socket.SOCK_STREAM))
            finally:
                self._hung.pop(host, None)
                if time.monotonic() - began > _RESOLVE_SECONDS:
                    self._hung[host] = None
                    if len(self._hung) > _MOST_APART:
                        del self._hung[next(iter(self._hung))]

    def _answered(self, key: tuple[str, socket.AddressFamily], done: asyncio.Task[list[Any]]) -> None:
        if self._asked.get(key) is done:
            del self._asked[key]
        if not done.cancelled():
            done.exception()  # who asked may have gone: nobody is left to be told

    async def close(self) -> None:
        """Let the threads end by themselves."""
        for asked in [*self._asked.values()]:
            asked.cancel()


async def _in_a_thread(call: Callable[[], list[Any]]) -> list[Any]:
    """What it gives, from a thread that the process does not wait for when it ends. An executor's are waited for.
    Raises what it raises, and OSError when there is no thread."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Any]] = loop.create_future()

    def told(found: list[Any] | None, error: Exception | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(found or [])

    def run() -> None:
        found, failed = None, None
        try:
            found = call()
        except Exception as error:  # whatever a name brings about is for who asked
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is left to be told
            loop.call_soon_threadsafe(told, found, failed)

    try:
        threading.Thread(target=run, name="resolve", daemon=True).start()
    except RuntimeError as error:  # the system gives us no more threads
        raise OSError("no thread to look a name up") from error
    return await answer
