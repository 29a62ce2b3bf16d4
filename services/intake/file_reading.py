"""A whole file through the same door as events, portion by portion, with a finding for each row.

The file is held in memory while it is read and lies nowhere else. A row that is no event is refused like an event, so
there is one list of rejections. Whatever is not taken at once (too many at a time, a fault of ours) is told as
`failed`: the same file again sends it again, for the ids of its events follow from what they say.
"""

from __future__ import annotations

import asyncio
import io
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, nullcontext, suppress
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from pydantic import Field

from services.intake.dependencies import Dependencies
from services.intake.file_conversion import MOST_EMPTY, converter_of, item_of
from services.intake.file_preview import RowFinding, Start
from services.intake.pipelining import Step, pipelined
from services.intake.portions import PORTION_EVENTS
from services.intake.request_admission import Admitted
from services.intake.request_body import Received
from services.intake.schemas import Receipt
from services.intake.service import Door
from services.intake.worker.client import WorkerGone, WorkerProcess
from services.intake.worker.questions import OpenFile
from shared.access.api_keys import Caller
from shared.events.refusal import Refusal, Refused
from shared.files import Converted, Converter, EmptyRows, Line, Report, Unreadable
from shared.files.report import column_of
from shared.files.xlsx_rows import unpacked_size
from shared.kit.web.edge_settings import SMALL_BODY
from shared.kit.web.problem_details import Finding, findings
from shared.kit.web.quotas import Quotas
from shared.kit.web.response_model import Answer

MOST_CHARGED = 32_000_000  # bytes: less than a key may be charged at once, so that one file is never too much
EMPTY_FOR_ONE = 50  # of them are charged like an event: so much less they cost
MOST_FINDINGS = 1_000  # in one answer; GET /rejections has all of what was refused
_STATUSES = ("accepted", "duplicate", "superseded", "refused", "failed")

T = TypeVar("T")
# Threads for files alone: behind what is long here no event waits, and no lease, which use the event loop's own.
_THREADS = ThreadPoolExecutor(2, thread_name_prefix="files")


