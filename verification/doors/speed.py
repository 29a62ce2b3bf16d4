"""How quick the doors are, as ratios to bare loops that do the least with the same parser, server, models and database.

Bare: each document written in a transaction of 500 with majority, and nothing of identity, inbox, audit and outbox.
"""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pymongo
from pymongo import WriteConcern

from deploy.local.ports import free_port
from deploy.local.stack import LocalStack
from samples.world.envelope import Json
from samples.world.tables import table_of
from shared.events.registry import load_topics
from shared.files.csv_rows import csv_rows
from shared.files.rows import Row
from verification.harness.child_processes import Program

if TYPE_CHECKING:
    from verification.doors.run import Doors

GROUP = 500
SENDERS = 4
ROUNDS = 3
BATCH = "application/cloudevents-batch+json"


def ratios(doors: Doors, stack: LocalStack, count: int) -> dict[str, float]:
    """`rows_vs_bare`: rows of a CSV through `POST /files`; `http_vs_bare`: events in batches of 500. Medians of rounds
    that alternate."""
    found: dict[str, list[float]] = {"rows": [], "http": []}
    bare = _bare_server(doors, stack)
    bare.start()
    try:
        with doors.running("speed") as (program, token):
            for number in range(ROUNDS):
                events = doors.adverts(count, number)
                parts = [events[begin : begin + GROUP] for begin in range(0, count, GROUP)]
                ours = _seconds(_send, program.url, token, parts)
                theirs = _seconds(_send, bare.url, token, parts)
                found["http"].append(theirs / ours)
                rows = doors.adverts(count, number + ROUNDS)
                content = _table(rows)
                ours = _seconds(_send_file, program.url, token, content)
                theirs = _seconds(_bare_rows, stack.mongo_url, content)
                found["rows"].append(theirs / ours)
    finally:
        bare.stop()
    middle = {name: sorted(several)[len(several) // 2] for name, several in found.items()}
    return {"rows_vs_bare": round(middle["rows"], 2), "http_vs_bare": round(middle["http"], 2)}


def _seconds(work: Callable[..., None], *arguments: Any) -> float:
    began = time.perf_counter()
    work(*arguments)
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
    """The same parser, JSON, the same model, and one document for each row."""
    door = load_topics().find("job-posted").door
    assert door is not None
    headings: dict[int, str] = {}
    documents: list[dict[str, Any]] = []
    with pymongo.MongoClient[dict[str, Any]](mongo_url) as client:
        for row in csv_rows(io.BytesIO(content)):
            assert isinstance(row, Row)
            if not headings:
                headings = {at: str(cell) for at, cell in row.cells.items()}
                continue
            data = _nested({headings[at]: str(cell) for at, cell in row.cells.items()})
            documents.append(door.model_validate_json(json.dumps(data)).model_dump(mode="json"))
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
    if name in ("minimum", "hours_per_week", "places"):
        return int(text)
    if name in ("shifts", "benefits", "strengths", "certificates", "certificates_wanted"):
        return text.split(";")
    return text == "true" if name == "until_filled" else text


def _insert(client: pymongo.MongoClient[dict[str, Any]], documents: list[dict[str, Any]]) -> None:
    with client.start_session() as session:
        session.with_transaction(
            lambda session: client["bare"]["rows"].insert_many(documents, session=session),
            write_concern=WriteConcern("majority"),
        )


def _table(events: Iterable[Json]) -> bytes:
    headings, rows = table_of(events)
    text = io.StringIO(newline="")
    csv.writer(text).writerows([headings, *rows])
    return text.getvalue().encode()


def _bare_server(doors: Doors, stack: LocalStack) -> Program:
    port = free_port()
    variables = {"BARE_MONGO": stack.mongo_url, "BARE_PORT": str(port)}
    return Program("verification.doors.bare", port, doors.folder / "bare.log", variables, variable="BARE_PORT")
