"""One intake for each door, each with a database and topics of its own, the same keys and the same day of the world."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import httpx
from openpyxl import Workbook

from clients.ieum import Hub, Key, NotAllowed
from clients.ieum.polling import Poller, Portal, PortalKey, Progress
from deploy.local.ports import free_port
from deploy.local.stack import LocalStack
from samples.world import World, load_setting
from samples.world.days import today_of
from samples.world.envelope import EventWriter, Json
from samples.world.tables import table_of
from shared.files import Converter
from verification.doors import adverts
from verification.doors.kafka import KafkaDoor
from verification.doors.portal import LocalPortal
from verification.doors.states import Held
from verification.harness.child_processes import Program
from verification.harness.keyring import Keyring

BATCH = 200
AS_OF = datetime(2026, 1, 1, tzinfo=UTC).isoformat()  # of rows that do not say when; these all do
Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What of the world is sent."""

    seed: int = 1
    people: int = 150


@dataclass
class Compared:
    """What came of it."""

    people: int = 0
    openings: int = 0
    lost: int = 0
    doubled: int = 0
    differences: int = 0
    doors: list[str] = field(default_factory=list)


class Doors:
    """Sends the world through every door."""

    def __init__(self, options: Options, folder: Path, stack: LocalStack, say: Say) -> None:
        setting = load_setting("kr-gyeonggi")
        self._world = World(setting, seed=options.seed, people=options.people, today=today_of(setting))
        self._keyring = Keyring(folder / "keys.json")
        self.folder, self._stack, self._say = folder, stack, say
        items = [item for chapter in self._world.day(1) for item in chapter.items if item.mistake is None]
        self._events: dict[str, list[Json]] = {}
        for item in items:
            self._events.setdefault(item.agency, []).append(item.event)

    def perform(self) -> Compared:
        """All doors, one after the other."""
        found = Compared()
        first = self._through("http", self._by_http, self._events)
        states = [each["state"] for each in first.by_reference.values()]
        found.people = sum("consents" in state for state in states)
        found.openings = len(states) - found.people
        ways: dict[str, tuple[str, Callable[[Iterable[Json]], bytes]]] = {
            "csv": ("csv", lambda events: _csv(events, "utf-8-sig")),
            "csv in EUC-KR": ("csv_euc_kr", lambda events: _csv(events, "cp949")),
            "xlsx": ("xlsx", _xlsx),
            "json lines": ("json_lines", _lines),
            "csv, intake killed in the middle": ("killed", lambda events: _csv(events, "utf-8")),
        }
        found.doors.append("http")
        for name, (database, written) in ways.items():
            self._compare(found, name, first, self._through(database, self._by_file(written), self._events))
        jobs = {
            agency: [adverts.as_event(event) for event in events if _is_advert(event)]
            for agency, events in self._events.items()
        }
        plain = self._through("adverts", self._by_http, jobs)
        xml = self._by_file(lambda events: adverts.as_xml(events, "euc-kr"))
        self._compare(found, "work24 xml", plain, self._through("work24", xml, jobs))
        pulled = self._through("pulled", self._by_pull, jobs)
        self._compare(found, "pulled from a portal, intake killed in the middle", plain, pulled)
        if self._stack.broker.kind == "apache":
            self._compare(found, "kafka, intake killed in the middle", first, self._through_kafka())
        return found

    @contextmanager
    def running(self, database: str) -> Iterator[tuple[Program, str]]:
        """An intake with all agencies, and the token of one that posts jobs."""
        program = self._intake(database, {})
        program.start()
        try:
            self._register(program)
            with self._hub(program, "gjf") as hub:
                _until_known(hub)
            yield program, self._keyring.token("gjf")
        finally:
            program.stop()

    def adverts(self, count: int, number: int) -> list[Json]:
        """So many jobs of one agency, each under a reference of its own: those of the day, over and over."""
        jobs = islice(cycle(event for event in self._events["gjf"] if event["type"] == "job-posted"), count)
        return [
            {**job, "id": f"speed-{number}-{at}", "data": {**job["data"], "reference": f"S-{number}-{at}"}}
            for at, job in enumerate(jobs)
        ]

    def _compare(self, found: Compared, name: str, wanted: Held, held: Held) -> None:
        found.doors.append(name)
        lost, doubled, differences = wanted.lost(held), wanted.doubled(held), wanted.differences(held)
        self._say(f"{name}: {held.things} held, {lost} lost, {doubled} doubled, {differences} different")
        found.lost += lost
        found.doubled += doubled
        found.differences += differences

    def _through_kafka(self) -> Held:
        """At a broker with users, on which no other door is."""
        door = KafkaDoor(self.folder / "kafka")
        try:
            door.broker.start()
            return self._through("kafka", door.send, self._events, door.variables)
        finally:
            door.broker.kill()

    def _through(
        self,
        database: str,
        send: Callable[[Program, str, list[Json]], None],
        events: Mapping[str, list[Json]],
        more: Mapping[str, str] | None = None,
    ) -> Held:
        program = self._intake(database, more or {})
        program.start()
        try:
            self._register(program)
            for agency, own in events.items():
                if own:
                    send(program, agency, own)
        finally:
            program.stop()
        return Held.of(self._stack.mongo_url, database)

    def _intake(self, database: str, more: Mapping[str, str]) -> Program:
        key = self._keyring.key
        variables = {
            "IEUM_PROFILE": "development",
            **self._stack.login("intake").variables,
            "IEUM_KAFKA_IDEMPOTENT": str(self._stack.broker.idempotent_producer).lower(),
            "IEUM_MONGO_URL": self._stack.mongo_url,
            "IEUM_DATABASE": database,
            "IEUM_TOPIC_PREFIX": f"{database}.",
            "IEUM_ID_KEY": key("id"),
            "IEUM_SEALING_KEY": key("sealing"),
            "IEUM_KEK": key("kek"),
            "IEUM_FIRST_ADMIN": self._keyring.first_admin(self._world.setting.admin.agency),
            **more,
        }
        port = free_port()
        variables["IEUM_PORT"] = str(port)
        log = self.folder / f"{database}.log"
        return Program("services.intake", port, log, variables, variable="INTAKE_PORT")

    def _register(self, program: Program) -> None:
        writer = EventWriter(self._world.today, 0, self._world.pack.timezone)
        admin = self._world.setting.admin.agency
        with self._hub(program, admin) as hub:
            agencies = [
                {**each, "keys": [self._keyring.registered_key(each["agency"])]} for each in self._world.agencies()
            ]
            events = [writer.write(admin, "agency-registered", each).event for each in agencies]
            answers = hub.send(events)
        if bad := [answer for answer in answers if answer["status"] not in ("accepted", "duplicate")]:
            raise RuntimeError(f"{len(bad)} agencies were not registered")

    def _hub(self, program: Program, agency: str) -> Hub:
        return Hub(program.url, Key.parse(self._keyring.token(agency)), patience=120)

    def _by_http(self, program: Program, agency: str, events: list[Json]) -> None:
        with self._hub(program, agency) as hub:
            _until_known(hub)
            for begin in range(0, len(events), BATCH):
                _all_taken(hub.send(events[begin : begin + BATCH]))

    def _by_file(self, written: Callable[[Iterable[Json]], bytes]) -> Callable[[Program, str, list[Json]], None]:
        def send(program: Program, agency: str, events: list[Json]) -> None:
            with self._hub(program, agency) as hub:
                _until_known(hub)
                content = written(events)
                if "killed" in program.log.name:
                    self._send_and_kill(program, agency, content)
                answer = hub.call("POST", "/files", params={"as_of": AS_OF}, content=content)
            if answer["refused"] or answer["failed"] or answer["rows"] != len(events):
                raise RuntimeError(f"a file was not taken whole: {answer['findings'][:3]}")

        return send

    def _by_pull(self, program: Program, agency: str, events: list[Json]) -> None:
        """From a portal on this machine, page by page; intake is killed between two of them."""
        key = Key.parse(self._keyring.token(agency))
        with LocalPortal() as there, self._hub(program, agency) as hub:
            _until_known(hub)
            there.adverts = {event["data"]["reference"]: adverts.fields_of(event["data"]) for event in events}
            there.after_page = lambda page: _killed_once(program) if page == 2 else None
            with (
                Portal(there.url, PortalKey(there.key), {}, rest=0, per_page=10) as portal,
                Progress(self.folder / f"{program.log.stem}-{agency}", there.url, agency, {}) as progress,
            ):
                make = partial(Converter, self._world.pack, agency, make_id=key.event_id)
                poller = Poller(portal, hub, progress, lambda at: make(as_of=at), self._world.pack, "en", _nothing)
                outcome = poller.cycle(datetime.now(UTC).replace(microsecond=0), timedelta(0), _nothing)
        if not outcome.good or outcome.adverts != len(events):
            raise RuntimeError(f"a portal was not taken whole: {outcome.as_json()}")

    def _send_and_kill(self, program: Program, agency: str, content: bytes) -> None:
        """Send, and kill intake when some of it may be kept; what was answered is nobody's to know."""
        headers = {"Authorization": f"Bearer {self._keyring.token(agency)}"}
        try:
            with httpx.Client(base_url=program.url, headers=headers, timeout=0.15) as http:
                http.post("/files", params={"as_of": AS_OF}, content=content)
        except httpx.TransportError:
            pass
        program.kill()
        program.start()


