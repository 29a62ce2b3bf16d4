"""What a sentence says is so: where nothing is asked for, or nothing said, none claims that it fits."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Any

import pytest

from services.matching.domain import explanations
from services.matching.domain.assessment_context import AssessmentContext
from shared.reference.codes import Entry
from tests.support.matching import TODAY
from tests.unit.matching.asking import DAY, PACK, assessed

pytestmark = pytest.mark.unit
TRAINING: dict[str, Any] = {"kind": "training", "wage": None, "employment": None, "shifts": None, "region": None}
PAY = {"per": "month", "minimum": 3_400_000, "currency": "KRW"}


def week(**bounds: int) -> dict[str, Any]:
    return {"wants": {"hours_per_week": bounds}}


def said(name: str, person: dict[str, Any], job: dict[str, Any]) -> str:
    found = assessed(person, job)
    text = explanations.condition_text(found, next(one for one in found.answers if one.condition.name == name))
    assert text["ko"] != text["en"]
    return text["en"]


@pytest.mark.parametrize(
    ("condition", "person", "job", "expected"),
    [
        ("places", {}, {"places": None}, "How many places there are is not stated."),
        ("places", {}, {"places": 2}, "There are places left."),
        ("minimum-wage", {}, TRAINING, "This is not paid work, so no minimum wage holds."),
        (
            "minimum-wage", {}, {"wage": None},
            "No wage is stated; by law it is at least the minimum (KRW 10,320 an hour).",
        ),
        ("wage-floor", {}, TRAINING, "This is not paid work."),
        ("wage-floor", {}, {}, "No least pay is wanted. Offered: per month KRW 2,500,000."),
        ("dates", {}, {"starts": None}, "When it begins is not stated."),
        ("shifts", {}, {"shifts": None}, "The time of day is not stated."),
        ("shifts", {"wants": {"shifts": [DAY]}}, TRAINING, "The time of day is not stated."),
        ("hours", week(max=30), {}, "The hours a week do not fit. Possible: 30 or fewer, needed: 40."),
        ("hours", week(min=45), {}, "The hours a week do not fit. Possible: 45 or more, needed: 40."),
        ("hours", week(min=20, max=30), {}, "The hours a week do not fit. Possible: 20 to 30, needed: 40."),
        ("hours", {}, {"hours_per_week": None}, "The hours a week are not stated."),
        ("employment", {}, {}, "No type of contract is preferred. Offered: Contract without fixed term."),
        ("employment", {}, TRAINING, "No contract of employment comes with it."),
        ("jobless", {"situation": {"jobless": False}}, {}, "Having a job is no obstacle."),
        ("income", {"situation": {"income_percent_of_median": 300}}, {}, "There is no limit of income."),
        ("sex", {}, {}, "It is for women and men."),
        ("age", {"year_of_birth": None}, {}, "There is no age rule."),
        (
            "age", {"year_of_birth": None}, {"rules": {"age_max": 34}},
            "Please ask about the year of birth. Age rule: 34 or younger.",
        ),
        ("education", {}, {}, "No schooling is asked for."),
        ("experience", {}, {}, "No experience is asked for."),
        ("region", {}, {}, "It does not matter where somebody lives."),
        ("commute", {}, TRAINING, "No place is named."),
        (
            "excluded-employer", {"wants": {"not_to": ["employer:111-22-33333"]}}, {"employer": {"number": None}},
            "The employer's number is not stated, so it may be one that is to be avoided. Please check first.",
        ),
    ],
)  # fmt: skip
def test_of_a_condition(condition: str, person: dict[str, Any], job: dict[str, Any], expected: str) -> None:
    assert said(condition, person, job) == expected


@pytest.mark.parametrize(
    ("person", "job", "expected"),
    [
        ({}, {"wage": PAY}, ("for", "It pays well: per month KRW 3,400,000.")),
        ({}, {"wage": PAY | {"minimum": 2_800_000}}, ("for", "It pays about what is usual: per month KRW 2,800,000.")),
        (
            {"wants": {"wage_min": {"per": "month", "amount": 2_200_000, "currency": "KRW"}}}, {"wage": PAY},
            ("for", "It pays well above what is wanted: per month KRW 3,400,000."),
        ),
        ({}, TRAINING, ("open", "This is not paid work.")),
    ],
)  # fmt: skip
def test_of_the_pay(person: dict[str, Any], job: dict[str, Any], expected: tuple[str, str]) -> None:
    reasons = explanations.reasons(assessed(person, job))
    assert next((one.speaks, one.text["en"]) for one in reasons if one.factor == "wage") == expected


def test_what_two_codes_name_alike_is_said_once_also_without_a_translation() -> None:
    """ "Tax accountant" is a unit group and an occupation of two lists."""
    codes = ("keco-2018:0232", "work24-2024-occupation:023200")
    untranslated = copy(PACK.lists)
    untranslated.entries = {code: Entry(code, ("occupation",), {"ko": "세무사"}) for code in codes}
    for lists, expected in ((PACK.lists, "Tax accountant"), (untranslated, "0232 세무사")):
        context = AssessmentContext(replace(PACK, lists=lists), TODAY)
        assert [context.labels(codes, language) for language in ("ko", "en")] == ["세무사", expected]
