"""Names are text that shows, and what looks like a resident number is refused wherever it stands."""

from __future__ import annotations

from typing import Any

import pytest

from services.intake.request_admission import Admitted
from shared.reference import load_pack
from shared.screening.door_rules import DoorRules
from shared.screening.text_rules import RefusedNumbers, hides, shows
from tests.unit.intake.memory import House, example, pack

pytestmark = pytest.mark.unit
NUMBER = "910302-2123456"
WRITTEN = [
    NUMBER,
    "9103022123456",
    "문의는 910302-2123456로",
    "９１０３０２－２１２３４５６",
    "910302–2123456",
    "910302 - 2123456",
    "910302.2123456",
    "91030\u200b2-2123456",
    "٩١٠٣٠٢-٢١٢٣٤٥٦",
    "910302-2******",
    "000302-4123456",
    "850101-5123456",
    "010101-7123456",
    "id9103022123456",
    "9103022123456번",
    *(f"910302{sign}2123456" for sign in "+|=<>:;,!?'`^@&%#$\\_ㅡーｰㆍ一•※→\u2800"),
    *(f"빵 910302{sign}2123456" for sign in "+|=<>:;,"),
    "910302, 2123456",
    "(910302)2123456",
    "[910302] (2123456)",
    "91.03.02-2123456",
    "91.03.02-2123456 원미구",
    "91.03.02-2123456 만안구 안양동",
    "91.03.02-2123456 천안시",
    "91/03/02 2123456",
    "9 1 0 3 0 2 2 1 2 3 4 5 6",
    "9.1.0.3.0.2-2.1.2.3.4.5.6",
    "9 1 0 3 0 2 - 2123456",
    "910302-2 1 2 3 4 5 6",
    "9\ufe0f103\u034f02-2123456",
    "".join(f"{digit}\ufe0f\u20e3" for digit in "9103022123456"),
    "⑨①⓪③⓪②-②①②③④⑤⑥",
    "⁹¹⁰³⁰²⁻²¹²³⁴⁵⁶",
]
NO_NUMBER = [
    "",
    "910302",
    "+82-10-1234-5678",
    "010-1234-5678 02-123-4567",
    "KJKB002611200001",
    "2026-11-20 2026-12-31",
    "1764337680000",  # milliseconds: no month 43
    "911302-2123456",
    "910332-2123456",
    "910302-9123456",
    "19103022123456",
    "123-45-67890",
    "110111-0006246",  # the register of companies
    "110111-6801234",  # nobody was born in 1911
    "910302-3123456",  # nor in 2091
    "5fc0d9103022123456ab41",  # digits inside of a random id
    "시급 10,320원, 월 2,156,880원",
    "월 2,156,880~2,500,000원 (26.11.29 시작)",
    "26.11.29 2156880원",
    "26.11.29 2156880원 이상",
    "26.11.29 2156880 원",
    "26.11.29 215만원",
    "2026-11-29T10:12:11.3234567Z",
    "2026-11-29 10:12:11,323456789+09:00",
    "21:12:11.4234567",
    "26.11.29 1,234,567원",
    "문의 031-215-3456, 201호",
    "02-555-1234 / 031-212-3456 / 010-1234-5678",
    "2026.11.29-2026.12.31 09:00~18:00",
    "26.11.29-26.12.31 09:10-12:30",
    "2026.11.29-1234567",
    "20261129 1000001",
    "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]",
    "주 5일 09:00-18:00, 월급 250만, 2교대 06:00 14:00 22:00",
    "123-45-67890 (사업자) 1588-1234",
    "132m² 330㎡ ①교육 ②면접 ③채용 ④출근",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_resident_number_is_seen_however_it_is_written(text: str) -> None:
    assert RefusedNumbers(pack().refused_numbers).stand_in(text)


@pytest.mark.parametrize("text", NO_NUMBER)
def test_other_numbers_are_not_taken_for_one(text: str) -> None:
    assert not RefusedNumbers(pack().refused_numbers).stand_in(text)


@pytest.mark.parametrize("text", ["26-11-29-3234567", "26.11.29/3000123", "J-26-11-29-4000001"])
def test_a_day_and_a_serial_number_are_an_id_and_in_free_text_may_be_a_person(text: str) -> None:
    numbers = RefusedNumbers(pack().refused_numbers)
    assert not numbers.stand_in(text, free=False)
    assert numbers.stand_in(text)
    assert numbers.stand_in(f"{NUMBER} {text}", free=False)


@pytest.mark.parametrize(
    "text",
    ["1-" * 50_000, "9 1 0 3 0 2 " * 8_000, "91.03.02-" * 11_000, "1" * 100_000, "①ㅡ" * 50_000, "91-03-02-1" * 10_000],
)
def test_a_long_text_is_gone_through_once(text: str) -> None:
    """What went through it once for each of its places would not end within the time of a test."""
    assert not RefusedNumbers(pack().refused_numbers).stand_in(text + "x")


def test_each_pack_says_which_numbers() -> None:
    island = RefusedNumbers(load_pack("xx-island").refused_numbers)
    assert island.stand_in("ISL 12345678")
    assert not island.stand_in(NUMBER)
    assert not RefusedNumbers(()).stand_in(NUMBER)


def _with(path: str, value: Any) -> dict[str, Any]:
    data = example("trainee-graduated")
    *way, last = path.split("/")
    place: Any = data
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
    place[last] = value
    return data


@pytest.mark.parametrize(
    "path", ["reference", "identity/name", "identity/phone", "identity/email", "identity/address", "courses/0/title"]
)
async def test_it_is_refused_in_every_field_of_a_person(path: str) -> None:
    house = House()
    receipt = await house.send("trainee-graduated", _with(path, NUMBER))
    assert receipt.problem is not None
    assert ("refused-number", f"/data/{path}") in [(one.rule, one.field) for one in receipt.problem.errors or ()]
    assert "2123456" not in receipt.model_dump_json()
    assert not house.store.all("people")


@pytest.mark.parametrize("change", [{"title": f"문의 {NUMBER}"}, {"employer": {"name": "예시", "number": NUMBER}}])
async def test_it_is_refused_in_an_advert(change: dict[str, Any]) -> None:
    receipt = await House().send("job-posted", example("job-posted", **change), by="gjf")
    assert receipt.problem is not None
    assert receipt.problem.rule == "refused-number"


@pytest.mark.parametrize("attribute", ["id", "source", "subject", "actor"])
async def test_it_is_refused_in_an_attribute_and_not_said_again(attribute: str) -> None:
    house = House()
    receipt = await house.send("trainee-graduated", example("trainee-graduated"), **{attribute: NUMBER})
    assert receipt.problem is not None
    assert (receipt.problem.rule, receipt.problem.field) == ("refused-number", f"/{attribute}")
    assert NUMBER not in receipt.model_dump_json()


@pytest.mark.parametrize("attribute", ["id", "source"])
@pytest.mark.parametrize(
    "unsound",
    [
        {"data": {"title": "가" * 1_001}},
        {"data": list(range(2_001))},
        {"data_base64": "?"},
        {"type": "nothing-known"},
        {"specversion": 1},
    ],
)
async def test_nor_is_it_when_the_rest_cannot_be_read(attribute: str, unsound: dict[str, Any]) -> None:
    house = House()
    event = {**house.event("trainee-graduated", {}), attribute: NUMBER, **unsound}
    if "data_base64" in unsound:
        del event["data"]
    (receipt,) = await house.send_all([event])
    assert receipt.status == "refused"
    assert "2123456" not in receipt.model_dump_json()
    (kept,) = house.store.all("rejections")
    if attribute == "id":
        assert house.dependencies.sealer.open(kept["event"], "rejections", kept["_id"]) == b""


@pytest.mark.parametrize("attribute", ["id", "source"])
async def test_nor_is_it_when_the_event_is_put_off_or_fails(attribute: str, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    event = house.event("trainee-graduated", example("trainee-graduated"), **{attribute: NUMBER})
    late = Admitted([event], 1, late=frozenset({0}))
    (receipt,) = await house.door.take(late, house.callers["hanawon"])
    assert receipt.status == "failed"
    assert "2123456" not in receipt.model_dump_json()

    def fails(*_: Any) -> None:
        raise AssertionError("a fault of ours")

    monkeypatch.setattr(DoorRules, "look", fails)
    (receipt,) = await house.send_all([event])
    assert receipt.status == "failed"
    assert "2123456" not in receipt.model_dump_json()


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("   ", "blank-text"),
        ("\u3000", "blank-text"),
        ("\u2800\u2800", "blank-text"),
        ("---", "blank-text"),
        ("\u200b\u200b", "hidden-characters"),
        ("김\u202e민", "hidden-characters"),
        ("\u2066김민", "hidden-characters"),
        ("ㅤ", "hidden-characters"),
        ("김\x85", "hidden-characters"),
        ("김\ufeff", "hidden-characters"),
        ("김\u2028민", "hidden-characters"),
    ],
)
async def test_a_name_is_text_that_shows(name: str, rule: str) -> None:
    receipt = await House().send("trainee-graduated", _with("identity/name", name))
    assert receipt.problem is not None
    assert [(one.rule, one.field) for one in receipt.problem.errors or ()] == [(rule, "/data/identity/name")]


