"""Names are text that shows, and what looks like a resident number is refused wherever it stands."""

from __future__ import annotations

from typing import Any

import pytest

from shared.reference import load_pack
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
]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_resident_number_is_seen_however_it_is_written(text: str) -> None:
    assert RefusedNumbers(pack().refused_numbers).stand_in(text)


@pytest.mark.parametrize("text", NO_NUMBER)
def test_other_numbers_are_not_taken_for_one(text: str) -> None:
    assert not RefusedNumbers(pack().refused_numbers).stand_in(text)


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


@pytest.mark.parametrize("attribute", ["id", "subject", "actor"])
async def test_it_is_refused_in_an_attribute_and_not_said_again(attribute: str) -> None:
    house = House()
    receipt = await house.send("trainee-graduated", example("trainee-graduated"), **{attribute: NUMBER})
    assert receipt.problem is not None
    assert (receipt.problem.rule, receipt.problem.field) == ("refused-number", f"/{attribute}")
    assert NUMBER not in receipt.model_dump_json()


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