async def in_a_thread(do: Callable[..., T], *arguments: Any) -> T:
    """What it gives, from one of the threads for files."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, partial(do, *arguments))


class FileAnswer(Answer):
    """How many rows, and what became of them. `failed`: send the same file again. `stopped`: nothing after the last row
    could be read, and why. `more`: so many findings are left out."""

    rows: int
    accepted: int = 0
    duplicate: int = 0
    superseded: int = 0
    refused: int = 0
    failed: int = 0
    findings: list[RowFinding] = Field(default_factory=list)
    more: int | None = None
    stopped: Finding | None = None


class Reading:
    """One file: rows in, an answer out."""

    def __init__(self, file: OpenFile, worker: WorkerProcess, dependencies: Dependencies) -> None:
        self._file, self._worker, self._dependencies = file, worker, dependencies
        self._rows: Iterator[Converted] | None = None  # when they are read here
        self._empty = EmptyRows(MOST_EMPTY)
        self._charged = self._read = 0
        self._remedies = dependencies.pack.remedy
        self._waiting: deque[Converted] = deque()  # for what becomes of them
        self._counts: Counter[str] = Counter()
        self._findings: list[RowFinding] = []
        self._left_out = 0
        self._stopped: Refusal | None = None
        self._count = 0

    async def take(self, door: Door, caller: Caller, quotas: Quotas) -> None:
        """All rows, the next ones read while those before are kept. Raises Refused when not one can be read; else as
        `Door.take`: what was taken before stays."""
        async with aclosing(self._portions(door, caller, quotas)) as portions:
            async for receipts in pipelined(portions):
                for receipt in receipts:
                    self._note(self._waiting.popleft(), receipt)
        if self._stopped is not None and not self._count:
            await quotas.charge("events", caller.key_id, max(1, self._empty_cost()))
            raise Refused(self._stopped)

    async def _portions(self, door: Door, caller: Caller, quotas: Quotas) -> AsyncGenerator[Step[list[Receipt]], None]:
        """Read and validated by the worker; without it, or once it has ended, here."""
        testrun = self._file.testrun
        bounded = not self._file.body.startswith(
            b"PK"
        )  # a workbook's strings take long, and others wait for the worker
        with suppress(WorkerGone):
            async with self._worker.opened(self._file) if bounded else nullcontext() as opened:
                while opened is not None and self._stopped is None:
                    found = await opened.next()
                    self._empty.empty, self._stopped = found.empty, found.stopped
                    if not found.rows:
                        return
                    put_off = await self._put_off(found.rows, caller, quotas)
                    yield put_off or partial(door.decided, found.portion, caller, ahead=False)
        while rows := await in_a_thread(self._next):
            if (put_off := await self._put_off(rows, caller, quotas)) is not None:
                yield put_off
                continue
            items = [item_of(row, testrun=testrun) for row in rows]
            async for portion in door.portions(Admitted(items, len(items), testrun=testrun), caller):
                yield portion

    async def _put_off(self, rows: list[Converted], caller: Caller, quotas: Quotas) -> Step[list[Receipt]] | None:
        """Charge these rows; what becomes of them when they are too many at a time."""
        self._read += len(rows)
        self._waiting.extend(rows)
        over = quotas.over("events", caller.key_id, len(rows) + self._empty_cost())
        if over is None:
            return None
        await quotas.delay(over)
        return partial(self._told_late, rows)

    def _empty_cost(self) -> int:
        """What rows with nothing in them cost since it was asked last."""
        before, self._charged = self._charged, max(self._charged, self._empty.empty // EMPTY_FOR_ONE)
        return self._charged - before

    async def _told_late(self, rows: list[Converted]) -> list[Receipt]:
        late = findings([Refusal("too-many-at-a-time", "")], self._remedies)[0]
        self._tell(rows[0], [late], warning=False)
        return [Receipt(status="failed") for _ in rows]

    def answer(self) -> FileAnswer:
        """What became of it."""
        stopped = None if self._stopped is None else findings([self._stopped], self._remedies)[0]
        counts: dict[str, Any] = {status: self._counts[status] for status in _STATUSES}
        return FileAnswer(
            rows=self._count, findings=self._findings, more=self._left_out or None, stopped=stopped, **counts
        )

    def report(self, language: str, encoding: str) -> bytes:
        """The findings as CSV, in the encoding that came."""
        stream = io.BytesIO()
        report = Report(stream, encoding)
        for one in self._findings:
            report.add(Line(one.row, one.column or "", one.field, one.rule, one.remedy.get(language, "")))
        report.end()
        return stream.getvalue()

    def _next(self) -> list[Converted]:
        """The next rows, read in a thread: a part of a workbook may take a while, and other requests go on."""
        if self._stopped is not None:
            return []
        rows: list[Converted] = []
        try:
            if self._rows is None:  # from the beginning, whatever the worker has read of it
                self._empty = EmptyRows(MOST_EMPTY)
                file = self._file
                converter = converter_of(file.agency, file.as_of, file.mapping, self._dependencies)
                rows_of_it = converter.convert(io.BytesIO(file.body), file.type, self._empty)
                self._rows = islice(rows_of_it, self._read, None)
            rows.extend(islice(self._rows, PORTION_EVENTS))
        except Unreadable as unreadable:
            self._stopped = unreadable.refusal
        return rows

    def _note(self, row: Converted, receipt: Receipt) -> None:
        self._count += 1
        self._counts[receipt.status] += 1
        if receipt.problem is not None:
            self._tell(row, receipt.problem.errors or (), warning=False)
        self._tell(row, (*findings(row.warnings, self._remedies), *(receipt.warnings or ())), warning=True)

    def _tell(self, row: Converted, found: Any, *, warning: bool) -> None:
        for one in found:
            if len(self._findings) >= MOST_FINDINGS:
                self._left_out += 1
                continue
            column = column_of(one.field, row) or None
            self._findings.append(RowFinding(row=row.row, column=column, warning=warning or None, **one.model_dump()))


async def unpacked(received: Received, most: int, caller: Caller, quotas: Quotas) -> bytes:
    """The file. Unpacked bytes are charged, a workbook's too, before anything is read. Raises Refused, the 429."""
    packed = Received("", received.headers, received.body)  # what its text is written in is told by itself
    try:
        if received.content_type.lower().startswith("multipart/"):  # as browsers and `curl -F` send it, in an envelope
            raise Refused(Refusal("form-not-taken", ""))
        body = await in_a_thread(packed.unpacked, most)
    except Refused:
        await quotas.charge("events", caller.key_id)
        raise
    size = await in_a_thread(unpacked_size, io.BytesIO(body)) if body.startswith(b"PK") else len(body)
    free = max(len(received.body), SMALL_BODY)  # as one event, or charged as it came
    if size > free:
        await quotas.charge("bytes", caller.key_id, min(size - free, MOST_CHARGED))
    return body


async def start_of(body: bytes, converter: Converter, type: str | None, caller: Caller, quotas: Quotas) -> Start:
    """The beginning of a file, charged by the rows that were looked at. Raises Refused, the 429."""
    empty = EmptyRows(MOST_EMPTY)
    try:
        return await in_a_thread(Start.of, body, converter, type, empty)
    except Unreadable as unreadable:
        raise Refused(unreadable.refusal) from None
    finally:  # also when nothing of it can be read: the work is done
        await quotas.charge("events", caller.key_id, max(1, empty.full + empty.empty // EMPTY_FOR_ONE))
