"""What a reason says is true of its value, also where that is not known or comes from elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.domain import explanations
from services.matching.domain.factors import FACTORS, Factor
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


class TestForAndAgainst:
    def test_every_sentence_of_a_factor_says_whether_it_speaks_for_a_pair(self) -> None:
        for one in FACTORS:
            own = f"factor.{one.name}."
            assert {key.removeprefix(own) for key in PACK.sentences.names if key.startswith(own)} <= set(one.speaks)

    def test_work_that_is_far_speaks_against_also_where_it_adds_most(self) -> None:
        found = assessed(job={"occupation": "work24-2024-occupation:611100", "title": "용접원"})
        by_name = {one.factor: one for one in explanations.reasons(found)}
        assert by_name["occupation"].speaks == by_name["title"].speaks == "against"
        assert by_name["certainty"].speaks == "for"

    def test_what_is_not_known_speaks_for_nothing(self) -> None:
        found = assessed({"residence": None, "occupations": []}, {"wage": None})
        said = {one.factor: one.speaks for one in explanations.reasons(found)}
        assert {said[name] for name in ("occupation", "title", "commute", "wage")} == {"open"}

    @given(st.sampled_from(FACTORS), st.floats(0, 1))
    def test_nothing_below_a_third_speaks_for_a_pair_and_nothing_above_two_thirds_against(
        self, factor: Factor, value: float
    ) -> None:
        found = assessed()
        variant = factor.variant(found.person, found.opening, found.context, value)
        if value < 1 / 3 and variant != "new_skills":
            assert factor.speaks[variant] != "for"
        if value >= 2 / 3 and variant != "known_skills":
            assert factor.speaks[variant] != "against"

    @settings(max_examples=40)
    @given(
        st.fixed_dictionaries(
            {"residence": st.sampled_from([None, "legal-dong-2026:41270", "legal-dong-2026:41800"])},
            optional={"occupations": st.just([])},
        ),
        st.fixed_dictionaries(
            {"title": st.sampled_from(["제과제빵원", "직원", "용접원 모집"])}, optional={"wage": st.none()}
        ),
    )
    def test_all_are_told_those_for_it_first_and_they_add_up(self, person: dict[str, Any], job: dict[str, Any]) -> None:
        found = assessed(person, job)
        reasons = explanations.reasons(found)
        order = [("for", "against", "open").index(one.speaks or "open") for one in reasons]
        assert order == sorted(order)
        assert {one.factor for one in reasons} == {one.factor.name for one in found.factors}
        assert sum(one.contribution for one in reasons) == pytest.approx(found.score, abs=1e-9)


@pytest.mark.parametrize("person", [None, NO_WISHES])
@pytest.mark.parametrize("job", [None, {"title": "직원 모집합니다"}, {"title": "직원 모집합니다", "occupation": None}])
def test_no_reason_with_a_known_value_names_something_unknown(person: dict[str, Any], job: dict[str, Any]) -> None:
    found = assessed(person, job)
    unknown = {language: PACK.sentence("word.unknown", language) for language in PACK.languages}
    for result in found.factors:
        if result.value is not None:
            texts = explanations.factor_text(found, result)
            assert not [language for language, text in texts.items() if unknown[language] in text]
