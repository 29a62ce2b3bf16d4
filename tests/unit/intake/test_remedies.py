"""What to do about a refusal: a sentence for every rule in every pack, the likely name, an example of the field."""

from __future__ import annotations

import ast
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from shared.reference import available_packs, load_pack
from shared.screening.door_rules import DoorRules
from tests.unit.intake.memory import House, example

pytestmark = pytest.mark.unit


@pytest.fixture
def house() -> House:
    return House()


# names that are put together, or come from the form
MADE = """
code-replaced code-split not-a-date too-few too-large too-short too-small unknown-value vetted-employer-blocked
vetted-employer-number vetted-employer-unlicensed vetted-no-longer-open vetted-not-a-job vetted-other vetted-wrong-terms
"""
ON_THE_BUS_ONLY = {"unreadable-header"}
ROOTS = ("services/intake", "shared/screening", "shared/events", "shared/files")


def said() -> set[str]:
    """The rules that stand as words in ``Refusal("rule", ...)``, ``findings.add("rule", "/field")`` and ``warn``."""
    files = chain(*(Path(root).rglob("*.py") for root in ROOTS))
    calls = (call for file in files for call in ast.walk(ast.parse(file.read_text("utf-8"))))
    found = set[str]()
    for call in calls:
        if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant):
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            if name == "Refusal" or (name in ("add", "warn") and len(call.args) > 1):
                found.add(str(call.args[0].value))
    return found - ON_THE_BUS_ONLY


async def test_a_refused_and_a_failed_event_have_titles(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    (refused,) = await house.send_all([{}])

    def fails(*_: Any) -> None:
        raise AssertionError("a fault of ours")

    monkeypatch.setattr(DoorRules, "look", fails)
    (failed,) = await house.send_all([house.event("job-posted", example("job-posted"))])
    for receipt, korean in ((refused, "이대로는 받을 수 없습니다"), (failed, "저희 쪽에서 오류가 났습니다")):
        assert receipt.problem is not None
        assert receipt.problem.titles == {"ko": korean, "en": receipt.problem.title}
        assert receipt.problem.details is None


class TestRemedies:
    @pytest.mark.parametrize("name", available_packs())
    @pytest.mark.parametrize("rule", sorted({*said(), *MADE.split()}))
    def test_every_pack_has_a_sentence_of_its_own_for_every_rule(self, name: str, rule: str) -> None:
        assert f"remedy.{rule.replace('-', '_')}" in load_pack(name).sentences.names

    @pytest.mark.parametrize("name", available_packs())
    @pytest.mark.parametrize("rule", ["unknown-field", "unknown-title", "unknown-attribute"])
    def test_names_what_may_have_been_meant_and_asks_for_nothing_where_nothing_is_like_it(
        self, name: str, rule: str
    ) -> None:
        pack = load_pack(name)
        for language in pack.languages:
            assert "wage_min" in pack.remedy(rule, "/data", {"nearest": "wage_min"})[language]
            plain = pack.remedy(rule, "/data", {})[language]
            assert plain != pack.remedy("wrong-form", "/data", {})[language]
            assert not plain.rstrip().endswith(("?", ":", "-"))

    @pytest.mark.parametrize(
        ("change", "field", "told"),
        [
            ({"time": "2026-11-20T09:00:00"}, "/time", "2026-11-20T09:00:00+09:00"),
            ({"sequence": "x"}, "/sequence", "7"),
            ({"type": "job-close"}, "/type", "job-closed"),
            ({"type": "☃"}, "/type", "GET /schemas"),
            ({"data": {"reference": "김 8841", "reason": "filled"}}, "/data/reference", "HW-8841"),
            ({"data": {"reference": "a", "reason": 7}}, "/data/reason", "filled"),
            ({"type": "job-posted", "data": example("job-posted", occupation="제과원")}, "/data/occupation", "871100"),
            (
                {"type": "job-posted", "data": example("job-posted", occupation="work24-2024-occupation:871109")},
                "/data/occupation",
                "work24-2024-occupation:871100 (",
            ),
        ],
    )
    async def test_of_a_wrong_form_says_the_form_itself_with_an_example(
        self, house: House, change: dict[str, Any], field: str, told: str
    ) -> None:
        """A14, A18"""
        event = house.event("job-closed", {"reference": "a", "reason": "filled"}, "gjf")
        (receipt,) = await house.send_all([{**event, **change}], "gjf")
        assert receipt.problem is not None
        assert receipt.problem.field == field
        assert all(told in sentence for sentence in (receipt.problem.remedy or {}).values())

    async def test_of_an_amount_in_quotes_says_without(self, house: House) -> None:
        data = example("job-posted")
        data["wage"] = {**data["wage"], "minimum": "2500000"}
        receipt = await house.send("job-posted", data, by="gjf")
        assert receipt.problem is not None
        assert (receipt.problem.field, "2500000" in (receipt.problem.remedy or {})["ko"]) == (
            "/data/wage/minimum",
            True,
        )

    def test_a_rule_without_a_sentence_gets_the_general_one(self) -> None:
        pack = load_pack("kr-gyeonggi")
        assert pack.remedy("no-such-rule", "/data", {}) == pack.remedy("wrong-form", "/data", {})
        assert pack.remedy("too-small", "/data", {"ge": 5})["en"].endswith("Please use 5 or more.")

    async def test_a_name_that_stands_elsewhere_is_told_with_its_place(self, house: House) -> None:
        event = house.event("person-enrolled", example("person-enrolled", name="하늘보리"), "hanawon")
        (receipt,) = await house.send_all([event], "hanawon")
        assert receipt.problem is not None
        assert (receipt.problem.field, receipt.problem.rule) == ("/data", "unknown-field")
        assert all("identity.name" in sentence for sentence in (receipt.problem.remedy or {}).values())

    def test_a_wrong_value_is_told_the_words_of_tables(self) -> None:
        said = load_pack("kr-gyeonggi").remedy(
            "unknown-value", "/data/wage/per", {"expected": "'hour', 'day' or 'month'"}
        )
        assert "hour (시급), day (일급), month (월급)" in said["ko"]
        assert " or " not in said["ko"]

    @pytest.mark.parametrize("rule", ["missing-field", "datetime-from-date-parsing", "timezone-aware"])
    @pytest.mark.parametrize("name", available_packs())
    def test_a_time_in_an_address_is_told_with_its_escape(self, name: str, rule: str) -> None:
        assert all("%2B" in said for said in load_pack(name).remedy(rule, "/query/as_of", {}).values())