@pytest.mark.parametrize("name", ["김 민", "Nguyễn Thị", "می\u200cخواهم", "김\u00a0민", "𠮷田", "Ё1"])
def test_names_of_all_scripts_show(name: str) -> None:
    assert shows(name)
    assert not hides(name)


async def test_titles_and_names_of_agencies_too() -> None:
    receipt = await House().send("job-posted", example("job-posted", title="제과\u202e사원"), by="gjf")
    assert receipt.problem is not None
    assert [(one.rule, one.field) for one in receipt.problem.errors or ()] == [("hidden-characters", "/data/title")]
    agency = example("agency-registered", agency="new", name={"ko": " ", "en": "New"})
    agency["keys"] = []
    receipt = await House().send("agency-registered", agency, by="ops")
    assert receipt.problem is not None
    assert receipt.problem.rule == "blank-text"


async def test_what_hides_is_told_beside_everything_else() -> None:
    """A13"""
    data = _with("identity/name", "김\u202e민")
    data |= {"residence": "bad", "education": "work24-2024-education:99"}
    receipt = await House().send("trainee-graduated", data)
    assert receipt.problem is not None
    assert {one.rule for one in receipt.problem.errors or ()} == {"wrong-form", "unknown-code", "hidden-characters"}


async def test_lengths_are_those_of_what_is_seen_and_the_same_text_is_the_same_content() -> None:
    """A name of 80 syllables in decomposed letters (macOS) is no longer than in composed ones."""
    house, data = House(), _with("identity/name", "\u1112\u1161\u11ab" * 80)
    event = house.event("trainee-graduated", data)
    (first,) = await house.send_all([event])
    assert first.status == "accepted"
    (second,) = await house.send_all([{**event, "data": _with("identity/name", "한" * 80)}])
    assert (second.status, second.receipt) == ("duplicate", first.receipt)
    (record,) = house.store.all("identities")
    assert house.dependencies.vault.open(record, "name") == "한" * 80  # type: ignore[arg-type]  # as it is stored
    receipt = await house.send("trainee-graduated", _with("identity/name", "한" * 81))
    assert receipt.problem is not None
    assert receipt.problem.rule == "too-long"
