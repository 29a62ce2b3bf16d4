"""The listener for mails that come back, over sockets: what it answers, and how little a client can cost anybody."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import uvloop
from motor.motor_asyncio import AsyncIOMotorClient

from deploy.local.ports import free_port
from deploy.local.timeouts import scaled
from services.notifications.channels.credentials import Credentials
from services.notifications.channels.mail.bounce_listener import BounceListener, Bounds
from services.notifications.channels.mail.bounces import Bounces
from services.notifications.channels.mail.return_path import ReturnPath, ReturnTag
from services.notifications.channels.mail.tls_files import TlsFiles
from services.notifications.delivery.transitions import DeliveryTransitions
from shared.kit.base.ids import Ids
from shared.kit.base.metrics import REGISTRY
from shared.kit.base.sealing import Sealer
from shared.kit.store.store import Store
from tests.integration.notifications.parts import eventually
from tests.support.undelivered import postfix, written
from tests.unit.notifications.world import hexid

pytestmark = pytest.mark.integration
PATH = ReturnPath(Ids(b"k" * 32), "bounces@ieum.example")
OURS = f"bounces+{PATH.tag(hexid('s'), b'sealed')}@ieum.example"
REPORT = postfix("jobs@partner.example")
OPENED = f"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<{OURS}>\r\nDATA\r\n".encode()
MANY = Bounds(sessions_per_second=10_000, reports_per_second=10_000)

Hear = Callable[[ReturnTag, bytes], Awaitable[None]]


class Heard:
    """Keeps what it hears. ``until``: not before."""

    def __init__(self) -> None:
        self.contents: list[bytes] = []
        self.until = asyncio.Event()
        self.until.set()
        self.begun = 0

    async def __call__(self, tag: ReturnTag, content: bytes) -> None:
        self.begun += 1
        await self.until.wait()
        self.contents.append(content)


@asynccontextmanager
async def listening(hear: Hear, bounds: Bounds = MANY, tls: TlsFiles | None = None) -> AsyncIterator[BounceListener]:
    listener, stopping = BounceListener("127.0.0.1", 0, PATH, hear, bounds, tls), asyncio.Event()
    listener.open()
    running = asyncio.create_task(listener.run(stopping))
    await listener.begun.wait()
    try:
        yield listener
    finally:
        stopping.set()
        await running


class Line:
    """One connection, down to the bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, listener: BounceListener) -> Line:
        return cls(*await asyncio.open_connection("127.0.0.1", listener.port))

    async def says(self, what: bytes = b"") -> bytes:
        """What is answered until there is no more for a moment or it is closed."""
        self.writer.write(what)
        found = b""
        try:
            while more := await asyncio.wait_for(self.reader.read(65_536), 0.5):
                found += more
        except (TimeoutError, ConnectionError):
            pass
        return found

    async def closed(self) -> bool:
        """Waits until the other side has hung up."""
        try:
            async with asyncio.timeout(scaled(30)):
                while await self.reader.read(65_536):
                    pass
        except ConnectionError:
            pass
        return True


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("ieum_bounces_total", {"outcome": outcome}) or 0.0


async def heard(count: int, found: Heard) -> bool:
    return len(found.contents) == count


def sends(port: int, content: bytes = REPORT) -> int:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="relay.example", timeout=30) as client:
        client.ehlo()
        client.mail("")
        code, _ = client.rcpt(OURS)
        return code if code != 250 else client.data(content)[0]


async def test_a_report_is_heard_as_it_was_sent() -> None:
    found = Heard()
    async with listening(found) as listener:
        assert await asyncio.to_thread(sends, listener.port) == 250
    assert found.contents == [REPORT]


async def test_it_says_what_it_takes_and_nothing_of_who_is_there() -> None:
    async with listening(Heard()) as listener:
        line = await Line.to(listener)
        said = await line.says(b"EHLO x\r\n")
        assert b"SIZE 262144" in said
        assert b"AUTH" not in said
        assert b"STARTTLS" not in said
        for command in (b"VRFY bounces", b"EXPN bounces", b"AUTH PLAIN AGEAYg==", b"HELP"):
            assert (await line.says(command + b"\r\n")).startswith(b"502")


