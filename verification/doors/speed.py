"""How quick the doors are, as ratios to bare loops that do the least with the same parser, server, models and database.

Bare: the same documents under the same indexes, written in transactions of 500 with majority, and nothing of identity,
inbox, audit and outbox, keys and quotas, rules and messages. Who comes first alternates.
"""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pymongo
from pymongo import WriteConcern
from pymongo.client_session import ClientSession

from deploy.local.ports import free_port
from deploy.local.stack import LocalStack
from samples.world.envelope import Json
from samples.world.tables import table_of
from shared.files.csv_rows import csv_rows
from shared.files.rows import Row
from shared.kit.base.sealing import Sealer
from verification.doors.bare import COLLECTIONS, Documents, documents_of
from verification.harness.child_processes import Program

if TYPE_CHECKING:
    from verification.doors.run import Doors

GROUP = 500
SENDERS = 4
ROUNDS = 5
SEALS = 2  # of an advert: the sender's id in the inbox, and the reference
# of an advert's fields, by their last name
LISTS = frozenset(
    {
        "benefits",
        "certificates",
        "certificates_wanted",
        "courses_wanted",
        "licences",
        "residence",
        "shifts",
        "strengths",
    }
)
NUMBERS = frozenset(["minimum", "maximum", "hours_per_week", "places", "experience_months", "age_min", "age_max"])
BATCH = "application/cloudevents-batch+json"


def ratios(doors: Doors, stack: LocalStack, count: int) -> dict[str, float]:
    """`rows_vs_bare`: rows of a CSV through `POST /files`; `http_vs_bare`: events in batches of 500; with microseconds
    of each and the share of encryption. Medians of rounds in which both take turns."""
    found: dict[str, list[float]] = {"rows": [], "http": []}
    took: list[float] = []
    bare = _bare_server(doors, stack)
    bare.start()
    try:
        with doors.running("speed") as (program, token):
            for number in range(ROUNDS):
                events = doors.adverts(count, number)
                parts = [events[begin : begin + GROUP] for begin in range(0, count, GROUP)]
                send = (partial(_send, program.url, token, parts), partial(_send, bare.url, token, parts))
                ours, theirs = _in_turn(number, *send)
                found["http"].append(theirs / ours)
                took.append(ours / count)
                content = _table(doors.adverts(count, number + ROUNDS))
                read = (partial(_send_file, program.url, token, content), partial(_bare_rows, stack.mongo_url, content))
                ours, theirs = _in_turn(number, *read)
                found["rows"].append(theirs / ours)
    finally:
        bare.stop()
    middle = {name: sorted(several)[len(several) // 2] for name, several in found.items()}
    event = sorted(took)[len(took) // 2]
    return {
        "rows_vs_bare": round(middle["rows"], 2),
        "http_vs_bare": round(middle["http"], 2),
        "http_microseconds": round(event * 1e6),
        "encryption_share": round(SEALS * _seal_seconds() / event, 3),
    }


def _in_turn(number: int, ours: Callable[[], None], theirs: Callable[[], None]) -> tuple[float, float]:
    """Seconds of both; every second round the other one comes first."""
    if number % 2:
        second = _seconds(theirs)
        return _seconds(ours), second
    return _seconds(ours), _seconds(theirs)


def _seal_seconds(times: int = 5_000) -> float:
    sealer = Sealer(bytes(range(32)))
    began = time.perf_counter()
    for _ in range(times):
        sealer.seal(b"KJKB002611200001", "opportunities", "0f" * 16, "reference")
    return (time.perf_counter() - began) / times


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _send(url: str, token: str, parts: Iterable[list[Json]]) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": BATCH}
    with httpx.Client(base_url=url, headers=headers, timeout=120) as http, ThreadPoolExecutor(SENDERS) as pool:
        for answer in pool.map(lambda part: http.post("/events", content=json.dumps(part).encode()), parts):
            if answer.status_code != 202 or '"refused"' in answer.text or '"failed"' in answer.text:
                raise RuntimeError(f"not taken: {answer.status_code} {answer.text[:300]}")


def _send_file(url: str, token: str, content: bytes) -> None:
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=300) as http:
        answer = http.post("/files", params={"as_of": "2026-01-01T00:00:00Z"}, content=content).json()
    if answer.get("refused") or answer.get("failed") or not answer.get("accepted"):
        raise RuntimeError(f"not taken: {answer}")


def _bare_rows(mongo_url: str, content: bytes) -> None:
    """The same parser, JSON, and what the bare server does with each event."""
    headings: dict[int, str] = {}
    documents: list[Documents] = []
    with pymongo.MongoClient[dict[str, Any]](mongo_url) as client:
        for row in csv_rows(io.BytesIO(content)):
            assert isinstance(row, Row)
            if not headings:
                headings = {at: str(cell) for at, cell in row.cells.items()}
                continue
            data = _nested({headings[at]: str(cell) for at, cell in row.cells.items()})
            documents.append(documents_of(data))
            if len(documents) == GROUP:
                _insert(client, documents)
                documents = []
        if documents:
            _insert(client, documents)


def _nested(cells: dict[str, str]) -> Json:
    found: Json = {}
    for path, text in cells.items():
        if path in ("type", "id", "time"):
            continue
        *way, last = path.split(".")
        here = found
        for part in way:
            here = here.setdefault(part, {})
        here[last] = _value(last, text)
    return found


def _value(name: str, text: str) -> Any:
    if name in NUMBERS:
        return int(text)
    if name in LISTS:
        return text.split(";")
    return text == "true" if name == "until_filled" else text


def _insert(client: pymongo.MongoClient[dict[str, Any]], documents: list[Documents]) -> None:
    def work(session: ClientSession) -> None:
        for name, several in zip(COLLECTIONS, zip(*documents, strict=True), strict=True):
            client["bare"][name].insert_many(list(several), session=session)

    with client.start_session() as session:
        session.with_transaction(work, write_concern=WriteConcern("majority"))


def _table(events: Iterable[Json]) -> bytes:
    headings, rows = table_of(events)
    text = io.StringIO(newline="")
    csv.writer(text).writerows([headings, *rows])
    return text.getvalue().encode()


def _bare_server(doors: Doors, stack: LocalStack) -> Program:
    port = free_port()
    variables = {"BARE_MONGO": stack.mongo_url, "BARE_PORT": str(port)}
    return Program("verification.doors.bare", port, doors.folder / "bare.log", variables, variable="BARE_PORT")
