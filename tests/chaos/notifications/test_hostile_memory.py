"""Whatever an endpoint answers with, its sender's memory does not grow: the service as a process, seen from /proc."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from functools import cache
from pathlib import Path

import pytest

from tests.chaos.notifications.processes import process
from tests.integration.notifications.parts import Answering, Client, Partner, Request, Setup, eventually, match, person

pytestmark = pytest.mark.chaos
GIGABYTE, BLOCK = 1_000_000_000, b"x" * 65_536
LINE = b"HTTP/1.1 200 OK\r\n"
MOST_GROWTH = 5 * 2**20  # what is held of any one of these answers would be 100 MB at least
TIMES = 20  # so often each kind
TOLD = 45  # notices
Parts = Callable[[], AsyncIterator[bytes]]


@cache
def packed() -> bytes:
    """200 MB, in 200 kB: a second's work, which no worker does that only looks which tests there are."""
    return gzip.compress(b"\0" * 200_000_000, 9)


async def gigabyte() -> AsyncIterator[bytes]:
    yield LINE + b"content-length: %d\r\n\r\n" % GIGABYTE
    for _ in range(GIGABYTE // len(BLOCK)):
        yield BLOCK


async def drip() -> AsyncIterator[bytes]:
    yield LINE + b"content-length: %d\r\n\r\n" % GIGABYTE
    while True:
        yield b"x"
        await asyncio.sleep(0.02)


async def bomb() -> AsyncIterator[bytes]:
    yield LINE + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed())
    yield packed()


async def huge_header() -> AsyncIterator[bytes]:
    yield LINE + b"a: "
    for _ in range(100_000_000 // len(BLOCK)):
        yield BLOCK


async def many_headers() -> AsyncIterator[bytes]:
    yield LINE
    for _ in range(100_000_000 // len(BLOCK)):
        yield b"a: bcdefghijkl\r\n" * (len(BLOCK) // 16)


async def endless_hints() -> AsyncIterator[bytes]:
    while True:
        yield b"HTTP/1.1 103 Hints\r\nlink: </a>\r\n\r\n" * 1_000


def answering(parts: Parts) -> Answering:
    """Say all of it, for as long as the other side listens."""

    async def answer(request: Request) -> bytes | None:
        async for part in parts():
            request.writer.write(part)
            await request.writer.drain()  # raises once the other side has closed
        return b""

    return answer


def memory(pid: int | None, what: str) -> int:
    """A line of /proc/<pid>/status, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(what))


def forget_the_most(pid: int | None) -> None:
    """VmHWM, the most it ever had, begins anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


HOSTILE: dict[str, Parts] = {
    "1 GB": gigabyte,
    "drip": drip,
    "gzip bomb": bomb,
    "huge header": huge_header,
    "many headers": many_headers,
    "endless hints": endless_hints,
}


async def test_no_answer_grows_its_memory(
    setup: Setup, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    waits = "[0, " + ", ".join(["0.1"] * 19) + "]"
    await asyncio.to_thread(packed)
    quick = {"deadline_seconds": 3, "breaker_seconds": 0.05, "breaker_longest_seconds": 0.1}
    async with process(setup, tmp_path, retry_schedule=waits, **quick) as run:
        names = [f"p{number}" for number in range(TOLD // 9)]
        await setup.publish(setup.agency("gjf"), *(person(name, "gjf") for name in names))
        async with Client(None, setup.tokens["gjf"], run.url) as gjf:

            async def told(answer: Answering | None, times: int) -> None:
                """Somebody subscribes, is told what stands, and goes."""
                async with Partner(answer) as partner:
                    made = await gjf.subscribed("webhook", partner.url)
                    await eventually(lambda: _asked(partner, times))
                    assert (await gjf.delete(f"/subscriptions/{made['subscription']}")).status_code == 204

            async def growth(what: str, answer: Answering | None) -> int:
                """The most that it held above what it held after partners that behave."""
                await told(None, TOLD)
                before = memory(run.pid, "VmRSS")
                forget_the_most(run.pid)
                await told(answer, TIMES)
                grown = memory(run.pid, "VmHWM") - before
                record_property(what, f"{grown / 2**20:.1f} MB")
                print(f"{what}: {grown / 2**20:.1f} MB", flush=True)
                return grown

            await setup.publish(*(match(name, f"warm-{n}") for name in names for n in range(9)))
            for _ in range(4):
                await told(None, TOLD)
            await growth("well-behaved", None)
            for what, parts in HOSTILE.items():
                if await growth(what, answering(parts)) >= MOST_GROWTH:  # the service does other things, too
                    assert await growth(f"{what}, again", answering(parts)) < MOST_GROWTH, what


async def _asked(partner: Partner, times: int) -> bool:
    return len(partner.requests) >= times
