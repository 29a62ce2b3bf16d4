"""What is asked of the person: the conditions of `qualification`, `programme` and `needs`, with their borders."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.matching import GWANGMYEONG, SUWON
from tests.unit.matching.asking import DAY, NIGHT, PACK, answer, assessed, said

pytestmark = pytest.mark.unit
AIDE, TRUCK = "work24-2024-occupation:307500", "work24-2024-occupation:622301"
CAR = "kr-certificate-2020:driving-2-ordinary"


def chance(person: dict[str, Any], job: dict[str, Any]) -> float:
    """How likely the question is answered yes."""
    found = assessed(person, job)
    result = next(one for one in found.answers if one.condition.name == "usual-certificate")
    return result.condition.chance(found.person, found.opening, found.context, result.answer)


class TestQualification:
    def test_a_certificate_that_is_not_listed_is_missing(self) -> None:
        needed = {"certificates": ["kr-certificate-2020:care-worker"]}
        assert answer("certificate", job={"certificates": ["kr-certificate-2020:7910"]}) == "yes"
        assert answer("certificate", job=needed) == "no"
        assert answer("certificate", {"certificates": None, "occupations": None}, needed) == "ask"
        assert "Care worker licence" in said("certificate", job=needed)

    @pytest.mark.parametrize(
        ("person", "job", "expected"),
        [
            ({}, {}, "ask"),
            ({"certificates": ["kr-certificate-2020:nursing-assistant"]}, {}, "yes"),
            ({"occupations": [{"code": "work24-2024-occupation:307501", "months": 1}]}, {}, "yes"),  # who worked has it
            ({"occupations": [{"code": AIDE, "months": 0, "interest": 1.0}]}, {}, "ask"),
            ({"occupations": [{"code": "keco-2018:3040", "months": 24}]}, {}, "ask"),
            ({}, {"certificates": ["kr-certificate-2020:7910"]}, "yes"),  # who says what is needed is believed
            ({}, {"certificates_wanted": ["kr-certificate-2020:nursing-assistant"]}, "yes"),
            ({}, {"kind": "training"}, "yes"),
            ({}, {"occupation": "work24-2024-occupation:871100"}, "yes"),
            ({}, {"occupation": "work24-2024-occupation:550104"}, "ask"),
            ({}, {"occupation": "work24-2024-occupation:550102"}, "yes"),  # of the same group, and needs none
            ({"has": {"driving_licence": False}}, {"occupation": TRUCK}, "ask"),
            ({"has": {"driving_licence": True}}, {"occupation": TRUCK}, "yes"),
            ({"has": {"driving_licence": None}, "certificates": [CAR]}, {"occupation": TRUCK}, "yes"),
        ],
    )
    def test_what_work_usually_needs_is_asked_about_where_the_advert_does_not_say(
        self, person: dict[str, Any], job: dict[str, Any], expected: str
    ) -> None:
        assert answer("usual-certificate", person, {"occupation": AIDE, **job}) == expected

    def test_a_licence_that_nobody_asked_for_is_likelier_than_one_that_is_not_listed(self) -> None:
        yes, driver = PACK.matching.answered_yes, {"occupation": TRUCK, "wage": {"minimum": 9_000_000}}
        asked = {has: chance({"has": {"driving_licence": has}}, driver) for has in (None, False)}
        assert asked == {None: yes["usual-certificate.ask_driving"], False: yes["usual-certificate"]}
        assert "Nursing assistant licence" in said("usual-certificate", job={"occupation": AIDE})

    @pytest.mark.parametrize(
        ("held", "title", "expected"),
        [
            (["care-worker"], "요양보호사 양성과정", "ask"),
            (["care-worker"], "제과제빵 과정", "yes"),
            ([], "요양보호사 양성과정", "yes"),
            (["7937"], "미용사(일반) 국가자격", "yes"),  # it names other certificates of hairdressers as well
            (["7937", "7947", "7957"], "미용사(일반) 국가자격", "ask"),
        ],
    )
    def test_a_training_for_what_somebody_has_is_asked_about(self, held: list[str], title: str, expected: str) -> None:
        person = {"certificates": [f"kr-certificate-2020:{code}" for code in held]}
        assert answer("already-held", person, training={"title": title}) == expected
        assert answer("already-held", person, {"title": title}) == "yes"

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
        drives = {"has": {"driving_licence": False}, "certificates": ["kr-certificate-2020:driving-2-ordinary"]}
        assert answer("licence", drives, rule) == "ask"  # what a certificate says is so

    @pytest.mark.parametrize(("car", "expected"), [(True, "yes"), (False, "no"), (None, "ask")])
    def test_a_car_of_ones_own_by_rule_or_by_licence_code(self, car: bool | None, expected: str) -> None:
        assert answer("licence", {"has": {"car": car}}, {"rules": {"car": True}}) == expected
        assert answer("licence", {"has": {"car": car}}, {"rules": {"licences": ["kr-gyeonggi-1:own-car"]}}) == expected

    @pytest.mark.parametrize("car", [True, None])
    def test_a_car_is_of_no_use_to_who_is_known_not_to_drive(self, car: bool | None) -> None:
        has, rule = {"car": car, "driving_licence": False}, {"rules": {"car": True}}
        proof = ["kr-certificate-2020:driving-2-ordinary"]
        assert answer("licence", {"has": has}, rule) == "no"
        assert answer("licence", {"has": has, "certificates": proof}, rule) == ("yes" if car else "ask")
        assert answer("licence", {"has": {**has, "driving_licence": None}}, rule) == ("yes" if car else "ask")

    def test_a_permit_that_is_quick_to_get_is_asked_about(self) -> None:
        assert answer("licence", job={"rules": {"licences": ["kr-gyeonggi-1:food-handler"]}}) == "ask"

    @pytest.mark.parametrize(
        ("education", "minimum", "expected"),
        [
            ("03", "03", "yes"),
            ("02", "03", "no"),
            ("07", "03", "yes"),
            (None, "03", "ask"),
            (None, "00", "yes"),
            ("00", "03", "ask"),
        ],
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
            ("childcare-hours", {"title": "제과제빵원 3교대"}, {"title": "제과제빵원 (야간 없음)"}),
            ("childcare-hours", {"title": "제과제빵원 주말"}, {"title": "제과제빵원 (주말 휴무)"}),
            ("near-home", {"region": GWANGMYEONG}, {"region": SUWON}),
            ("public-transport", {"rules": {"car": True}}, {"rules": {"car": False}}),
            ("lighter-work", {"occupation": "keco-2018:9011"}, {"occupation": "keco-2018:0264"}),
            ("mentor", None, {}),
        ],
    )
    def test_what_goes_against_a_need_is_asked_about(
        self, need: str, against: dict[str, Any] | None, fine: dict[str, Any]
    ) -> None:
        person = {"counselling": {"needs": [f"kr-gyeonggi-1:{need}"]}, "wants": {"commute_minutes": 120}}
        assert answer("needs", person, fine) == "yes"
        if against is not None:
            assert answer("needs", person, against) == "ask"
            assert PACK.label(f"kr-gyeonggi-1:{need}", "en") in said("needs", person, against)

    def test_a_way_is_asked_about_once(self) -> None:
        """Who states no wish, or a shorter one than the way, is asked by `commute` already."""
        near = {"counselling": {"needs": ["kr-gyeonggi-1:near-home"]}, "residence": "legal-dong-2026:11110"}
        seoul = {"region": "legal-dong-2026:11140"}  # 40 minutes, on average
        for wish, way, need in ((None, "ask", "yes"), (30, "ask", "yes"), (40, "yes", "ask"), (60, "yes", "ask")):
            person = {**near, "wants": {"commute_minutes": wish}}
            assert (answer("commute", person, seoul), answer("needs", person, seoul)) == (way, need)