@pytest.mark.parametrize("name", ["postfix-utf8-recipient", "postfix-utf8-headers"])
async def test_a_report_in_other_letters_is_taken_as_postfix_hands_it_on(name: str) -> None:
    """Without SMTPUTF8 offered it does not even try, and the report is lost."""
    found, report = Heard(), written(name)
    async with listening(found) as listener:
        line = await Line.to(listener)
        assert b"250-SMTPUTF8" in await line.says(b"LHLO mx.relay.example\r\n")
        said = await line.says(f"MAIL FROM:<> SIZE={len(report)} BODY=8BITMIME SMTPUTF8\r\n".encode())
        assert said.startswith(b"250")
        for other in ("m\u00fcller@ieum.example", OURS.replace("@", "\u00fc@")):
            assert (await line.says(f"RCPT TO:<{other}>\r\n".encode())).startswith(b"550")
        assert (await line.says(b"RCPT TO:<\xff@ieum.example>\r\n"))[:1] in b"45"
        said = await line.says(f"RCPT TO:<{OURS}>\r\nDATA\r\n".encode() + report + b".\r\n")
        assert [each[:3] for each in said.splitlines()] == [b"250", b"354", b"250"]
    assert found.contents == [report]


async def test_one_recipient_at_a_time_and_a_few_reports_in_one_connection() -> None:
    found = Heard()
    async with listening(found) as listener:
        line = await Line.to(listener)
        said = await line.says(f"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<{OURS}>\r\nRCPT TO:<{OURS}>\r\nRSET\r\n".encode())
        assert [each[:3] for each in said.splitlines()][-4:] == [b"250", b"250", b"452", b"250"]
        for _ in range(MANY.reports - 1):
            said = await line.says(OPENED.partition(b"\r\n")[2] + REPORT + b"\r\n.\r\n")
            assert said.splitlines()[-1][:3] == b"250"
        assert b"421" in await line.says(b"MAIL FROM:<>\r\n")
        assert await line.closed()
    assert len(found.contents) == MANY.reports - 1


async def test_what_is_too_large_is_refused_before_and_behind_it_and_counted() -> None:
    found, before = Heard(), counted("too-large")
    async with listening(found) as listener:
        line = await Line.to(listener)
        assert (await line.says(b"EHLO x\r\nMAIL FROM:<> SIZE=262145\r\n")).splitlines()[-1].startswith(b"552")
        line = await Line.to(listener)
        said = await line.says(OPENED + (b"x" * 76 + b"\r\n") * 3_500 + b".\r\n")
        assert said.splitlines()[-1].startswith(b"552")
    assert found.contents == []
    assert counted("too-large") == before + 2


@pytest.mark.parametrize(
    "flood",
    [b"x" * 65_536, b"\r\n" * 32_768, b"NOOP\r\n" * 10_000, b"\xff\x00\r\n" * 10_000],
    ids=["a line without end", "empty lines", "commands", "odd bytes"],
)  # fmt: skip
@pytest.mark.parametrize("opened", [b"", OPENED], ids=["commands", "data"])
async def test_whoever_floods_is_hung_up_on_and_others_are_heard(flood: bytes, opened: bytes) -> None:
    found = Heard()
    async with listening(found) as listener:
        line = await Line.to(listener)
        line.writer.write(opened)
        pouring = asyncio.create_task(_pours(line, flood))
        assert await line.closed()
        pouring.cancel()
        assert await asyncio.to_thread(sends, listener.port) == 250
    assert found.contents == [REPORT]


@pytest.mark.parametrize("bound", ["bytes", "lines", "answers"])
async def test_each_bound_holds_without_the_others(bound: str) -> None:
    most: dict[str, Any] = {"bytes": 10**9, "lines": 10**9, "answers": 10**9}
    del most[bound]
    before = counted("flood")
    patient = Bounds(sessions_per_second=10_000, idle_seconds=600, total_seconds=600, **most)
    async with listening(Heard(), patient) as listener:
        line = await Line.to(listener)
        line.writer.write(b"" if bound == "answers" else OPENED)
        pouring = asyncio.create_task(_pours(line, b"\r\n" * 4_096))
        assert await line.closed()
        pouring.cancel()
    assert counted("flood") == before + 1


async def _pours(line: Line, flood: bytes) -> None:
    try:
        while True:
            line.writer.write(flood)
            await line.writer.drain()
    except ConnectionError:
        pass


async def test_whoever_says_nothing_or_stops_in_the_middle_is_hung_up_on() -> None:
    found = Heard()
    bounds = Bounds(sessions_per_second=10_000, idle_seconds=0.5)
    async with listening(found, bounds) as listener:
        silent, stopped = await Line.to(listener), await Line.to(listener)
        stopped.writer.write(OPENED + REPORT)
        assert await silent.closed()
        assert await stopped.closed()
    assert found.contents == []


async def test_whoever_keeps_it_awake_is_hung_up_on_in_the_end() -> None:
    async with listening(Heard(), Bounds(sessions_per_second=10_000, total_seconds=0.5)) as listener:
        line = await Line.to(listener)
        line.writer.write(OPENED)

        async def drips() -> None:
            try:
                while True:
                    line.writer.write(b"x\r\n")
                    await line.writer.drain()
                    await asyncio.sleep(0.02)
            except ConnectionError:
                pass

        dripping = asyncio.create_task(drips())
        assert await line.closed()
        dripping.cancel()


