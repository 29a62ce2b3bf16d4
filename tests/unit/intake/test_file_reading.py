"""A file at the door: every row once, whatever is sent again; findings by row and column; one list of rejections."""

from __future__ import annotations

import gzip
import io
import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from services.intake import file_reading
from services.intake.file_reading import Reading
from services.intake.portions import PORTION_EVENTS
from services.intake.request_body import Received
from services.intake.worker.questions import OpenFile
from shared.events.refusal import Refused, status_of
from shared.files import Converted, Converter
from shared.kit.web.edge_settings import SMALL_BODY, EdgeSettings
from shared.kit.web.problems import Problem
from shared.kit.web.quotas import Limiter, Quotas
from tests.support.files import csv_of
from tests.unit.intake.memory import House, idle_worker, today

pytestmark = pytest.mark.unit
AS_OF = datetime(2026, 11, 27, 9, tzinfo=UTC)
HEADINGS = ("관리번호", "제목", "직종", "근무지역", "임금형태", "임금", "마감일")


def table(count: int, **changes: str) -> bytes:
    rows = []
    for number in range(count):
        row = {
            "관리번호": f"A-{number}", "제목": "빵", "직종": "제과사", "근무지역": "수원시", "임금형태": "월급",
            "임금": "2,600,000", "마감일": today(30), **changes,
        }  # fmt: skip
        rows.append([row[name] for name in HEADINGS])
    return csv_of(HEADINGS, *rows)


async def send(
    house: House, content: bytes, *, testrun: bool = False, quotas: Quotas | None = None, as_of: datetime = AS_OF
) -> file_reading.FileAnswer:
    file = OpenFile(content, "gjf", datetime.now(UTC), testrun, as_of, "job-posted", None)
    reading = Reading(file, idle_worker(), house.dependencies)
    await reading.take(house.door, house.callers["gjf"], quotas or Quotas(EdgeSettings()))
    return reading.answer()


@pytest.fixture
def house() -> House:
    return House()


async def test_every_row_is_taken_and_the_same_file_again_changes_nothing(house: House) -> None:
    count = 2 * PORTION_EVENTS + 7
    answer = await send(house, table(count))
    assert (answer.rows, answer.accepted, answer.findings) == (count, count, [])
    told = len(house.told)
    again = await send(house, table(count))
    assert (again.duplicate, len(house.told)) == (count, told)


async def test_a_file_that_was_made_later_is_said_anew(house: House) -> None:
    await send(house, table(1))
    await send(house, table(1, 임금="2,700,000"), as_of=datetime(2026, 11, 28, tzinfo=UTC))
    back = await send(house, table(1), as_of=datetime(2026, 11, 28, 1, tzinfo=UTC))
    assert back.accepted == 1
    assert house.newest.wage.minimum == 2600000


async def test_a_bad_row_is_named_with_its_column_and_stops_no_other(house: House) -> None:
    content = table(1) + table(1, 관리번호="B-1", 직종="없는직업").splitlines()[1] + b"\n"
    content += table(1, 관리번호="C-1", 임금="100").splitlines()[1] + b"\n" + table(1, 관리번호="D-1").splitlines()[1]
    answer = await send(house, content)
    assert (answer.rows, answer.accepted, answer.refused) == (4, 2, 2)
    assert [(one.row, one.column, one.rule) for one in answer.findings] == [
        (3, "C", "unknown-code-name"),
        (4, "F", "wage-below-minimum"),
    ]


async def test_a_testrun_has_no_effect(house: House) -> None:
    rows = table(3) + table(1, 관리번호="B-1", 직종="없는직업").splitlines()[1] + b"\n"
    rows += table(1, 관리번호="C-1", 임금="100").splitlines()[1]
    before = {name: dict(held) for name, held in house.store.documents.items()}
    answer = await send(house, rows, testrun=True)
    assert (answer.accepted, answer.refused, house.told) == (3, 2, [])
    assert {one.rule for one in answer.findings} == {"unknown-code-name", "wage-below-minimum"}
    assert house.store.documents == before, "no rejection either, whether a row is an event or none can be made of it"


async def test_what_is_too_much_at_a_time_is_taken_when_it_comes_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.kit.web.quotas.LONGEST_DELAY", 0.0)
    count = 2 * PORTION_EVENTS
    answer = await send(house, table(count), quotas=Quotas(EdgeSettings(limit_events=f"1/{PORTION_EVENTS}")))
    assert (answer.accepted, answer.failed) == (PORTION_EVENTS, PORTION_EVENTS)
    assert [one.rule for one in answer.findings] == ["too-many-at-a-time"]
    again = await send(house, table(count))
    assert (again.duplicate, again.accepted) == (PORTION_EVENTS, PORTION_EVENTS)


