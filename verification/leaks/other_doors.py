"""Planted people at the doors that the world itself does not use: files, their preview and mappings, and an agency's
own topic at Kafka. All of it is made before anything is sent; `flow` sends it.

Everybody here comes without a consent: nobody is told of them, so whatever is found of them got out by itself.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from samples.world import Item, names
from samples.world.envelope import Json
from samples.world.tables import table_of
from verification.leaks.hostile_requests import Hostile
from verification.leaks.poison import somebody
from verification.leaks.search_terms import Planted, planted_by

MAPPING = "leaks"
MOST = 8  # people: each comes in many files
IN_CLEAR = frozenset({"event id", "reference", "worker"})
OWN = {"name": "그 사람", "phone": "연락 가능한 번호"}  # headings of the mapping
WITH_MAPPING = f"type=trainee-graduated&mapping={MAPPING}&as_of=2026-11-22T00:00:00Z"
_JSON = {"content-type": "application/json"}
_BYTES = {"content-type": "application/octet-stream"}


@dataclass(frozen=True)
class Newcomers:
    """Events that bring people whom nobody knows, of one agency."""

    agency: str
    events: tuple[Json, ...]
    planted: frozenset[Planted]

    @property
    def planted_at_kafka(self) -> frozenset[Planted]:
        """What is no identity an agency publishes in clear: it lies in its own topic, and nowhere else."""
        return frozenset(
            replace(each, kind=f"{each.kind} at Kafka") if each.kind in IN_CLEAR else each for each in self.planted
        )


def newcomers(items: Sequence[Item], seed: int, way: str) -> Newcomers:
    """The arrivals of the first agency once more, as other people."""
    arrivals = [item for item in items if item.event["type"] == "trainee-graduated" and item.mistake is None]
    agency, random = arrivals[0].agency, Random(f"{seed}/{way}")
    made = []
    for number, item in enumerate([each for each in arrivals if each.agency == agency][:MOST]):
        data = {**item.event["data"], "reference": f"{way.upper()}-{random.getrandbits(32):08X}", "consents": []}
        who = {name: value for name, value in somebody(random).items() if name != "latin"}
        data["identity"] = {**data["identity"], **who, "birth_date": f"19{random.randrange(70, 99)}-1{number % 3}-17"}
        own = {"id": f"{way}-{random.getrandbits(40):010x}", "actor": f"{names.reference(random, 'lee')}/counsellor"}
        made.append(replace(item, event=item.event | own | {"data": data}))
    return Newcomers(agency, tuple(item.event for item in made), frozenset(planted_by(made)))


def files(events: Sequence[Json]) -> Iterator[Hostile]:
    """Each file looked at, tried and sent: as it should be, and with identity in every place where it does not
    belong."""
    headings, rows = table_of(events)
    name, phone = (headings.index(f"identity.{each}") for each in ("name", "phone"))
    moved = [[cells[(at + 1) % len(cells)] for at in range(len(cells))] for cells in map(list, rows)]
    person = events[0]["data"]["identity"]
    named = [person["name"] if at == name else f"{heading} {person['phone']}" for at, heading in enumerate(headings)]
    own = [OWN["name"] if at == name else OWN["phone"] if at == phone else head for at, head in enumerate(headings)]
    lines = "\n".join(json.dumps(event, ensure_ascii=False) for event in events)
    contents = [
        _table(headings, rows, "utf-8-sig"),
        _table(headings, rows, "cp949"),
        _table(headings, moved, "utf-8"),
        _table(named, rows, "utf-8"),
        _table(list(map(str, rows[0])), rows[1:], "utf-8"),  # no headings: a row is taken for them
        _table(headings, rows, "utf-8") + b'"' + str(person["name"]).encode() * 50,  # its last cell has no end
        lines.encode(),
        lines.replace('"identity"', '"idenity"').encode(),
        (lines + "\n" + person["name"]).encode(),
        f"<wantedRoot><wanted><title>{person['name']}</title><{person['name']}/></wanted></wantedRoot>".encode(),
        b"PK\x03\x04" + lines.encode(),
    ]
    for content in contents:
        for way in ("/files/preview?", "/files?testrun=true&", "/files?", "/files?report=csv&"):
            query = "type=trainee-graduated&as_of=2026-11-22T00:00:00Z"
            yield Hostile("intake", "POST", way + query, content, _BYTES)
    for way in ("/files/preview?", "/files?"):
        yield Hostile("intake", "POST", way + WITH_MAPPING, _table(own, rows, "utf-8"), _BYTES)
        yield Hostile("intake", "POST", f"{way}type={person['phone']}&mapping={person['email']}", contents[0], _BYTES)


def mappings(event: Json) -> Iterator[Hostile]:
    """One that is kept and names nobody, then those that name somebody and must not be kept."""
    person = event["data"]["identity"]
    who = f"{person['name']} {person['phone']}"
    kept = {"columns": {OWN["name"]: "identity.name", OWN["phone"]: "identity.phone"}}
    yield Hostile("intake", "PUT", f"/mappings/{MAPPING}", _said(kept), _JSON)
    for wrong in (
        {"fixed": {f"identity.{name}": value for name, value in person.items()}},
        {"values": {"identity.name": {who: person["name"]}}},
        {"columns": {who: person["name"]}},
        {"columns": {OWN["name"]: who}},
        {"fixed": {who: who}},
        {"type": person["phone"]},
        {person["name"]: person["phone"]},
    ):
        yield Hostile("intake", "PUT", f"/mappings/{MAPPING}", _said(wrong), _JSON)
    yield Hostile("intake", "PUT", f"/mappings/{person['phone']}", _said(kept), _JSON)
    for path in (f"/mappings/{MAPPING}", "/mappings", f"/mappings/{person['phone']}"):
        yield Hostile("intake", "GET", path)


def records(events: Sequence[Json]) -> Iterator[Json | bytes]:
    """What an agency publishes: events, whose identity has to be sealed before, and what is published as it is, with
    nobody's name in clear. What lies in the topic in clear the agency put there itself."""
    for number, event in enumerate(events):
        yield event
        yield {**event, "id": f"{event['id']}-again"}
        if number % 3 == 0:
            yield {**event, "id": f"{event['id']}-x", "data": {**event["data"], "residence": "legal-dong-2026:0"}}
            yield {**event, "id": f"{event['id']}-y", "type": "person-removed"}
            yield {**event, "id": f"{event['id']}-z", "source": "/agencies/somebody-else"}  # its box does not open
    yield b"{"


def _said(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], encoding: str) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([headings, *rows])
    return text.getvalue().encode(encoding, "replace")
