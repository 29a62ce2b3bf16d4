"""By which groups figures are told apart."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.matching import a_person
from verification.evaluation.groups import groups_of
from verification.evaluation.truth import Seeker

pytestmark = pytest.mark.unit


def seeker(age: int = 40, education: int = 3, region: str = "41110", shown: Any = None, **changes: Any) -> Seeker:
    given = {"woman": True, "childcare": False, "whim": 1, **changes}
    return Seeker(shown=shown or a_person(), age=age, education=education, region=region, **given)


def test_every_age_and_schooling_has_a_band() -> None:
    ages = [groups_of(seeker(age))["age"] for age in (18, 29, 30, 44, 45, 59, 60, 80)]
    assert ages == [*["below_30"] * 2, *["30_to_44"] * 2, *["45_to_59"] * 2, *["from_60"] * 2]
    schools = [groups_of(seeker(education=level))["education"] for level in range(1, 8)]
    assert schools == ["middle_school", "middle_school", "high_school", "college", *["university"] * 3]


def test_where_somebody_lives_and_what_they_care_for() -> None:
    assert [groups_of(seeker(region=code))["region"] for code in ("41110", "11500", "26350")] == [
        "gyeonggi", "seoul", "other_provinces",
    ]  # fmt: skip
    mother = groups_of(seeker(childcare=True, kinds=frozenset({"job", "training"})))
    assert (mother["sex"], mother["childcare"], mother["kinds"]) == ("women", "childcare", "more_than_jobs")


def test_the_work_that_is_wished_most() -> None:
    care, baking = "work24-2024-occupation:550100", "work24-2024-occupation:871100"
    both = a_person(occupations=[{"code": care, "interest": 0.6}, {"code": baking, "interest": 0.9}])
    past = a_person(occupations=[{"code": care, "months": 24, "interest": 0.1}],
                    counselling={"interests": ["keco-2018:62"]})  # fmt: skip
    nothing = a_person(occupations=[])
    assert [groups_of(seeker(shown=one))["wish"] for one in (both, past, nothing)] == [
        "wish_8", "wish_6", "wish_not_said",
    ]  # fmt: skip
