"""What to ask a person first."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from services.matching.domain.assessment import assess, assess_pair
from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.diversification import chosen
from services.matching.domain.explanations import first_question_text
from services.matching.domain.first_questions import MISSING, FirstQuestion, first_questions
from services.matching.domain.opening_facts import opening_facts
from services.matching.domain.person_facts import person_facts
from shared.events.topics.opportunities import Opportunity
from shared.reference import available_packs, load_pack
from tests.support.matching import GYEONGGI, SEOUL, SUWON, TODAY, a_job, a_person, a_training
from tests.unit.matching.asking import DAY, NIGHT, PACK

pytestmark = pytest.mark.unit


def asked(*openings: Opportunity, **person: Any) -> list[tuple[str, int, int]]:
    who = a_person(**person)
    return [tuple(one) for one in first_questions(assess_pair(who, one, PACK, TODAY) for one in openings)]


def jobs(number: int, first: int = 1, **changes: Any) -> list[Opportunity]:
    """Of different employers."""
    return [a_job(first + n, **changes) for n in range(number)]


def test_one_answer_that_decides_several_is_asked_first() -> None:
    night, free = jobs(2, shifts=[NIGHT]), a_training(9)
    assert asked(*night, a_job(3), free, residence=None) == [("residence", 3, 4), ("times", 2, 4)]


def test_what_is_known_of_the_person_or_decides_a_single_one_is_not() -> None:
    assert asked(*jobs(2)) == []
    assert asked(a_job(1), a_training(9), residence=None) == []
    assert asked(a_training(9), residence=None) == asked(residence=None) == []


def test_on_which_the_only_one_hangs_is_asked() -> None:
    assert asked(a_job(), residence=None) == [("residence", 1, 1)]


class TestCountsOnlyWhereAnAnswerSettlesSomething:
    """What the advert does not say no person can answer."""

    def test_no_place(self) -> None:
        without = jobs(3, region=None)
        assert asked(*without) == asked(*without, has={"car": None}) == asked(*without, residence=None) == []

    def test_a_place_that_is_known_too_roughly_to_tell_the_way(self) -> None:
        assert asked(*jobs(3), residence=GYEONGGI) == [("residence", 3, 3)]
        assert asked(*jobs(3, region=SEOUL), residence=GYEONGGI) == []  # no place is tried that is not theirs
        of_city = [a_training(n, title=f"과정 {n}", region=None, rules={"residence": [SUWON]}) for n in range(2)]
        assert asked(*of_city, residence=GYEONGGI) == [("residence", 2, 2)]
        assert asked(*of_city, *jobs(3, 5), residence=SUWON) == []

    def test_no_times(self) -> None:
        assert asked(*jobs(2, shifts=None), wants={"shifts": [DAY]}) == []
        assert asked(*jobs(2, shifts=[NIGHT, "work24-2024-shift:99"])) == []
        assert asked(*jobs(2, title="제과제빵원 (야간)")) == [("times", 2, 2)]

    def test_the_way(self) -> None:
        far, unknown = jobs(2, region=SEOUL), jobs(2, 5, region=None)
        assert asked(*far, *unknown) == [("way", 2, 4)]

    def test_a_car_that_is_needed(self) -> None:
        needed = jobs(2, rules={"car": True})
        assert asked(*needed, has={"car": None}) == [("car", 2, 2)]

    def test_who_turns_out_not_to_drive_has_no_use_for_a_car(self) -> None:
        needed = jobs(2, rules={"car": True})
        assert asked(*needed, has={"car": None, "driving_licence": None}) == [("car", 2, 2), ("licence", 2, 2)]

    def test_a_licence_that_a_certificate_proves_is_not_asked_for(self) -> None:
        large = jobs(2, rules={"licences": ["kr-gyeonggi-1:driving-licence-large"]})
        proof = ["kr-certificate-2020:driving-2-ordinary"]
        assert asked(*large, has={"driving_licence": None}) == [("licence", 2, 2)]
        assert asked(*large, has={"driving_licence": None}, certificates=proof) == []

    def test_where_a_programme_is_for_people_of_an_area(self) -> None:
        of_area = [a_training(n, title=f"과정 {n}", rules={"residence": [GYEONGGI]}) for n in range(2)]
        assert asked(*of_area, residence=None) == [("residence", 2, 2)]

    @pytest.mark.parametrize(
        ("what", "job", "person"),
        [
            ("licence", {"rules": {"licences": ["kr-gyeonggi-1:driving-licence"]}}, {"has": {"driving_licence": None}}),
            ("education", {"rules": {"education_min": "work24-2024-education:03"}}, {"education": None}),
            ("situation", {"rules": {"jobless": True}}, {"situation": {"jobless": None}}),
            ("situation", {"rules": {"income_max_percent_of_median": 60}}, {"situation": None}),
            ("kinds", {}, {"wants": None}),
            ("birth", {"rules": {"age_max": 34}}, {"year_of_birth": None}),
            ("birth", {"rules": {"age_min": 34}}, {"year_of_birth": None}),
            ("sex", {"rules": {"sex": "female"}}, {"sex": None}),
            ("skills", {"certificates": ["kr-certificate-2020:7910"]}, {"certificates": None, "occupations": None}),
            ("skills", {"rules": {"experience_months": 6}}, {"certificates": None, "occupations": None}),
        ],
    )
    def test_a_rule(self, what: str, job: dict[str, Any], person: dict[str, Any]) -> None:
        assert asked(*jobs(2, **job), **person) == [(what, 2, 2)]
        assert asked(*jobs(2, **job), year_of_birth=1980) == []


class TestWhatWaitsWithoutAQuestion:
    """Nothing asks, and yet an opening waits: what nobody said mostly turns out otherwise."""

    FLOOR: ClassVar = {"per": "hour", "minimum": 10_320, "maximum": None}  # the legal one

    def test_pay_at_the_legal_floor_where_no_least_pay_is_stated(self) -> None:
        low = jobs(3, wage=self.FLOOR)
        assert asked(*low) == [("pay", 3, 3)]
        assert asked(*low, wants={"wage_min": {"per": "hour", "amount": 10_320, "currency": "KRW"}}) == []
        assert asked(*low, *jobs(5, 10)) == [("pay", 3, 8)]
        asks = jobs(3, wage=self.FLOOR, shifts=None)  # that the advert states no times is for the employer to answer
        assert asked(*asks, wants={"shifts": [DAY]}) == [("pay", 3, 3)]

    def test_who_has_none_that_is_likely_is_asked_and_the_answer_lets_them_stand(self) -> None:
        adverts = [opening_facts(one, PACK) for one in jobs(3, wage=self.FLOOR)]

        def stand(**person: Any) -> int:
            who, context = person_facts(a_person(**person), PACK), AssessmentContext(PACK, TODAY)
            pool = [(one, assess(who, one, context).score) for one in adverts]
            return len(chosen(who, pool, context))

        assert stand() == 0
        assert stand(wants={"wage_min": {"per": "hour", "amount": 10_320, "currency": "KRW"}}) == 3


def test_of_nearly_the_same_adverts_one_counts() -> None:
    copies = [a_job(n, employer={"number": "111-22-33333"}) for n in range(1, 10)]
    assert asked(*copies, residence=None) == [("residence", 1, 1)]
    assert asked(*copies, a_training(9), a_job(20), residence=None) == [("residence", 2, 3)]


def test_only_the_best_ten_count() -> None:
    free = [a_training(n, title=f"과정 {n}") for n in range(10)]
    assert asked(*free[:9], *jobs(2), residence=None) == []
    assert asked(*free[:8], *jobs(3), residence=None) == [("residence", 2, 10)]


def test_what_may_not_match_is_not_counted() -> None:
    assert asked(*jobs(2, kind="support"), a_job(7), residence=None) == [("residence", 1, 1)]


@pytest.mark.parametrize("name", available_packs())
def test_every_question_can_be_said(name: str) -> None:
    pack = load_pack(name)
    for one in MISSING:
        assert set(first_question_text(FirstQuestion(one.what, 4, 5), pack)) == set(pack.languages)
    if name == "kr-gyeonggi":
        said = first_question_text(FirstQuestion("residence", 4, 5), pack)["en"]
        assert said == "Ask first: where the person lives. Of the 5 openings with the highest scores this decides: 4."
