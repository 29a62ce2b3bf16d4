"""The search for words that reports compare with: rare words count more, long texts less."""

from __future__ import annotations

import pytest

from services.matching.domain.text_search import TextSearch, words_of_opening, words_of_person
from tests.support.matching import a_job, a_person
from tests.unit.matching.asking import PACK

pytestmark = pytest.mark.unit
CARE = "work24-2024-occupation:550100"


class TestSearch:
    def test_finds_the_wished_work_in_the_title_and_in_the_name_of_the_code(self) -> None:
        by_code, by_title, neither = (
            a_job(1), a_job(2, occupation=None, title="제빵원 구함"), a_job(3, occupation=CARE, title="직원 모집"),
        )  # fmt: skip
        search = TextSearch([by_code, by_title, neither], PACK)
        found = [search.score(a_person(), one.opportunity) for one in (by_code, by_title, neither)]
        assert min(found[:2]) > found[2]

    def test_a_word_that_stands_in_all_of_them_says_less(self) -> None:
        bakeries = [a_job(n, title="제빵") for n in range(1, 9)]
        alone = TextSearch([bakeries[0], *(a_job(n, occupation=CARE, title="돌봄") for n in range(2, 9))], PACK)
        many = TextSearch(bakeries, PACK)
        assert alone.score(a_person(), bakeries[0].opportunity) > many.score(a_person(), bakeries[0].opportunity)

    def test_who_wishes_nothing_finds_nothing(self) -> None:
        nobody = a_person(occupations=[], certificates=[])
        assert words_of_person(nobody, PACK) == ""
        assert TextSearch([a_job(1)], PACK).score(nobody, a_job(1).opportunity) == 0.0

    def test_work_that_is_not_wanted_is_not_searched_for(self) -> None:
        past = a_person(occupations=[{"code": CARE, "months": 24, "interest": 0.2}], certificates=[])
        assert words_of_person(past, PACK) == ""

    def test_an_opening_is_searched_by_its_title_and_codes(self) -> None:
        assert words_of_opening(a_job(1, title="급구"), PACK).startswith("급구 ")
        assert PACK.label("work24-2024-occupation:871100", "ko") in words_of_opening(a_job(1), PACK)
