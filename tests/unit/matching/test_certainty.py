"""How certain a match is: each question that is left open counts by how often it is answered yes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.condition_answer import YES
from services.matching.domain.conditions import CONDITIONS
from services.matching.domain.opening_facts import opening_facts
from services.matching.domain.person_facts import person_facts
from shared.reference.commuting import Way
from tests.support.matching import GWANGMYEONG, GYEONGGI, TODAY, YEONCHEON, a_job, a_person
from tests.unit.matching.asking import PACK, assessed, value
from verification.oracle.factors import floor_met
from verification.oracle.pair import Pair

pytestmark = pytest.mark.unit


class TestCertainty:
    def test_is_full_without_a_question_and_each_question_counts_by_how_often_it_is_answered_yes(self) -> None:
        yes = PACK.matching.answered_yes
        floor = {"wage_min": {"per": "month", "amount": 2_100_000, "currency": "KRW"}}
        assert value("certainty", {"wants": floor}) == 1.0
        person = {"wants": {"shifts": ["kr-gyeonggi-1:day"], **floor}, "education": None}
        job: dict[str, Any] = {"shifts": []}
        assert value("certainty", person, job) == pytest.approx(yes["shifts.ask"])
        job["rules"] = {"education_min": "work24-2024-education:03"}
        assert value("certainty", person, job) == pytest.approx(yes["shifts.ask"] * yes["education.ask_3"])

    def test_pay_counts_by_how_many_floors_it_meets_where_none_is_stated(self) -> None:
        legal = PACK.wage_floor(TODAY) or 0
        for times, share in ((1.0, 0.3), (1.05, 0.45), (1.3, 0.93), (2.0, 1.0)):
            pay = {"wage": {"per": "hour", "minimum": round(legal * times) + 1, "currency": "KRW"}}
            assert value("certainty", {}, pay) == pytest.approx(share)
        assert value("certainty", {}, {"wage": None}) == 1.0

    @pytest.mark.parametrize(
        ("licences", "case"),
        [
            (["food-handler"], "licence.ask_permit"),
            (["food-handler", "driving-licence"], "licence"),
            (["food-handler", "own-car"], "licence"),
            (["driving-licence-large"], "licence"),
        ],
    )
    def test_a_permit_that_no_certificate_proves_is_soon_there(self, licences: list[str], case: str) -> None:
        rules = {"rules": {"licences": [f"kr-gyeonggi-1:{name}" for name in licences]}, "wage": {"minimum": 9_000_000}}
        unknown = {"has": {"driving_licence": None, "car": None}}
        assert value("certainty", unknown, rules) == pytest.approx(PACK.matching.answered_yes[case])

    def test_a_programme_that_names_no_place_may_be_far_away(self) -> None:
        yes, course = PACK.matching.answered_yes, {"kind": "training", "wage": None}
        assert value("certainty", {}, course) == 1.0
        assert value("certainty", {}, {**course, "region": None}) == pytest.approx(yes["commute.unsaid"])
        assert value("certainty", {}, {**course, "region": GYEONGGI}) == pytest.approx(yes["commute.unsaid_area"])

    def test_a_way_that_is_longer_than_a_need_says_is_not_work_that_goes_against_one(self) -> None:
        yes, paid = PACK.matching.answered_yes, {"wage": {"minimum": 9_000_000}}
        near = {"counselling": {"needs": ["kr-gyeonggi-1:near-home", "kr-gyeonggi-1:childcare-hours"]}}
        far = {**paid, "region": GWANGMYEONG}
        assert value("certainty", {**near, "wants": {"commute_minutes": 120}}, far) == pytest.approx(
            yes["needs.ask_way"]
        )
        late = {**far, "shifts": ["kr-gyeonggi-1:night"]}
        worse = {**near, "wants": {"commute_minutes": 120, "shifts": ["kr-gyeonggi-1:night"]}}
        assert value("certainty", worse, late) == pytest.approx(yes["needs"])

    def test_a_title_that_says_other_times_and_hours_beyond_the_law_are_seldom_answered_yes(self) -> None:
        yes, well, day = PACK.matching.answered_yes, {"wage": {"minimum": 9_000_000}}, ["kr-gyeonggi-1:day"]
        late = {**well, "title": "제과제빵원 (야간)"}
        assert value("certainty", {"wants": {"shifts": day}}, late) == pytest.approx(yes["shifts.ask_title"])
        silent = {**late, "shifts": []}
        assert value("certainty", {"wants": {"shifts": day}}, silent) == pytest.approx(yes["shifts.ask_title"])
        assert value("certainty", {}, late) == pytest.approx(yes["shifts.ask_unusual"])
        assert value("certainty", {}, {**well, "hours_per_week": 60}) == pytest.approx(yes["legal-hours"])
        assert yes["shifts.ask_title"] < PACK.matching.likely_from > yes["legal-hours"]  # so they wait for an answer

    def test_times_of_day_that_nobody_says_may_turn_out_otherwise(self) -> None:
        yes, well = PACK.matching.answered_yes, {"wage": {"minimum": 9_000_000}}
        assert value("certainty", {}, {**well, "shifts": []}) == pytest.approx(yes["shifts.unsaid"])
        assert assessed({}, {**well, "shifts": []}).state == "eligible"

    def test_puts_an_opening_behind_others_but_nobody_behind_somebody_else(self) -> None:
        certain, asked = assessed(), assessed({"wants": {"shifts": ["kr-gyeonggi-1:day"]}}, {"shifts": []})
        assert asked.score < certain.score
        assert asked.fit == certain.fit

    def test_the_pack_may_say_it_by_the_reason_of_the_question(self) -> None:
        yes = PACK.matching.answered_yes
        well: dict[str, Any] = {"wage": {"minimum": 9_000_000}}
        night = {**well, "shifts": ["kr-gyeonggi-1:night"]}
        assert value("certainty", {}, night) == pytest.approx(yes["shifts.ask_unusual"])
        busy = {"wants": {"shifts": ["kr-gyeonggi-1:day"]}}
        both = {**well, "shifts": ["kr-gyeonggi-1:day", "kr-gyeonggi-1:night"]}
        assert value("certainty", busy, both) == pytest.approx(yes["shifts.ask_some"])
        lodging = {**well, "region": YEONCHEON, "benefits": ["work24-2024-welfare:01"]}
        assert value("certainty", {}, lodging) == pytest.approx(yes["commute.ask_moving"])
        assert value("certainty", {"residence": None}, lodging) == pytest.approx(yes["commute.ask_anywhere"])
        assert value("certainty", {"residence": None}, well) == pytest.approx(yes["commute"])

    @pytest.mark.parametrize(("wish", "case"), [(23, "ask_mean"), (18, "ask_mean"), (17, "ask_mean_far")])
    def test_a_mean_that_is_too_long_is_less_likely_to_do_the_longer_it_is(self, wish: int, case: str) -> None:
        floor = {"wage_min": {"per": "month", "amount": 2_100_000, "currency": "KRW"}}
        person = {"wants": {"commute_minutes": wish, **floor}}
        assert value("certainty", person) == PACK.matching.answered_yes[f"commute.{case}"]

    @pytest.mark.parametrize(
        ("minutes", "wish", "needs", "case"),
        [
            (54, 60, (), None),
            (55, 60, (), "edge"),
            (61, 60, (), None),  # a no, so nobody asks how likely it is
            (48, None, (), None),
            (49, None, (), "edge_usual"),
            (60, None, (), "edge_usual"),
            (75, None, (), "ask_far"),
            (76, None, (), "ask_farther"),
            (90, None, (), "ask_farther"),
            (32, None, ("kr-gyeonggi-1:childcare-hours",), None),
            (33, None, ("kr-gyeonggi-1:childcare-hours",), "edge_stays"),
            (24, None, ("kr-gyeonggi-1:near-home",), None),  # the own town
            (25, None, ("kr-gyeonggi-1:near-home",), "edge_stays"),
            (50, None, ("kr-gyeonggi-1:childcare-hours",), "ask_far"),
            (51, None, ("kr-gyeonggi-1:childcare-hours",), "ask_farther"),
        ],
    )
    def test_a_way_near_its_limit_may_turn_out_too_long(
        self, minutes: int, wish: int | None, needs: tuple[str, ...], case: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(AssessmentContext, "way_of", lambda *_: Way(minutes, minutes))
        rule = next(one for one in CONDITIONS if one.name == "commute")
        who = a_person(wants={"commute_minutes": wish}, counselling={"needs": needs}, has={"car": False})
        person, opening, context = person_facts(who, PACK), opening_facts(a_job(), PACK), AssessmentContext(PACK, TODAY)
        assert rule.case(person, opening, context, rule.answer(person, opening, context)) == case


class TestThePayThatMeetsAFloorNobodyStated:
    """10,320 won an hour is the law's floor of 2026; for 209 hours a month floating point has a little less."""

    @pytest.mark.parametrize(
        ("pay", "expected"),
        [(10_320.0, 0.3), (10_319.999999999998, 0.3), (10_319.0, 0.0), (10_732.8, 0.45), (14_242.0, 1.0)],
    )
    def test_is_a_step_of_the_pack_and_below_the_first_nobodys(
        self, pay: float, expected: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        person, opening = a_person(), opening_facts(a_job(), PACK)
        rule = next(one for one in CONDITIONS if one.name == "wage-floor")
        facts, context = replace(opening, hourly_min=pay, hourly_max=pay), AssessmentContext(PACK, TODAY)
        assert rule.chance(person_facts(person, PACK), facts, context, YES) == expected
        monkeypatch.setattr(Pair, "hourly", lambda _: (pay, pay))
        assert floor_met(Pair(person, a_job(), PACK, TODAY)) == expected

    def test_where_the_pack_says_nothing_of_floors_it_is_certain(self) -> None:
        silent = replace(PACK, matching=PACK.matching.model_copy(update={"usual_floors": ()}))
        person, opening = a_person(), a_job(wage={"per": "hour", "minimum": 9_000})
        rule = next(one for one in CONDITIONS if one.name == "wage-floor")
        facts, context = opening_facts(opening, silent), AssessmentContext(silent, TODAY)
        assert rule.chance(person_facts(person, silent), facts, context, YES) == 1.0
        assert floor_met(Pair(person, opening, silent, TODAY)) == 1.0