async def test_what_is_no_file_is_refused_as_a_whole(house: House) -> None:
    with pytest.raises(Refused, match="unknown-format"):
        await send(house, b"%PDF-1.7")


async def test_an_answer_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_reading, "MOST_FINDINGS", 5)
    answer = await send(house, table(9, 직종="없는직업"))
    assert (len(answer.findings), answer.more, answer.refused) == (5, 4, 9)


class Charged(Quotas):
    """Quotas that say what was charged."""

    def __init__(self) -> None:
        super().__init__(EdgeSettings())
        self.charged: list[tuple[str, int]] = []

    def over(self, name: Limiter, who: str, cost: int = 1) -> Problem | None:
        self.charged.append((name, cost))
        return super().over(name, who, cost)


async def test_empty_rows_are_bounded_and_charged(house: House) -> None:
    quotas = Charged()
    answer = await send(house, table(1) + b"\n" * 2_000_000, quotas=quotas)
    assert (answer.accepted, answer.stopped and answer.stopped.rule) == (1, "too-many-empty-rows")
    assert quotas.charged == [("events", 1 + file_reading.MOST_EMPTY // file_reading.EMPTY_FOR_ONE)]


@pytest.mark.parametrize("content", [b"PK no zip", b",\n" * 2_000_000])
async def test_what_cannot_be_read_is_charged(house: House, content: bytes) -> None:
    quotas = Charged()
    with pytest.raises(Refused):
        await send(house, content, quotas=quotas)
    assert [name for name, _ in quotas.charged] == ["events"]


async def test_a_preview_is_charged_by_the_rows_that_were_looked_at(house: House) -> None:
    quotas, caller = Charged(), house.callers["gjf"]
    converter = Converter(house.dependencies.pack, "gjf", AS_OF, lambda said: "id")
    await file_reading.start_of(table(3) + b"\n" * 2_000_000, converter, "job-posted", caller, quotas)
    with pytest.raises(Refused, match="too-many-empty-rows"):
        await file_reading.start_of(b",\n" * 2_000_000, converter, "job-posted", caller, quotas)
    empty = file_reading.MOST_EMPTY // file_reading.EMPTY_FOR_ONE
    assert quotas.charged == [("events", 4 + empty), ("events", empty)]


async def test_unpacked_bytes_are_charged_a_workbooks_too(house: House) -> None:
    quotas, caller = Charged(), house.callers["gjf"]
    packed = gzip.compress(b"a" * 3_000_000)
    received = Received("", [("content-encoding", "gzip")], packed)
    await file_reading.unpacked(received, 5_000_000, caller, quotas)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"a" * 4_000_000)
    await file_reading.unpacked(Received("", [], stream.getvalue()), 5_000_000, caller, quotas)
    with pytest.raises(Refused):
        await file_reading.unpacked(received, 1_000, caller, quotas)
    assert quotas.charged == [
        ("bytes", 3_000_000 - SMALL_BODY), ("bytes", 4_000_000 - SMALL_BODY), ("events", 1),
    ]  # fmt: skip


async def test_files_are_read_in_threads_of_their_own(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []

    def rows(*_: object) -> Iterator[Converted]:
        names.append(threading.current_thread().name)
        yield from ()

    monkeypatch.setattr(Converter, "convert", rows)
    await send(house, table(1))
    assert [name.startswith("files") for name in names] == [True]


async def test_a_file_in_a_form_is_told_how_it_is_sent(house: House) -> None:
    form = Received("Multipart/form-data; boundary=x", (), b"--x\r\n\r\n" + table(1) + b"\r\n--x--\r\n")
    with pytest.raises(Refused) as caught:
        await file_reading.unpacked(form, 1_000_000, house.callers["gjf"], Quotas(EdgeSettings()))
    (refusal,) = caught.value.refusals
    assert (refusal.rule, status_of(refusal.rule)) == ("form-not-taken", 415)
    body = await file_reading.unpacked(
        Received("application/x-www-form-urlencoded", (), table(1)),
        1_000_000,
        house.callers["gjf"],
        Quotas(EdgeSettings()),
    )
    assert body == table(1), "as curl calls it"
