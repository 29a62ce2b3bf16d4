"""The search for leaks finds what is planted, in every encoding, and nothing else."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import unicodedata
import zlib
from datetime import date
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote

import pytest

from samples.world import World, load_setting
from shared.events import registry
from verification.leaks import hostile_requests, other_doors, people
from verification.leaks.encodings import ENCODINGS, dates, disguises, phones, romanised, written
from verification.leaks.finder import PIECE, Finder
from verification.leaks.mailbox import mails
from verification.leaks.poison import TOPICS, poison
from verification.leaks.scan import Leak, report_lines, search
from verification.leaks.search_terms import Control, Controls, Hit, Planted, planted_by, terms_of
from verification.leaks.sinks import BROKER_FILES, MAILS, may_be_there, sink_of_file

pytestmark = pytest.mark.unit
NAME = "됿뇱삓꾨붸"
REFERENCE = "HW-BVQ5XV4Z"
FINDER = Finder(terms_of([Planted("name", NAME), Planted("birth date", "1991-03-02"), Planted("reference", REFERENCE)]))


@pytest.fixture(scope="module")
def world() -> World:
    made = World(load_setting(), seed=1, people=20, today=date(2026, 11, 22))
    people.plant(made)
    return made


def hashes(text: str) -> dict[str, bytes]:
    made = {name: hashlib.new(name, text.encode()) for name in ("md5", "sha1", "sha256")}
    return {
        f"{name} {how}": form
        for name, one in made.items()
        for how, form in {
            "in bytes": one.digest(),
            "in hex": one.hexdigest().encode(),
            "in upper hex": one.hexdigest().upper().encode(),
        }.items()
    }


# By name: the bytes are no names for tests, and gzip writes the second of packing into its own.
WRITTEN_DOWN = {
    "as it is": NAME.encode(),
    "decomposed": unicodedata.normalize("NFD", NAME).encode(),
    "utf-16-le": NAME.encode("utf-16-le"),
    "utf-16-be": NAME.encode("utf-16-be"),
    "utf-16 at an odd place": b"x" + NAME.encode("utf-16"),
    "json": json.dumps(NAME).encode(),
    "json in upper hex": json.dumps(NAME).upper().replace("\\U", "\\u").encode(),
    "percent": quote(NAME).encode(),
    "percent in lower hex": quote(NAME).lower().encode(),
    "hex": NAME.encode().hex().encode(),
    "upper hex": NAME.encode().hex().upper().encode(),
    "gzip": gzip.compress(NAME.encode(), mtime=0),
    "zlib": zlib.compress(NAME.encode()),
    "json in zlib": zlib.compress(json.dumps(NAME).encode(), 9),
    "latin letters": min(romanised(NAME)).encode(),
    **{f"base64 after {n}": base64.b64encode(f"{'x' * n}{NAME}; and more".encode()) for n in range(6)},
    **{f"base64url after {n}": base64.urlsafe_b64encode(f"{'x' * n}{NAME}; and more".encode()) for n in range(6)},
    **hashes(NAME),
}


class TestFind:
    @pytest.mark.parametrize("written_down", WRITTEN_DOWN.values(), ids=WRITTEN_DOWN.keys())
    def test_a_name_in_every_encoding_wherever_it_stands(self, written_down: bytes) -> None:
        for shift in range(9):
            assert "name" in {hit.kind for hit in FINDER.find(b"." * shift + written_down + b' more"}')}

    def test_nothing_where_nothing_is(self) -> None:
        assert FINDER.find("김 and 1991-03 and HW-8841 되뇌".encode()) == set()
        assert FINDER.find(os.urandom(100_000)) == set()
        assert FINDER.find(b"") == set()

    def test_a_short_term_only_where_it_stands_alone(self) -> None:
        assert FINDER.find(b"born 19910302.") == {Hit("birth date", "rewritten")}
        assert FINDER.find(b"ab19910302ff") == set()
        assert FINDER.find(b"ab19910302ff, 19910302") == {Hit("birth date", "rewritten")}

    def test_at_the_very_beginning_and_end(self) -> None:
        assert FINDER.find(REFERENCE.encode()) == {Hit("reference", "nfc")}

    @pytest.mark.parametrize("before", range(PIECE - 20, PIECE + 2))
    def test_where_two_pieces_meet(self, before: int) -> None:
        assert FINDER.find(bytes(before) + REFERENCE.encode() + bytes(50)) == {Hit("reference", "nfc")}

    def test_what_is_packed_behind_other_bytes_and_cut_off(self) -> None:
        packed = gzip.compress(NAME.encode() + os.urandom(2_000))
        assert FINDER.find(b"\x1f\x8b\x08 no" + packed[:-900]) == {Hit("name", "nfc")}

    @pytest.mark.parametrize("term", [b"short", b"x" * 5_000])
    def test_takes_no_term_that_would_be_found_by_chance_or_not_at_all(self, term: bytes) -> None:
        with pytest.raises(ValueError, match="7 to"):
            Finder({term: 1})


class TestEncodings:
    def test_are_fourteen(self) -> None:
        assert len(set(ENCODINGS)) == 14

    @pytest.mark.parametrize("encoding", ENCODINGS)
    def test_of_each_the_example_is_found_under_its_name(self, encoding: str) -> None:
        kind, value = ("phone", "+82-10-0674-9407") if encoding == "rewritten" else ("name", NAME)
        found = Finder(terms_of([Planted(kind, value)])).find(written(encoding, kind, value))
        assert found == {Hit(kind, "nfc" if encoding == "compressed" else encoding)}

    def test_what_is_rewritten_is_again_looked_for_in_every_encoding(self) -> None:
        found = {data: how for how, data in disguises("phone", "+82-10-0674-9407")}
        assert found[b"01006749407".hex().encode()] == "hex"
        assert found["010-0674-9407".encode("utf-16-le")] == "utf-16le"

    def test_hangul_in_latin_letters(self) -> None:
        assert {"Hong Gildong", "hong gil dong", "HONGGILDONG", "Hong-Gil-Dong"} <= romanised("홍길동")
        assert {"ireum", "I-Reum"} <= romanised("이름")
        assert romanised("Gildong Hong") == set()

    def test_phones_are_looked_for_as_people_write_them_at_home(self) -> None:
        wanted = {
            "821006749407",
            "82-10-0674-9407",
            "010-0674-9407",
            "01006749407",
            "010 0674 9407",
            "+82 10 0674 9407",
            "+821006749407",
        }
        assert wanted <= phones("+82-10-0674-9407")

    def test_dates_are_looked_for_with_other_signs(self) -> None:
        assert {"1991-03-02", "19910302", "1991.03.02", "1991/03/02", "1991년 3월 2일", "02.03.1991"} <= dates(
            "1991-03-02"
        )


class TestPlanted:
    def test_everybody_has_an_identity_with_every_field_and_some_names_are_romanised(self, world: World) -> None:
        identities = [person.data["identity"] for person in world.people]
        fields = {"name", "birth_date", "sex", "phone", "email", "address"}
        assert all(identity.keys() == fields for identity in identities)
        assert 0 < sum(identity["name"].isascii() for identity in identities) < len(identities)
        assert len({identity["phone"] for identity in identities}) == len(identities)

    def test_every_identity_of_the_flow_is_looked_for(self, world: World) -> None:
        items = people.everything(people.chapters(world))
        found = {(each.kind, each.value) for each in planted_by(items)}
        for person in world.people:
            identity = person.data["identity"]
            fields = {"name": "name", "phone": "phone", "birth date": "birth_date", "e-mail": "email"}
            assert {(kind, identity[field]) for kind, field in fields.items()} <= found
            assert ("address", identity["address"]) in found
            assert ("reference", person.reference) in found
        assert {("reference", opening.reference) for opening in world.openings} <= found
        assert {("event id", item.event["id"]) for item in items} <= found
        assert {("worker", item.event["actor"]) for item in items} <= found

    def test_people_move_withdraw_come_back_and_leave(self, world: World) -> None:
        types = [item.event["type"] for item in people.chapters(world)[-1].items]
        assert set(types) == {"person-updated", "consent-withdrawn", "consent-given", "person-left"}

    def test_every_term_can_be_searched_for(self, world: World) -> None:
        records, poisoned = poison(1)
        terms = terms_of(planted_by(people.everything(people.chapters(world))) | poisoned)
        assert min(map(len, terms)) >= 7
        assert {record.topic for record in records} == set(TOPICS)


class TestHostile:
    def test_what_is_taken_back_names_a_number_or_a_name_as_recipient(self, world: World) -> None:
        event = people.chapters(world)[0].items[0].event
        identity, reference = event["data"]["identity"], event["data"]["reference"]
        kinds = {(kind, identity[kind]) for kind in ("name", "phone")}
        finder = Finder(terms_of([Planted(kind, value) for kind, value in kinds]))
        requests = list(hostile_requests.requests_about(event))
        said = [json.loads(one.body) for one in requests if b'"consent-withdrawn"' in one.body]
        assert [one["data"].pop("reference") for one in said] == [f"{reference}-n", reference]
        for one in said:
            event_types = registry.find("consent-withdrawn")
            assert event_types.door is not None
            event_types.door.model_validate({**one["data"], "reference": reference}, strict=False)
            assert {hit.kind for hit in finder.find(json.dumps(one["data"]).encode())} == {"name", "phone"}

    def test_no_request_is_right_and_everybody_is_in_it(self, world: World) -> None:
        item = people.chapters(world)[0].items[0]
        name = item.event["data"]["identity"]["name"]
        requests = list(hostile_requests.requests_about(item.event))
        finder = Finder(terms_of([Planted("name", name), Planted("reference", item.event["data"]["reference"])]))
        right = json.dumps(item.event, ensure_ascii=False).encode()
        assert len(requests) > 100
        assert not [
            r for r in requests if r.body == right and r.headers == hostile_requests.STRUCTURED and r.token is None
        ]
        written_in = [r for r in requests if finder.find(r.path.encode() + r.body + repr(r.headers).encode())]
        assert len(written_in) > 90


def verdict_of(contents: list[tuple[str, bytes]], controls: Controls) -> tuple[dict[Leak, int], frozenset[Control]]:
    planted = [Planted("name", NAME), Planted("event id", "hanawon-7712"), Planted("name", "뷀쳵됿뇱삓", poison=True)]
    found = search(Finder(terms_of(planted) | controls.terms()), contents, controls, 1, True)
    return found.leaks, found.missed


class TestMails:
    @pytest.mark.parametrize("coding", ["base64", "quoted-printable"])
    def test_are_read_as_whoever_opens_them_does(self, coding: str, tmp_path: Path) -> None:
        mail = EmailMessage()
        mail["Subject"] = f"notice {NAME}"
        mail.set_content(f"{'x' * 70}{NAME}, {REFERENCE}\n", cte=coding)
        (tmp_path / "1.eml").write_bytes(mail.as_bytes())
        head, body = mails(tmp_path)
        assert {hit.kind for hit in FINDER.find(head)} == {"name"}
        assert {hit.kind for hit in FINDER.find(body)} == {"name", "reference"}

    def test_lie_in_a_place_that_is_searched(self, tmp_path: Path) -> None:
        assert sink_of_file(tmp_path, tmp_path / "mails" / "1.eml") == MAILS


class TestSearch:
    def test_says_where_and_what_without_the_value(self) -> None:
        leaks, _ = verdict_of([("log intake", NAME.encode()), ("log intake", NAME.encode())], Controls(1))
        assert leaks == {Leak("log intake", "name", "nfc"): 2}
        assert NAME not in "".join(map(str, leaks))

    def test_finds_every_control_in_its_own_sink(self) -> None:
        controls = Controls(1)
        contents = [(sink, controls.blob(sink)) for sink in ("log intake", "log matching")]
        leaks, missed = verdict_of(contents, controls)
        assert (leaks, missed) == ({}, frozenset())

    def test_a_control_in_another_sink_does_not_count(self) -> None:
        controls = Controls(1)
        blob = controls.blob("log intake")
        _, missed = verdict_of([("log matching", blob)], controls)
        assert missed == {Control("log intake", how) for how in ENCODINGS}

    def test_a_control_that_was_not_written_is_missed(self) -> None:
        controls = Controls(1)
        values = controls.for_sink("log intake")
        del values["sha1"]
        _, missed = verdict_of([("log intake", b" ".join(values.values()))], controls)
        assert missed == {Control("log intake", "sha1")}

    def test_poison_may_lie_on_its_topic_and_nowhere_else(self) -> None:
        poisoned, rightly = Hit("name", "nfc", poison=True), Hit("name", "nfc")
        assert may_be_there("topic people payloads", poisoned)
        assert may_be_there(BROKER_FILES, poisoned)
        assert not may_be_there("topic people.dead payloads", poisoned)
        assert not may_be_there("log intake", poisoned)
        assert not may_be_there("topic people payloads", rightly)

    def test_a_sender_may_see_its_own_event_id(self) -> None:
        assert may_be_there("intake refusals", Hit("event id", "nfc"))
        assert not may_be_there("database intake", Hit("event id", "nfc"))
        assert not may_be_there("intake refusals", Hit("name", "nfc"))

    @pytest.mark.parametrize(
        ("kind", "sink", "rightly"),
        [
            ("reference at Kafka", "topic inbound.hanawon payloads", True),
            ("reference at Kafka", BROKER_FILES, True),
            ("reference at Kafka", "topic answers.hanawon payloads", False),
            ("event id at Kafka", "topic answers.hanawon payloads", True),
            ("event id at Kafka", "intake rejections", True),
            ("reference at Kafka", "intake rejections", False),
            ("worker at Kafka", "topic people payloads", False),
            ("worker at Kafka", "topic people.dead headers", False),
            ("reference at Kafka", "log intake", False),
            ("name", "topic inbound.hanawon payloads", False),
        ],
    )
    def test_what_an_agency_publishes_in_clear_lies_in_its_own_topic(self, kind: str, sink: str, rightly: bool) -> None:
        assert may_be_there(sink, Hit(kind, "nfc")) is rightly

    def test_silence_where_no_control_was_planted_means_nothing(self) -> None:
        controls = Controls(1)
        contents = [("log intake", controls.blob("log intake")), ("feed books", b"nobody")]
        found = search(Finder(controls.terms()), contents, controls, 1, True)
        assert (found.uncontrolled, found.well) == ({"feed books"}, False)
        assert "NO CONTROL in feed books" in report_lines(found)


class TestOtherDoors:
    def test_others_come_who_are_nobody_of_the_world_and_allow_nothing(self, world: World) -> None:
        items = people.everything(people.chapters(world))
        known = planted_by(items)
        file, kafka = (other_doors.newcomers(items, 1, way) for way in ("file", "kafka"))
        assert file.events
        assert {event["data"]["identity"]["name"] for event in file.events}.isdisjoint(
            event["data"]["identity"]["name"] for event in kafka.events
        )
        for each in (file, kafka):
            assert all(event["data"]["consents"] == [] for event in each.events)
            kinds = ("name", "phone", "e-mail", "address", "reference", "worker", "event id")
            new = {one for one in each.planted if one.kind in kinds}
            assert len(new) == len(kinds) * len(each.events)
            assert new.isdisjoint(known)
        assert {one.kind for one in kafka.planted_at_kafka} >= {"name", "reference at Kafka", "event id at Kafka"}

    def test_files_and_mappings_hold_identity_where_it_belongs_and_where_it_does_not(self, world: World) -> None:
        items = people.everything(people.chapters(world))
        others = other_doors.newcomers(items, 1, "file")
        name = others.events[0]["data"]["identity"]["name"]
        requests = list(other_doors.files(others.events))
        assert {request.path.partition("?")[0] for request in requests} == {"/files", "/files/preview"}
        assert sum(name.encode() in request.body for request in requests) > len(requests) / 2
        assert sum(name.encode("cp949", "replace") in request.body for request in requests) >= 4
        kept, *wrong = other_doors.mappings(others.events[0])
        assert name.encode() not in kept.body
        assert any(name.encode() in request.body for request in wrong)

    def test_at_kafka_every_third_is_sent_wrongly_too(self, world: World) -> None:
        others = other_doors.newcomers(people.everything(people.chapters(world)), 1, "kafka")
        records = list(other_doors.records(others.events))
        ids = [record["id"] for record in records if isinstance(record, dict)]
        assert len(set(ids)) == len(ids) == 2 * len(others.events) + 3 * -(-len(others.events) // 3)
