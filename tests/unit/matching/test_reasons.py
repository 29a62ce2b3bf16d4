"""What a reason says is true of its value, also where that is not known or comes from elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from services.matching.domain import explanations
from tests.support.matching import BAKER
from tests.unit.matching.asking import PACK, assessed

pytestmark = pytest.mark.unit
NO_WISHES: dict[str, Any] = {"occupations": []}


def reason(factor: str, person: dict[str, Any] | None = None, job: dict[str, Any] | None = None) -> str:
    """What one factor says in English."""
    found = {one.factor: one.text["en"] for one in explanations.reasons(assessed(person, job))}
    return found[factor]


class TestTitle:
    def test_tells_the_one_occupation_that_was_found_in_it(self) -> None:
        label = PACK.label(assessed().opening.named_occupations[0][0], "en")
        assert reason("title", job={"title": "제과제빵원"}) == (
            f"The title is very close to what is wanted or was learned: {label}."
        )

    def test_says_that_the_code_was_compared_where_it_names_nothing(self) -> None:
        label = PACK.label(BAKER, "en")
        assert reason("title", job={"title": "직원 모집합니다"}) == (
            f"The title does not say what work it is, so its occupation code was compared: {label}."
        )

    def test_without_wishes_it_is_not_the_title_that_says_nothing(self) -> None:
        assert reason("title", NO_WISHES, {"title": "제과제빵원"}) == (
            "What work is wanted is not known yet, so the title cannot be compared."
        )
        assert reason("title", job={"title": "직원 모집합니다", "occupation": None}) == (
            "The title does not say what work it is."
        )


class TestSkills:
    def test_what_helps_and_is_not_there_does_not_help(self) -> None:
        helpful = {"certificates_wanted": ["kr-certificate-2020:7921"]}
        assert reason("skills", job=helpful) == "None of the skills that help is known to be there yet."


@pytest.mark.parametrize("person", [None, NO_WISHES])
@pytest.mark.parametrize("job", [None, {"title": "직원 모집합니다"}, {"title": "직원 모집합니다", "occupation": None}])
def test_no_reason_with_a_known_value_names_something_unknown(person: dict[str, Any], job: dict[str, Any]) -> None:
    found = assessed(person, job)
    unknown = {language: PACK.sentence("word.unknown", language) for language in PACK.languages}
    for result in found.factors:
        if result.value is not None:
            texts = explanations.factor_text(found, result)
            assert not [language for language, text in texts.items() if unknown[language] in text]
