"""What to ask a person first."""

from __future__ import annotations

from typing import Any

import pytest

from services.matching.domain.explanations import first_question_text
from services.matching.domain.first_questions import MISSING, FirstQuestion, first_questions
from services.matching.domain.person_facts import person_facts
from shared.reference import available_packs, load_pack
from tests.support.matching import a_person
from tests.unit.matching.asking import PACK

pytestmark = pytest.mark.unit


def asked(*conditions: tuple[str, ...], **person: Any) -> list[FirstQuestion]:
    return first_questions(person_facts(a_person(**person), PACK), conditions)


def test_one_answer_that_decides_several_is_asked_first() -> None:
    matches = (("commute", "shifts"), ("commute",), (), ("commute", "shifts"), ("places",))
    without = {"residence": None, "wants": {"kinds": ["job"]}}
    assert asked(*matches, **without) == [FirstQuestion("residence", 3, 5), FirstQuestion("times", 2, 5)]


def test_what_is_known_of_the_person_or_decides_a_single_one_is_not() -> None:
    day = {"wants": {"kinds": ["job"], "shifts": ["kr-gyeonggi-1:day"]}}
    assert asked(("shifts",), ("shifts",), **day) == []  # the adverts do not say: only the employers can
    assert asked(("commute",), (), residence=None) == []
    assert asked((), residence=None) == asked(residence=None) == []


def test_on_which_the_only_one_hangs_is_asked() -> None:
    assert asked(("commute",), residence=None) == [FirstQuestion("residence", 1, 1)]


def test_only_the_best_ten_count() -> None:
    assert asked(*[()] * 9, ("commute",), ("commute",), residence=None) == []
    assert asked(*[()] * 8, ("commute",), ("commute",), residence=None) == [FirstQuestion("residence", 2, 10)]


@pytest.mark.parametrize("name", available_packs())
def test_every_question_can_be_said(name: str) -> None:
    pack = load_pack(name)
    for one in MISSING:
        assert set(first_question_text(FirstQuestion(one.what, 4, 5), pack)) == set(pack.languages)
    if name == "kr-gyeonggi":
        said = first_question_text(FirstQuestion("residence", 4, 5), pack)["en"]
        assert said == "Ask first: where the person lives. Of the 5 openings that fit best this decides: 4."
