"""What a person wants of the work: the conditions of `wishes`, `wages`, `schedule` and `place`, with their borders."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.support.matching import ANSAN, GWANGMYEONG, GYEONGGI, SEOUL, SIHEUNG, SUWON, YEONCHEON
from tests.unit.matching.asking import DAY, EVENING, NIGHT, answer, assessed, said

pytestmark = pytest.mark.unit


class TestWishes:
    def test_a_kind_that_is_wanted(self) -> None:
        assert answer("kind", {"wants": {"kinds": ["training"]}}) == "no"
        assert answer("kind", {"wants": {"kinds": ["job"]}}) == "yes"
        assert answer("kind", {"wants": None}) == "ask"

    @pytest.mark.parametrize(
        ("avoided", "employer", "expected"),
        [
            ("employer:111-22-33333", {"name": "x", "number": "1112233333"}, "no"),
            ("employer:1112233333", {"name": "x", "number": "111-22-33333"}, "no"),
            ("employer:999-99-99999", {"name": "x", "number": "111-22-33333"}, "yes"),
            ("employer:111-22-33333", None, "ask"),
            ("employer:111-22-33333", {"name": "x", "number": None}, "ask"),
        ],
    )
    def test_an_employer_ruled_out_is_never_told_however_the_number_is_written(
        self, avoided: str, employer: dict[str, Any] | None, expected: str
    ) -> None:
        assert answer("excluded-employer", {"wants": {"not_to": [avoided]}}, {"employer": employer}) == expected

    def test_nobody_is_asked_about_employers_who_rules_none_out(self) -> None:
        assert answer("excluded-employer", job={"employer": None}) == "yes"
        assert answer("excluded-employer", {"wants": {"not_to": ["employer:1-2-3"]}}, training={}) == "yes"

    def test_another_contract_than_wanted_is_a_question(self) -> None:
        wants = {"wants": {"employment": ["work24-2024-employment:10"]}}
        assert answer("employment", wants) == "yes"
        assert answer("employment", wants, {"employment": "work24-2024-employment:20"}) == "ask"
        assert answer("employment", wants, {"employment": None}) == "ask"
        assert answer("employment", wants, training={}) == "yes"


def wage(per: str, minimum: int, maximum: int | None = None) -> dict[str, Any]:
    """A change of the usual job: won for this unit of time."""
    return {"wage": {"per": per, "minimum": minimum, "maximum": maximum, "currency": "KRW"}}


class TestMinimumWage:
    """2026: 10,320 won an hour, 2,156,880 a month of 209 paid hours."""

    @pytest.mark.parametrize(
        ("job", "expected"),
        [
            (wage("hour", 10_320), "yes"),
            (wage("hour", 10_319), "no"),
            (wage("month", 2_156_880), "yes"),
            (wage("month", 2_156_879), "no"),
            (wage("day", 82_560), "yes"),
            (wage("day", 82_559), "no"),
            (wage("year", 25_882_560), "yes"),
            (wage("year", 25_882_000), "no"),
            ({**wage("month", 1_078_440), "hours_per_week": 20}, "yes"),
            ({**wage("month", 1_078_440), "hours_per_week": 21}, "no"),
            ({**wage("day", 41_280), "hours_per_week": 20}, "yes"),  # four hours
            ({**wage("day", 41_280), "hours_per_week": 20, "hours_per_day": 5}, "no"),
            ({"wage": None}, "yes"),
            ({"kind": "internship", **wage("hour", 9_000)}, "no"),
        ],
    )
    def test_paid_work_under_the_floor_never_matches(self, job: dict[str, Any], expected: str) -> None:
        assert answer("minimum-wage", job=job) == expected

    def test_an_allowance_of_a_training_is_no_wage(self) -> None:
        assert answer("minimum-wage", training=wage("month", 300_000)) == "yes"

    def test_past_the_end_of_the_table_the_last_floor_holds_for_floors_do_not_fall(self) -> None:
        person = {"consents": [{"purpose": "matching", "until": "2029-05-15"}]}
        for today in (date(2027, 1, 1), date(2028, 12, 31)):
            assert assessed(person, {"closes": None}, today=today).state == "eligible"
            assert answer("minimum-wage", person, {"closes": None, **wage("hour", 10_319)}, today=today) == "no"

    def test_a_day_before_the_table_is_a_question_and_no_crash(self) -> None:
        assert answer("minimum-wage", job={"closes": None}, today=date(2010, 1, 1)) == "ask"


class TestWageFloor:
    @staticmethod
    def floor(per: str, amount: int) -> dict[str, Any]:
        return {"wants": {"wage_min": {"per": per, "amount": amount, "currency": "KRW"}}}

    @pytest.mark.parametrize(
        ("amount", "job", "expected"),
        [
            (2_500_000, {}, "yes"),
            (2_500_001, {}, "no"),
            (2_500_001, wage("month", 2_500_000, 2_600_000), "ask"),
            (2_600_001, wage("month", 2_500_000, 2_600_000), "no"),
            (2_500_000, wage("hour", 12_000), "yes"),  # 209 hours: 2,508,000
            (2_500_000, wage("hour", 11_900), "no"),  # 2,487,100
            (2_500_000, {"wage": None}, "ask"),
        ],
    )
    def test_a_month_is_measured_by_a_months_pay(self, amount: int, job: dict[str, Any], expected: str) -> None:
        assert answer("wage-floor", self.floor("month", amount), job) == expected

    def test_half_the_hours_at_the_same_hourly_pay_are_half_the_money(self) -> None:
        part_time = {**wage("month", 1_250_000), "hours_per_week": 20}
        assert answer("wage-floor", self.floor("month", 2_000_000), part_time) == "no"
        assert answer("wage-floor", self.floor("hour", 11_900), part_time) == "yes"

    def test_no_floor_or_no_paid_work_is_a_yes(self) -> None:
        assert answer("wage-floor", job={"wage": None}) == "yes"
        assert answer("wage-floor", self.floor("month", 9_000_000), training={}) == "yes"

    def test_the_question_names_what_is_offered(self) -> None:
        text = said("wage-floor", self.floor("month", 2_550_000), wage("month", 2_500_000, 2_600_000))
        assert "2,500,000" in text
        assert "2,550,000" in text


WEEKEND = "kr-gyeonggi-1:weekend"


class TestSchedule:
    @pytest.mark.parametrize(
        ("able", "needed", "expected"),
        [
            ([], [NIGHT], "ask"),  # nobody asked yet, and it is not usual
            ([], [DAY], "yes"),
            ([], ["work24-2024-shift:2", "work24-2024-shift:99"], "yes"),
            ([DAY], [DAY], "yes"),
            ([DAY], [NIGHT], "no"),
            ([DAY], [DAY, NIGHT], "ask"),
            ([DAY], [], "ask"),
            ([DAY], ["work24-2024-shift:1"], "yes"),  # the morning is the day
            ([DAY], ["work24-2024-shift:6"], "no"),  # afternoon to evening needs both
            ([DAY, EVENING], ["work24-2024-shift:6"], "yes"),
            (["work24-2024-shift:6"], [EVENING], "yes"),
            ([DAY], ["work24-2024-shift:99"], "ask"),  # 'other' says nothing
            ([DAY], [NIGHT, "work24-2024-shift:99"], "ask"),
        ],
    )
    def test_shifts(self, able: list[str], needed: list[str], expected: str) -> None:
        assert answer("shifts", {"wants": {"shifts": able}}, {"shifts": needed}) == expected

    @pytest.mark.parametrize(
        ("able", "stated", "title", "expected"),
        [
            ([DAY], [DAY], "택배 상하차 야간", "ask"),
            ([], [DAY], "생산직 (3조2교대)", "ask"),
            ([], [], "빌딩 청소 새벽", "ask"),
            ([DAY, NIGHT], [DAY], "택배 상하차 야간", "yes"),
            ([NIGHT], [DAY], "택배 상하차 야간", "no"),  # the fields say a no, and nobody denies it
            ([EVENING], [EVENING], "주방 야간", "yes"),  # who states such times is believed
            ([DAY], [DAY], "사무원 (주말·야간 근무 없음)", "yes"),
            ([DAY], [DAY], "주·야간보호센터 요양보호사", "yes"),
            ([DAY], [DAY], "카페 직원 (교대역)", "yes"),
            ([DAY], [DAY], "카페 직원 (주말)", "ask"),
            ([DAY, WEEKEND], [DAY], "카페 직원 (주말)", "yes"),
            ([DAY], [DAY, WEEKEND], "카페 직원", "ask"),
            ([DAY], [DAY], "생산직 주간전담 (야간수당 별도)", "yes"),
            ([DAY], [DAY], "생산직 (야간) 초보 가능, 경력 무관", "ask"),
        ],
    )
    def test_what_only_the_title_says_of_times_is_asked_about(
        self, able: list[str], stated: list[str], title: str, expected: str
    ) -> None:
        assert answer("shifts", {"wants": {"shifts": able}}, {"shifts": stated, "title": title}) == expected

    def test_says_what_the_title_and_what_the_fields_say(self) -> None:
        text = said("shifts", {"wants": {"shifts": [DAY]}}, {"title": "제과제빵원 (야간)"})
        assert text.startswith("By its title it is at other times (Night) than are stated (Day).")
        silent = said("shifts", {}, {"title": "제과제빵원 (야간)", "shifts": []})
        assert "(not known yet)" in silent
        assert silent.endswith("Possible: not known yet.")

    def test_a_course_in_the_evening_by_its_title_is_asked_about(self) -> None:
        evening = {"title": "요양보호사 양성과정 (야간반)"}
        assert answer("shifts", {"wants": {"shifts": [DAY]}}, training=evening) == "ask"
        assert answer("shifts", {"wants": {"shifts": [DAY, EVENING]}}, training=evening) == "yes"

    @pytest.mark.parametrize(("hours", "expected"), [(40, "yes"), (52, "yes"), (53, "ask"), (80, "ask"), (None, "yes")])
    def test_more_hours_than_the_law_allows_as_a_rule(self, hours: int | None, expected: str) -> None:
        assert answer("legal-hours", job={"hours_per_week": hours}) == expected
        assert answer("legal-hours", job={"kind": "training", "hours_per_week": hours, "wage": None}) == "yes"

    def test_says_what_the_law_allows(self) -> None:
        assert said("legal-hours", job={"hours_per_week": 64}).startswith(
            "64 hours a week are stated; the law allows 52 "
        )

    def test_a_training_that_says_nothing_about_the_time_of_day_fits(self) -> None:
        assert answer("shifts", {"wants": {"shifts": [DAY]}}, training={}) == "yes"

    @pytest.mark.parametrize(
        ("wanted", "offered", "expected"),
        [
            ({"max": 40}, 40, "yes"),
            ({"max": 39}, 40, "no"),
            ({"min": 40}, 40, "yes"),
            ({"min": 41}, 40, "no"),
            ({"max": 40}, None, "yes"),  # full time is meant
            ({"max": 20}, None, "ask"),
            (None, 60, "yes"),
        ],
    )
    def test_hours(self, wanted: dict[str, int] | None, offered: int | None, expected: str) -> None:
        assert answer("hours", {"wants": {"hours_per_week": wanted}}, {"hours_per_week": offered}) == expected


class TestPlace:
    @pytest.mark.parametrize(
        ("wish", "region", "expected"),
        [
            (24, SUWON, "yes"),
            (23, SUWON, "ask"),  # 24 minutes are the town's mean
            (5, SUWON, "ask"),
            (63, GWANGMYEONG, "yes"),
            (62, GWANGMYEONG, "no"),
            (None, SUWON, "yes"),
            (None, GWANGMYEONG, "ask"),  # longer than usual
            (None, YEONCHEON, "no"),  # 192 minutes, and no lodging
            (60, None, "ask"),
            (None, None, "ask"),
        ],
    )
    def test_commute_up_to_the_wish(self, wish: int | None, region: str | None, expected: str) -> None:
        assert answer("commute", {"wants": {"commute_minutes": wish}}, {"region": region}) == expected

    @pytest.mark.parametrize(
        ("title", "would", "expected"),
        [
            ("전자부품 조립원 (기숙사 제공)", True, "yes"),
            ("전자부품 조립원, 숙식제공", None, "ask"),
            ("전자부품 조립원 (기숙사 제공)", False, "no"),
            ("기숙사 조리원", True, "no"),
            ("전자부품 조립원 (기숙사 제공 없음)", True, "no"),
        ],
    )
    def test_lodging_that_only_the_title_names_is_there(self, title: str, would: bool | None, expected: str) -> None:
        assert answer("commute", {"wants": {"lodging": would}}, {"region": YEONCHEON, "title": title}) == expected

    def test_a_bus_that_only_the_title_names_is_there(self) -> None:
        person = {"wants": {"commute_minutes": 50}}
        assert answer("commute", person, {"region": GWANGMYEONG, "title": "포장 (통근버스 운행)"}) == "ask"
        assert answer("commute", person, {"region": GWANGMYEONG, "title": "통근버스 운전기사"}) == "no"

    @pytest.mark.parametrize(
        ("kind", "home", "region", "expected"),
        [
            ("consulting", SUWON, GYEONGGI, "yes"),
            ("training", SUWON, GYEONGGI, "yes"),
            ("job", SUWON, GYEONGGI, "ask"),  # to paid work somebody goes every day
            ("consulting", SUWON, SEOUL, "ask"),
            ("consulting", None, GYEONGGI, "ask"),
        ],
    )
    def test_a_programme_somewhere_around_the_home_is_one_that_names_no_place(
        self, kind: str, home: str | None, region: str, expected: str
    ) -> None:
        assert answer("commute", {"residence": home}, {"kind": kind, "region": region}) == expected

    @pytest.mark.parametrize(("wish", "expected"), [(36, "yes"), (35, "ask"), (15, "ask"), (14, "no")])
    def test_between_towns_that_touch_only_a_mean_is_known(self, wish: int, expected: str) -> None:
        person = {"residence": ANSAN, "wants": {"commute_minutes": wish}}
        assert answer("commute", person, {"region": SIHEUNG}) == expected

    def test_a_mean_above_the_wish_is_asked_about_and_said_to_be_one(self) -> None:
        near = {"wants": {"commute_minutes": 20}}
        assert "on average about 24 minutes" in said("commute", near)
        for benefit, word in (("01", "on average"), ("02", "commuter service")):  # nobody moves within the town
            assert word in said("commute", near, {"benefits": [f"work24-2024-welfare:{benefit}"]})
        by_car = {"residence": ANSAN, "has": {"car": None}, "wants": {"commute_minutes": 30}}
        assert "With a car" in said("commute", by_car, {"region": SIHEUNG})  # 27 minutes

    def test_a_need_makes_a_shorter_way_usual(self) -> None:
        needs = {"counselling": {"needs": ["kr-gyeonggi-1:childcare-hours"]}}
        near = {"region": "legal-dong-2026:41130"}  # 53 minutes
        assert answer("commute", {}, near) == "yes"
        assert answer("commute", needs, near) == "ask"
        assert answer("commute", needs | {"wants": {"commute_minutes": 60}}, near) == "yes"

    def test_a_way_that_would_mean_moving_is_asked_about_in_other_words(self) -> None:
        assert "longer than usual" in said("commute", {}, {"region": SEOUL})
        busan = {"region": "legal-dong-2026:26000"}
        assert "too far for who does not live there" in said("commute", {}, busan)
        assert "moving" in said("commute", {}, busan | {"benefits": ["work24-2024-welfare:01"]})

    def test_a_home_that_is_not_known_is_asked_about(self) -> None:
        assert answer("commute", {"residence": None, "wants": {"commute_minutes": 60}}) == "ask"

    @pytest.mark.parametrize(
        ("wants", "needs", "expected"),
        [
            ({"lodging": True}, [], "yes"),
            ({"lodging": True, "commute_minutes": 20}, [], "yes"),  # that is for when she goes home
            ({"lodging": True}, ["kr-gyeonggi-1:childcare-hours"], "yes"),  # she says so herself
            ({"lodging": False}, [], "no"),
            ({"lodging": False, "commute_minutes": 42}, [], "no"),
            ({}, ["kr-gyeonggi-1:childcare-hours"], "no"),
            ({}, [], "ask"),
        ],
    )
    def test_who_would_live_there_does_who_would_not_does_not_and_whoever_was_not_asked_is(
        self, wants: dict[str, Any], needs: list[str], expected: str
    ) -> None:
        busan = {"region": "legal-dong-2026:26000", "benefits": ["work24-2024-welfare:01"]}
        person = {"wants": wants, "counselling": {"needs": needs}}
        assert answer("commute", person, busan) == expected
        assert answer("commute", person, {"region": "legal-dong-2026:26000"}) == "no"  # there is nowhere to live
        assert ("There is lodging" in said("commute", person, busan)) == (expected == "yes")

    def test_who_would_live_there_need_not_be_close_to_home(self) -> None:
        near = {"counselling": {"needs": ["kr-gyeonggi-1:near-home"]}}
        lodging = {"region": GWANGMYEONG, "benefits": ["work24-2024-welfare:01"]}
        for said_so, expected in ((None, "ask"), (False, "ask"), (True, "yes")):
            person = near | {"wants": {"commute_minutes": 120, "lodging": said_so}}
            assert answer("needs", person, lodging) == expected

    def test_who_would_live_there_may_come_from_anywhere(self) -> None:
        lodging = {"region": YEONCHEON, "benefits": ["work24-2024-welfare:01"]}
        assert answer("commute", {"residence": None, "wants": {"lodging": True}}, lodging) == "yes"
        assert answer("commute", {"residence": None, "wants": {"lodging": False}}, lodging) == "ask"

    @pytest.mark.parametrize(("benefit", "word"), [("01", "lodging"), ("02", "commuter service")])
    def test_lodging_or_a_bus_turns_a_no_into_a_question(self, benefit: str, word: str) -> None:
        far = {"region": GWANGMYEONG, "benefits": [f"work24-2024-welfare:{benefit}"]}  # 63 minutes
        wants = {"wants": {"commute_minutes": 42}}
        assert answer("commute", wants, {"region": GWANGMYEONG}) == "no"
        assert answer("commute", wants, far) == "ask"
        assert word in said("commute", wants, far)
        assert answer("commute", {"wants": {"commute_minutes": 41}}, far) == "no"  # more than half as long again

    @pytest.mark.parametrize("benefit", ["01", "02"])
    @pytest.mark.parametrize("need", ["childcare-hours", "near-home"])
    def test_neither_helps_somebody_whose_need_bounds_the_way(self, need: str, benefit: str) -> None:
        far = {"region": GWANGMYEONG, "benefits": [f"work24-2024-welfare:{benefit}"]}
        needs = {"counselling": {"needs": [f"kr-gyeonggi-1:{need}"]}}
        assert answer("commute", needs | {"wants": {"commute_minutes": 42}}, far) == "no"
        assert answer("commute", needs, far | {"region": "legal-dong-2026:26000"}) == "no"
        other = {"counselling": {"needs": ["kr-gyeonggi-1:lighter-work"]}}
        assert answer("commute", other | {"wants": {"commute_minutes": 42}}, far) == "ask"

    def test_a_car_shortens_the_way_and_one_not_asked_for_is_asked_for(self) -> None:
        def car(known: bool | None) -> dict[str, Any]:
            return {"has": {"car": known}, "wants": {"commute_minutes": 50}}

        job = {"region": GWANGMYEONG}  # 63 minutes, 47 by car
        assert answer("commute", car(True), job) == "yes"
        assert answer("commute", car(None), job) == "ask"
        assert answer("commute", car(False), job) == "no"
        assert "With a car" in said("commute", car(None), job)

    def test_no_way_is_by_car_for_who_is_known_not_to_drive(self) -> None:
        job = {"region": GWANGMYEONG}  # 63 minutes, 47 by car
        for car in (True, None):
            has = {"car": car, "driving_licence": False}
            assert answer("commute", {"has": has, "wants": {"commute_minutes": 50}}, job) == "no"

    @pytest.mark.parametrize(
        ("residence", "expected"), [(SUWON, "yes"), (GYEONGGI, "yes"), (SEOUL, "no"), (None, "ask")]
    )
    def test_a_rule_of_residence_in_the_province(self, residence: str | None, expected: str) -> None:
        rule = {"rules": {"residence": [GYEONGGI]}}
        assert answer("region", {"residence": residence}, rule) == expected

    def test_a_home_known_only_as_a_wider_area_is_asked_about(self) -> None:
        assert answer("region", {"residence": GYEONGGI}, {"rules": {"residence": [SUWON]}}) == "ask"