async def test_only_so_many_at_once_and_room_comes_back() -> None:
    found, before = Heard(), counted("busy")
    async with listening(found, Bounds(sessions=3, sessions_per_second=10_000)) as listener:
        lines = [await Line.to(listener) for _ in range(3)]
        for each in lines:
            assert (await each.reader.readline()).startswith(b"220")
        late = await Line.to(listener)
        assert (await late.says()).startswith(b"421")
        assert counted("busy") == before + 1
        for each in lines:
            each.writer.close()
        await eventually(lambda: _none(listener))
        assert await asyncio.to_thread(sends, listener.port) == 250
    assert len(found.contents) == 1


async def test_one_too_many_is_hung_up_on_by_the_loop_of_a_service_too() -> None:
    async def late() -> bytes:
        async with listening(Heard(), Bounds(sessions=1, sessions_per_second=10_000)) as listener:
            first, second = await Line.to(listener), await Line.to(listener)
            said = await second.reader.read()  # to its end
            first.writer.close()
            return said

    def runs() -> bytes:
        return uvloop.run(asyncio.wait_for(late(), scaled(10)))

    assert (await asyncio.to_thread(runs)).startswith(b"421")


async def _none(listener: BounceListener) -> bool:
    return not listener.sessions


async def test_only_so_many_in_a_second() -> None:
    found = Heard()
    async with listening(found, Bounds(sessions_per_second=0.001)) as listener:
        first, second = await Line.to(listener), await Line.to(listener)
        assert (await first.reader.readline()).startswith(b"220")
        assert (await second.says()).startswith(b"421")
    async with listening(found, Bounds(sessions_per_second=10_000, reports_per_second=0.001)) as listener:
        assert await asyncio.to_thread(sends, listener.port) == 250
        assert await asyncio.to_thread(sends, listener.port) == 451
    assert len(found.contents) == 1
    async with listening(found) as listener:
        listener.ending = True  # as while the last one is being heard
        assert await asyncio.to_thread(sends, listener.port) == 451
    assert len(found.contents) == 1


async def test_what_is_being_heard_is_heard_to_its_end_whoever_hangs_up() -> None:
    found = Heard()
    found.until.clear()
    async with listening(found) as listener:
        line = await Line.to(listener)
        line.writer.write(OPENED + REPORT + b"\r\n.\r\n")
        await eventually(lambda: _begun(found))
        line.writer.transport.abort()
        await eventually(lambda: _none(listener))
        found.until.set()
        await eventually(lambda: heard(1, found))


async def _begun(found: Heard) -> bool:
    return found.begun == 1


async def test_the_end_waits_for_what_is_being_heard_and_answers_it() -> None:
    found = Heard()
    found.until.clear()
    async with AsyncExitStack() as stack:
        listener = await stack.enter_async_context(listening(found))
        idle, line = await Line.to(listener), await Line.to(listener)
        line.writer.write(OPENED + REPORT + b"\r\n.\r\n")
        await eventually(lambda: _begun(found))
        ending = asyncio.create_task(stack.pop_all().aclose())
        assert await idle.closed()
        found.until.set()
        await ending
        assert (await line.says()).splitlines()[-1].startswith(b"250")
    assert len(found.contents) == 1


@pytest.mark.parametrize("error", [RuntimeError, RecursionError])
async def test_a_bug_of_ours_keeps_the_report_with_its_sender(error: type[Exception]) -> None:
    async def fails(tag: ReturnTag, content: bytes) -> None:
        raise error("of somebody")

    before = counted("failed")
    async with listening(fails) as listener:
        assert await asyncio.to_thread(sends, listener.port) == 451
    assert counted("failed") == before + 1


async def test_with_mongodb_away_nothing_is_accepted() -> None:
    nobody: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        f"mongodb://127.0.0.1:{free_port()}/?replicaSet=rs0", serverSelectionTimeoutMS=200
    )
    store, before = Store(nobody["ieum"], patience=1.0), counted("unavailable")
    await store.start()
    anything: Any = None
    transitions = DeliveryTransitions(anything, (0.0,), anything)
    bounces = Bounces(store, Credentials(Sealer(b"s" * 32)), PATH, transitions)
    async with listening(bounces.heard, Bounds(sessions_per_second=10_000, effect_seconds=3)) as listener:
        assert await asyncio.to_thread(sends, listener.port) == 451
        assert await asyncio.to_thread(sends, listener.port, b"Subject: away\r\n\r\nback on Monday") == 250
    assert counted("unavailable") == before + 1
    await store.stop()
    nobody.close()
