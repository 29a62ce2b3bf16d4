"""The worker process: what it validates is what the service would, and whatever becomes of it nothing is lost."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.intake.file_reading import FileAnswer, Reading
from services.intake.portions import PORTION_EVENTS
from services.intake.request_admission import Admission
from services.intake.request_body import Received
from services.intake.request_scheduler import RequestScheduler
from services.intake.schemas import Receipt
from services.intake.worker import client
from services.intake.worker.client import WorkerGone, WorkerProcess
from services.intake.worker.questions import OpenBatch, OpenFile, Start
from shared.events import registry
from shared.events.http_binding import BATCH
from shared.events.refusal import Refused
from shared.kit.base.clock import Clock
from shared.kit.web.edge_settings import EdgeSettings
from shared.kit.web.quotas import Quotas
from shared.screening.findings import MOST_SUGGESTED_AT_ONCE
from tests.support.files import csv_of
from tests.unit.intake.memory import KEY, House, example, idle_worker, today

pytestmark = pytest.mark.integration
START = Start("kr-gyeonggi", KEY, "intake-1", "info")
AS_OF = datetime(2026, 11, 27, 9, tzinfo=UTC)
_ID = re.compile("[0-9a-f]{32}")  # random
HEADINGS = ("관리번호", "제목", "직종", "근무지역", "임금형태", "임금", "마감일")


@asynccontextmanager
async def running() -> AsyncIterator[WorkerProcess]:
    """One that runs, and is stopped at the end."""
    worker, stopping = WorkerProcess(START), asyncio.Event()
    run = asyncio.create_task(worker.run(stopping))
    try:
        await _answers(worker)
        yield worker
    finally:
        stopping.set()
        await asyncio.gather(run, return_exceptions=True)


async def _answers(worker: WorkerProcess) -> None:
    async with asyncio.timeout(60):
        while worker.pid is None:  # noqa: ASYNC110 - it is another process that is waited for
            await asyncio.sleep(0.02)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lasting_worker() -> AsyncIterator[WorkerProcess]:
    async with running() as found:
        yield found


@pytest.fixture
def worker(lasting_worker: WorkerProcess) -> WorkerProcess:
    """One for all tests that leave it as it was. It runs, else the service would be compared with itself."""
    assert lasting_worker.pid is not None
    return lasting_worker


@pytest_asyncio.fixture(loop_scope="session")
async def own_worker() -> AsyncIterator[WorkerProcess]:
    """One for a test that kills it or breaks off what it does."""
    async with running() as found:
        yield found


def every_kind(house: House) -> list[dict[str, Any]]:
    """Sound events of all types, and what is wrong in every way that is told."""
    sound = [house.event(each.name, example(each.name), by="gjf") for each in registry if each.door is not None]
    job = example("job-posted")
    wrong: list[dict[str, Any]] = [
        house.event("job-posted", {**job, "wage": {**job["wage"], "minimum": 1}}, by="gjf"),
        house.event("job-posted", {**job, "occupation": "none:1"}, by="gjf"),
        house.event("job-posted", {**job, "places": "many", "wage": {**job["wage"], "minimum": 1}}, by="gjf"),
        house.event("job-posted", {**job, "title": "900101-1234567"}, by="gjf"),
        house.event("job-posted", {**job, "nationality": "KR"}, by="gjf"),
        house.event("job-posted", job, by="gjf", time="yesterday"),
        house.event("job-posted", job, by="gjf", sequense="7"),
        house.event("no-such-type", {}, by="gjf"),
        {"specversion": "1.0"},
        house.event("job-posted", job, by="gjf", testrun=True),
    ]
    return [*sound, *wrong]


async def sent(house: House, worker: WorkerProcess, body: bytes, **headers: str) -> list[Receipt]:
    admission = Admission(RequestScheduler(), 5_000, 5_000_000, worker, Clock())
    received = Received(BATCH, list(headers.items()), body)
    return await admission.pass_on(received, house.callers["gjf"], Quotas(EdgeSettings()), house.door.take)


def shown(receipts: list[Receipt]) -> list[dict[str, Any]]:
    """But for what is random."""
    return [each.model_dump(exclude={"receipt", "opportunity", "alias", "agency"}) for each in receipts]


def adverts(house: House, count: int) -> list[dict[str, Any]]:
    return [house.event("job-posted", example("job-posted", reference=f"J-{n}"), by="gjf") for n in range(count)]


def encoded(events: list[dict[str, Any]]) -> bytes:
    return json.dumps(events, ensure_ascii=False, indent=8).encode()


async def test_every_event_is_answered_as_the_service_would_itself(worker: WorkerProcess) -> None:
    house, other = House(), House()
    events = every_kind(house) * 2
    body = encoded(events)
    there, here = await sent(house, worker, body), await sent(other, idle_worker(), body)
    assert shown(there) == shown(here)
    assert {each.status for each in there} >= {"accepted", "refused", "duplicate"}
    assert house.told == other.told
    states = [[_ID.sub("", event.data.model_dump_json()) for event in each.store.emitted] for each in (house, other)]
    assert states[0] == states[1]
    packed = gzip.compress(body)
    assert shown(await sent(House(), worker, packed, **{"content-encoding": "gzip"})) == shown(here)


@pytest.mark.parametrize("end", [b",", b",7", b"]]", b', {"id": "a", "id": "b"}]'])
async def test_what_cannot_be_read_as_a_whole_is_refused_alike(worker: WorkerProcess, end: bytes) -> None:
    house = House()
    body = encoded(adverts(house, 50))[:-1] + end
    refused = []
    for each in (worker, idle_worker()):
        with pytest.raises(Refused) as raised:
            await sent(house, each, body)
        refused.append(raised.value.refusals)
    assert refused[0] == refused[1]
    assert not house.store.emitted


def killed_before_each_transaction(worker: WorkerProcess, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """This worker process, so that what is left of the question has to be done without it."""
    submit, pid = house.store.submit_all, worker.pid
    assert pid is not None

    async def killing(operations: Any, *, ahead: bool = False) -> Any:
        with suppress(ProcessLookupError):  # done already
            os.kill(pid, signal.SIGKILL)
        return await submit(operations, ahead=ahead)

    monkeypatch.setattr(house.store, "submit_all", killing)


async def test_a_worker_that_is_killed_in_the_middle_of_a_batch_loses_nothing(
    own_worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, count = House(), 2 * PORTION_EVENTS + 9
    killed_before_each_transaction(own_worker, house, monkeypatch)
    receipts = await sent(house, own_worker, encoded(adverts(house, count)))
    assert [each.status for each in receipts] == ["accepted"] * count
    assert len(house.store.emitted) == count
    assert own_worker.pid is None


def table(count: int) -> bytes:
    rows = [
        [f"A-{n}", "빵", "제과사", "수원시", "월급", "2,600,000" if n % 7 else "2", today(30)] for n in range(count)
    ]
    return csv_of(HEADINGS, *rows)


async def read(house: House, worker: WorkerProcess, content: bytes, limit: str = "2000/20000") -> FileAnswer:
    file = OpenFile(content, "gjf", datetime.now(UTC), False, AS_OF, "job-posted", None)
    reading = Reading(file, worker, house.dependencies)
    await reading.take(house.door, house.callers["gjf"], Quotas(EdgeSettings(limit_events=limit)))
    return reading.answer()


async def test_every_row_of_a_file_is_answered_as_the_service_would_itself(worker: WorkerProcess) -> None:
    content = table(2 * PORTION_EVENTS + 7)
    there, here = await read(House(), worker, content), await read(House(), idle_worker(), content)
    assert there == here
    assert there.refused > 0
    assert there.accepted > 0
    for broken in (table(3) + b"\n" * 2_000_000, table(3) + b'"'):
        assert await read(House(), worker, broken) == await read(House(), idle_worker(), broken)
    with pytest.raises(Refused, match="unknown-format"):
        await read(House(), worker, b"%PDF-1.7")


async def test_a_worker_that_is_killed_in_the_middle_of_a_file_loses_nothing(
    own_worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, content = House(), table(3 * PORTION_EVENTS)
    killed_before_each_transaction(own_worker, house, monkeypatch)
    assert await read(house, own_worker, content) == await read(House(), idle_worker(), content)
    assert len({event.key for event in house.store.emitted}) == len(house.store.emitted)


async def test_empty_rows_are_counted_anew_where_the_worker_ended(
    own_worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House()
    headings, rows = table(2 * PORTION_EVENTS).split(b"\n", 1)
    content = headings + b"\n" * 4_000 + rows
    killed_before_each_transaction(own_worker, house, monkeypatch)
    found = await read(house, own_worker, content)
    assert found.stopped is None
    assert found == await read(House(), idle_worker(), content)


async def test_unknown_titles_in_a_file_get_as_many_suggestions_from_either(worker: WorkerProcess) -> None:
    """Those of each portion share so many, also of one that is ended by its bytes."""
    house = House()
    wrong = [
        house.event(
            "job-posted", example("job-posted", reference=f"J-{n}", certificates_wanted=["제과기능산"]), by="gjf"
        )
        for n in range(PORTION_EVENTS + 50)
    ]
    content = "\n".join(json.dumps(each, ensure_ascii=False) for each in wrong).encode()
    there, here = await read(house, worker, content), await read(house, idle_worker(), content)
    assert there == here
    assert sum("제과기능사" in one.remedy["ko"] for one in there.findings) == 2 * MOST_SUGGESTED_AT_ONCE


async def test_what_is_open_is_bounded_and_closed_again(worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MOST_OPEN", 1)
    asked = OpenBatch(encoded(adverts(House(), 3)), 10, "gjf", datetime.now(UTC))
    for _ in range(2):
        async with worker.opened(asked) as one, worker.opened(asked) as another:
            assert one is not None
            assert another is None
            assert len((await one.next()).portion) == 3


async def test_a_caller_that_goes_away_leaves_the_next_one_its_own_answer(own_worker: WorkerProcess) -> None:
    house = House()
    body = encoded(adverts(house, 200))
    for wait in (0.0, 0.001, 0.01):
        gone = asyncio.create_task(sent(House(), own_worker, body))
        await asyncio.sleep(wait)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
    receipts = await sent(house, own_worker, encoded(adverts(house, 100)))
    assert [each.status for each in receipts] == ["accepted"] * 100


async def test_a_caller_that_is_cancelled_again_and_again_leaves_nobody_its_answer(own_worker: WorkerProcess) -> None:
    long, short = (OpenBatch(encoded(adverts(House(), n)), 500, "gjf", datetime.now(UTC)) for n in (400, 3))

    async def portion(asked: OpenBatch) -> list[str | None]:
        async with own_worker.opened(asked) as there:
            return [] if there is None else [_said_id(each) for each in (await there.next()).portion]

    own = [each["id"] for each in json.loads(short.body)]
    for steps in range(1, 7):
        gone = asyncio.create_task(portion(long))
        await asyncio.sleep(0)
        for _ in range(steps):
            gone.cancel()
            await asyncio.sleep(0)
        await asyncio.gather(gone, return_exceptions=True)
        with suppress(WorkerGone):
            assert await portion(short) in ([], own)
    async with asyncio.timeout(60):
        while own_worker._open:  # noqa: ASYNC110 - what is closed behind their backs is closed, too
            await asyncio.sleep(0.02)
    assert await portion(short) == own


async def test_a_question_that_is_broken_off_ends_the_worker(own_worker: WorkerProcess) -> None:
    """Its answer is still on the way."""
    assert own_worker._process is not None
    asked = OpenBatch(encoded(adverts(House(), 400)), 500, "gjf", datetime.now(UTC))
    broken_off = asyncio.create_task(own_worker._in_turn(own_worker._process, asked))
    await asyncio.sleep(0.001)
    broken_off.cancel()
    await asyncio.gather(broken_off, return_exceptions=True)
    assert own_worker.pid is None


def _said_id(one: Any) -> str | None:
    found: str | None = one.id if isinstance(one, Receipt) else one.echo.id
    return found


async def test_one_that_never_starts_keeps_nobody_from_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    worker, stopping = WorkerProcess(START), asyncio.Event()
    monkeypatch.setattr(worker, "_asked", never)
    run = asyncio.create_task(worker.run(stopping))
    await asyncio.sleep(0)
    stopping.set()
    await asyncio.wait_for(run, 60)
    monkeypatch.setattr(client, "START_SECONDS", 0.0)
    with pytest.raises(WorkerGone):
        await asyncio.wait_for(worker.run(asyncio.Event()), 60)


async def test_where_memory_ends_the_worker_goes_first(worker: WorkerProcess) -> None:
    assert (Path("/proc") / str(worker.pid) / "oom_score_adj").read_text().strip() == "1000"


async def test_it_ends_with_the_service_and_is_missed_when_it_ends_by_itself() -> None:
    async with running() as worker:
        pid = worker.pid
        assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    worker, stopping = WorkerProcess(START), asyncio.Event()
    run = asyncio.create_task(worker.run(stopping))
    await _answers(worker)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGTERM)  # meant for the service
    asked = OpenBatch(encoded(adverts(House(), 3)), 10, "gjf", datetime.now(UTC))
    async with worker.opened(asked) as opened:
        assert opened is not None
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(WorkerGone):
        await run


@pytest.fixture(autouse=True)
def _no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.kit.web.quotas.LONGEST_DELAY", 0.0)
