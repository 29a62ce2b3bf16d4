"""Names are text that shows, and what looks like a resident number is refused in every field."""

from __future__ import annotations

from typing import Any

import pytest

from services.intake.request_admission import Admitted
from shared.screening.door_rules import DoorRules
from shared.screening.text_rules import hides, shows
from tests.unit.intake.memory import House, example

pytestmark = pytest.mark.unit
NUMBER = "910302-2123456"


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
    assert house.dependencies.vault.open(record, "name") == "한" * 80
    receipt = await house.send("trainee-graduated", _with("identity/name", "한" * 81))
    assert receipt.problem is not None
    assert receipt.problem.rule == "too-long"