def _until_known(hub: Hub) -> None:
    """A key that was registered a moment ago is known within a second."""
    for _ in range(100):
        try:
            hub.call("GET", "/rejections", params={"limit": 1})
        except NotAllowed:
            time.sleep(0.1)
            continue
        return


def _killed_once(program: Program) -> None:
    program.kill()
    program.start()


def _nothing(_: object) -> None:
    """Nobody looks at findings and progress."""


def _is_advert(event: Json) -> bool:
    return bool(event["type"] == "job-posted" and adverts.can_be_said(event["data"]))


def _all_taken(answers: list[dict[str, Any]]) -> None:
    if bad := [answer for answer in answers if answer["status"] in ("refused", "failed")]:
        raise RuntimeError(f"{len(bad)} events were not taken: {bad[0].get('problem')}")


def _csv(events: Iterable[Json], encoding: str) -> bytes:
    headings, rows = table_of(events)
    text = io.StringIO(newline="")
    csv.writer(text).writerows([headings, *rows])
    return text.getvalue().encode(encoding)


def _xlsx(events: Iterable[Json]) -> bytes:
    headings, rows = table_of(events)
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in (headings, *rows):
        sheet.append(list(row))
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _lines(events: Iterable[Json]) -> bytes:
    return "\n".join(json.dumps(event, ensure_ascii=False) for event in events).encode()
