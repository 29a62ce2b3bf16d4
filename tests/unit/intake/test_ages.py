"""A birth year alone is enough, and nobody is 0 or 126 years old and looks for work."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from shared.screening.age_rules import check_age
from shared.screening.findings import Findings
from tests.unit.intake.memory import House, example, pack

pytestmark = pytest.mark.unit


def _born(given: Any) -> dict[str, Any]:
    data = example("trainee-graduated")
    data["identity"]["birth_date"] = given
    return data


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("1991-03-02", "1991-03-02"),
        ("1991", "1991"),
        ("1991-00-00", "1991"),
        ("1991-00", "1991"),
        (1991, "1991"),
        ("1991-03", "1991-03"),
        ("1991-03-00", "1991-03"),
    ],
)
async def test_the_year_alone_is_enough_and_only_it_travels(given: Any, kept: str) -> None:
    """A10"""
    house = House()
    assert (await house.send("trainee-graduated", _born(given))).status == "accepted"
    assert house.newest.year_of_birth == 1991
    (record,) = house.store.all("identities")
    assert house.dependencies.vault.open(record, "birth_date") == kept


@pytest.mark.parametrize(
    "given", ["91", "1991-13-01", "1991-02-30", "1991-00-02", "1891", 1891, 19910302, True, "", None]
)
async def test_what_is_no_birth_date_is_refused_with_both_forms(given: Any) -> None:
    """A10, A14"""
    receipt = await House().send("trainee-graduated", _born(given))
    assert receipt.problem is not None
    assert (receipt.problem.rule, receipt.problem.field) == ("not-a-date", "/data/identity/birth_date")
    assert "1991-03-02" in receipt.problem.remedy["ko"]
    assert "(1991)" in receipt.problem.remedy["ko"]


@pytest.mark.parametrize(
    ("born", "kinds", "found"),
    [
        ("2026-11-28", ["job"], True),
        ("2024-01-01", ["training"], True),
        ("1900-01-01", ["job"], True),
        ("2011-11-28", ["job"], False),  # fifteen today
        ("2011-11-29", ["job"], True),  # tomorrow
        ("2011-11", ["job"], False),  # perhaps
        ("2011-12", ["job"], True),
        ("2011", ["job"], False),
        ("2012", ["job"], True),
        ("1926-11-28", ["job"], False),  # a hundred
        ("1925-11-28", ["job"], True),
        ("1925", ["job"], False),
        ("1924", ["job"], True),
    ],
)
def test_each_kind_has_its_bounds_and_of_a_year_alone_nobody_is_surely_outside(
    born: str, kinds: list[str], found: bool
) -> None:
    """A11"""
    findings = Findings(pack())
    check_age(born, kinds, "/data/identity/birth_date", findings, date(2026, 11, 28))
    assert [one.rule for one in findings.refusals] == (["age-outside"] if found else [])


async def test_the_answer_names_the_kind_and_its_bounds_and_no_age() -> None:
    """A11"""
    receipt = await House().send("trainee-graduated", _born("1900-01-01"))
    assert receipt.problem is not None
    assert receipt.problem.field == "/data/identity/birth_date"
    assert all(part in receipt.problem.remedy["en"] for part in ("Job", "15", "100"))
    assert "1900" not in receipt.model_dump_json()


async def test_an_update_may_not_want_what_the_year_that_is_held_does_not_allow() -> None:
    """A11"""
    house = House()
    await house.send("trainee-graduated", example("trainee-graduated"))
    held = house.store.all("people")[0]
    held["state"]["year_of_birth"] = 1900
    house.store.put("people", held)
    receipt = await house.send("person-updated", example("person-updated"))
    assert receipt.problem is not None
    assert (receipt.problem.rule, receipt.problem.field) == ("age-outside", "/data/wants/kinds")
