"""Every hard condition: yes, no, ask, and its borders."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from services.matching.domain.conditions import CONDITIONS
from shared.reference import available_packs, load_pack
from tests.support.matching import GWANGMYEONG, GYEONGGI, SEOUL, SUWON, TODAY, YEONCHEON
from tests.unit.matching.asking import PACK, answer, assessed, said

pytestmark = pytest.mark.unit
DAY, EVENING, NIGHT = "kr-gyeonggi-1:day", "kr-gyeonggi-1:evening", "kr-gyeonggi-1:night"


class TestAll:
    def test_the_usual_person_fits_the_usual_job(self) -> None:
        assert assessed().state == "eligible"

    def test_every_condition_has_its_sentences_in_every_pack(self) -> None:
        for name in available_packs():
            for condition in CONDITIONS:
                for reply in ("yes", "no", "ask"):
                    assert f"condition.{condition.name.replace('-', '_')}.{reply}" in load_pack(name).sentences.names

    def test_no_pack_has_sentences_of_a_condition_that_is_none(self) -> None:
        known = {condition.name.replace("-", "_") for condition in CONDITIONS}
        for name in available_packs():
            said = {key.split(".")[1] for key in load_pack(name).sentences.names if key.startswith("condition.")}
            assert said == known

    def test_cheap_ones_come_first_and_names_are_not_taken_twice(self) -> None:
        assert [one.cost for one in CONDITIONS] == sorted(one.cost for one in CONDITIONS)
        assert len({one.name for one in CONDITIONS}) == len(CONDITIONS)
        assert CONDITIONS[1].name == "consent"

    def test_a_person_of_whom_nothing_is_known_is_asked_and_not_refused(self) -> None:
        nobody: dict[str, Any] = dict.fromkeys(
            ["year_of_birth", "sex", "residence", "education", "certificates", "occupations", "wants", "has"]
        )
        job = {
            "certificates": ["kr-certificate-2020:7910"],
            "rules": {
                "licences": ["kr-gyeonggi-1:driving-licence"],
                "education_min": "work24-2024-education:03",
                "experience_months": 12,
                "age_min": 18,
                "sex": "female",
                "income_max_percent_of_median": 120,
                "jobless": True,
                "residence": [GYEONGGI],
                "car": True,
            },
        }
        found = assessed({**nobody, "situation": None}, job)
        asked = {one.condition.name for one in found.answers if one.answer.value == "ask"}
        assert found.state == "possible"
        assert asked == {
            "kind", "certificate", "licence", "education", "experience", "age", "sex", "income", "jobless", "region",
        }  # fmt: skip


class TestStanding:
    def test_who_left_does_not_match(self) -> None:
        assert assessed({"status": "left"}).state == "no"

    def test_consent_holds_on_its_last_day_and_not_after(self) -> None:
        until = {"consents": [{"purpose": "matching", "until": "2026-11-22"}]}
        assert answer("consent", until, today=date(2026, 11, 22)) == "yes"
        assert answer("consent", until, today=date(2026, 11, 23)) == "no"

    def test_a_consent_to_something_else_is_none(self) -> None:
        notice = {"consents": [{"purpose": "notice", "recipient": "gjf", "until": "2027-05-15"}]}
        assert answer("consent", notice) == "no"

    def test_without_consent_nothing_else_is_looked_at(self) -> None:
        found = assessed({"consents": []})
        assert [one.condition.name for one in found.answers] == ["active", "consent"]
        assert found.factors == ()


class TestOpening:
    def test_a_closed_one_is_closed(self) -> None:
        assert answer("open", job={"status": "closed"}) == "no"

    def test_the_last_day_counts_also_until_filled(self) -> None:
        assert answer("open", job={"closes": TODAY.isoformat(), "until_filled": True}) == "yes"
        assert answer("open", job={"closes": "2026-11-21", "until_filled": True}) == "no"

    def test_without_a_last_day_it_stays_open(self) -> None:
        assert answer("open", job={"closes": None, "until_filled": True, "starts": "2026-01-01"}) == "yes"
        assert answer("open", job={"closes": None}) == "yes"

    def test_a_programme_without_a_last_day_takes_people_until_it_begins(self) -> None:
        assert answer("open", training={"closes": None, "starts": "2026-11-22"}) == "yes"
        assert answer("open", training={"closes": None, "starts": "2026-11-21"}) == "no"

    @pytest.mark.parametrize(("places", "expected"), [(0, "no"), (1, "yes"), (None, "yes")])
    def test_a_place_must_be_left(self, places: int | None, expected: str) -> None:
        assert answer("places", job={"places": places}) == expected

    @pytest.mark.parametrize(
        ("available", "starts", "expected"),
        [
            ("2026-12", "2026-12-01", "yes"),
            ("2026-12", "2026-11-30", "no"),
            ("2027-01", "2026-12-31", "no"),
            ("2026-12", None, "yes"),
            (None, "2026-11-23", "yes"),
        ],
    )
    def test_the_month_in_which_somebody_is_free_counts_whole(
        self, available: str | None, starts: str | None, expected: str
    ) -> None:
        assert answer("dates", {"wants": {"from": available}}, {"starts": starts}) == expected


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


class TestSchedule:
    @pytest.mark.parametrize(
        ("able", "needed", "expected"),
        [
            ([], [NIGHT], "yes"),
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
            (23, SUWON, "no"),
            (48, GWANGMYEONG, "yes"),
            (47, GWANGMYEONG, "no"),
            (None, YEONCHEON, "yes"),
            (60, None, "ask"),
        ],
    )
    def test_commute_up_to_the_wish(self, wish: int | None, region: str | None, expected: str) -> None:
        assert answer("commute", {"wants": {"commute_minutes": wish}}, {"region": region}) == expected

    def test_a_home_that_is_not_known_is_asked_about(self) -> None:
        assert answer("commute", {"residence": None, "wants": {"commute_minutes": 60}}) == "ask"

    @pytest.mark.parametrize(("benefit", "word"), [("01", "lodging"), ("02", "commuter service")])
    def test_lodging_or_a_bus_turns_a_no_into_a_question(self, benefit: str, word: str) -> None:
        far = {"region": YEONCHEON, "benefits": [f"work24-2024-welfare:{benefit}"]}
        wants = {"wants": {"commute_minutes": 60}}
        assert answer("commute", wants, {"region": YEONCHEON}) == "no"
        assert answer("commute", wants, far) == "ask"
        assert word in said("commute", wants, far)

    def test_a_car_shortens_the_way_and_one_not_asked_for_is_asked_for(self) -> None:
        def car(known: bool | None) -> dict[str, Any]:
            return {"has": {"car": known}, "wants": {"commute_minutes": 40}}

        job = {"region": GWANGMYEONG}  # 48 minutes, 36 by car
        assert answer("commute", car(True), job) == "yes"
        assert answer("commute", car(None), job) == "ask"
        assert answer("commute", car(False), job) == "no"
        assert "With a car" in said("commute", car(None), job)

    @pytest.mark.parametrize(
        ("residence", "expected"), [(SUWON, "yes"), (GYEONGGI, "yes"), (SEOUL, "no"), (None, "ask")]
    )
    def test_a_rule_of_residence_in_the_province(self, residence: str | None, expected: str) -> None:
        rule = {"rules": {"residence": [GYEONGGI]}}
        assert answer("region", {"residence": residence}, rule) == expected

    def test_a_home_known_only_as_a_wider_area_is_asked_about(self) -> None:
        assert answer("region", {"residence": GYEONGGI}, {"rules": {"residence": [SUWON]}}) == "ask"


class TestQualification:
    def test_a_certificate_that_is_not_listed_is_missing(self) -> None:
        needed = {"certificates": ["kr-certificate-2020:care-worker"]}
        assert answer("certificate", job={"certificates": ["kr-certificate-2020:7910"]}) == "yes"
        assert answer("certificate", job=needed) == "no"
        assert answer("certificate", {"certificates": None, "occupations": None}, needed) == "ask"
        assert "Care worker licence" in said("certificate", job=needed)

    @pytest.mark.parametrize(("has", "expected"), [(True, "yes"), (False, "no"), (None, "ask")])
    def test_a_driving_licence(self, has: bool | None, expected: str) -> None:
        rule = {"rules": {"licences": ["kr-gyeonggi-1:driving-licence"]}}
        assert answer("licence", {"has": {"driving_licence": has}}, rule) == expected

    def test_a_certificate_can_prove_a_licence(self) -> None:
        person = {"has": {"driving_licence": None}, "certificates": ["kr-certificate-2020:driving-2-ordinary"]}
        assert answer("licence", person, {"rules": {"licences": ["kr-gyeonggi-1:driving-licence"]}}) == "yes"

    def test_who_does_not_drive_drives_no_lorry_and_who_drives_is_asked(self) -> None:
        rule = {"rules": {"licences": ["kr-gyeonggi-1:driving-licence-large"]}}
        assert answer("licence", {"has": {"driving_licence": False}}, rule) == "no"
        assert answer("licence", {"has": {"driving_licence": True}}, rule) == "ask"
        assert answer("licence", {"certificates": ["kr-certificate-2020:driving-1-large"]}, rule) == "yes"

    @pytest.mark.parametrize(("car", "expected"), [(True, "yes"), (False, "no"), (None, "ask")])
    def test_a_car_of_ones_own_by_rule_or_by_licence_code(self, car: bool | None, expected: str) -> None:
        assert answer("licence", {"has": {"car": car}}, {"rules": {"car": True}}) == expected
        assert answer("licence", {"has": {"car": car}}, {"rules": {"licences": ["kr-gyeonggi-1:own-car"]}}) == expected

    def test_a_permit_that_is_quick_to_get_is_asked_about(self) -> None:
        assert answer("licence", job={"rules": {"licences": ["kr-gyeonggi-1:food-handler"]}}) == "ask"

    @pytest.mark.parametrize(
        ("education", "minimum", "expected"),
        [("03", "03", "yes"), ("02", "03", "no"), ("07", "03", "yes"), (None, "03", "ask"), (None, "00", "yes")],
    )
    def test_education_at_least(self, education: str | None, minimum: str, expected: str) -> None:
        has = None if education is None else f"work24-2024-education:{education}"
        rule = {"rules": {"education_min": f"work24-2024-education:{minimum}"}}
        assert answer("education", {"education": has}, rule) == expected

    @pytest.mark.parametrize(
        ("code", "months", "expected"),
        [
            ("work24-2024-occupation:871100", 12, "yes"),
            ("work24-2024-occupation:871100", 11, "no"),
            ("keco-2018:8712", 12, "yes"),  # three digits shared: related
            ("keco-2018:8811", 60, "no"),
        ],
    )
    def test_months_of_related_experience(self, code: str, months: int, expected: str) -> None:
        person = {"occupations": [{"code": code, "months": months}]}
        assert answer("experience", person, {"rules": {"experience_months": 12}}) == expected


class TestProgramme:
    @pytest.mark.parametrize(
        ("born", "rule", "expected"),
        [
            (2008, {"age_min": 18}, "ask"),  # 17 or 18 in 2026
            (2007, {"age_min": 18}, "yes"),
            (2009, {"age_min": 18}, "no"),
            (1962, {"age_max": 64}, "yes"),
            (1961, {"age_max": 64}, "ask"),  # 64 or 65
            (1960, {"age_max": 64}, "no"),
            (1976, {"age_min": 50, "age_max": 50}, "ask"),
            (None, {"age_min": 18}, "ask"),
        ],
    )
    def test_age_by_the_year_of_birth_alone(self, born: int | None, rule: dict[str, int], expected: str) -> None:
        assert answer("age", {"year_of_birth": born}, {"rules": rule}) == expected

    def test_age_counts_on_the_day_it_begins(self) -> None:
        rule = {"rules": {"age_min": 18}}
        assert answer("age", {"year_of_birth": 2008}, {**rule, "starts": "2027-01-11"}) == "yes"
        assert answer("age", {"year_of_birth": 2009}, {**rule, "starts": "2027-01-11"}) == "ask"

    @pytest.mark.parametrize(("sex", "expected"), [("female", "yes"), ("male", "no"), (None, "ask")])
    def test_sex(self, sex: str | None, expected: str) -> None:
        assert answer("sex", {"sex": sex}, {"rules": {"sex": "female"}}) == expected

    @pytest.mark.parametrize(("percent", "expected"), [(120, "yes"), (121, "no"), (None, "ask")])
    def test_income(self, percent: int | None, expected: str) -> None:
        situation = {"situation": {"income_percent_of_median": percent}}
        assert answer("income", situation, {"rules": {"income_max_percent_of_median": 120}}) == expected

    @pytest.mark.parametrize(("jobless", "expected"), [(True, "yes"), (False, "no"), (None, "ask")])
    def test_jobless(self, jobless: bool | None, expected: str) -> None:
        assert answer("jobless", {"situation": {"jobless": jobless}}, {"rules": {"jobless": True}}) == expected


class TestNeeds:
    @pytest.mark.parametrize(
        ("need", "against", "fine"),
        [
            ("childcare-hours", {"shifts": [NIGHT]}, {"shifts": [DAY]}),
            ("near-home", {"region": GWANGMYEONG}, {"region": SUWON}),
            ("public-transport", {"rules": {"car": True}}, {"rules": {"car": False}}),
            ("lighter-work", {"occupation": "keco-2018:9011"}, {"occupation": "keco-2018:0264"}),
            ("mentor", None, {}),
        ],
    )
    def test_what_goes_against_a_need_is_asked_about(
        self, need: str, against: dict[str, Any] | None, fine: dict[str, Any]
    ) -> None:
        person = {"counselling": {"needs": [f"kr-gyeonggi-1:{need}"]}}
        assert answer("needs", person, fine) == "yes"
        if against is not None:
            assert answer("needs", person, against) == "ask"
            assert PACK.label(f"kr-gyeonggi-1:{need}", "en") in said("needs", person, against)
