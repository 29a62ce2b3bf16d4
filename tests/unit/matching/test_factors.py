"""Every soft factor: what makes it high or low, and what makes it unknown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.matching.domain import explanations
from services.matching.domain.assessment import assess_pair, band_of, check_weights
from services.matching.domain.factors import FACTORS
from services.matching.domain.factors.base import level
from services.matching.domain.opening_facts import opening_facts
from services.matching.rules_digest import model_digest
from shared.reference import available_packs, load_pack
from tests.support.matching import BAKER, CARE, GWANGMYEONG, SEOUL, SUWON, TODAY, YEONCHEON, a_job, a_person, a_training
from tests.unit.matching.asking import PACK, assessed, value

pytestmark = pytest.mark.unit


class TestTheModelOfAPack:
    @pytest.mark.parametrize(
        ("name", "version", "digest"),
        [
            ("kr-gyeonggi", "kr-gyeonggi-weights-14", "ef09094a46ef1eb4e960c2c5"),
            ("xx-island", "xx-island-weights-11", "1efc51cee638287013277207"),
        ],
    )
    def test_has_a_version_of_its_own(self, name: str, version: str, digest: str) -> None:
        """Fails when numbers of the ranking change. Then a new `weights_version` goes in the pack, and both here."""
        assert (load_pack(name).weights_version, model_digest(load_pack(name))) == (version, digest)

    def test_has_another_digest_with_another_number(self) -> None:
        other = replace(PACK, matching=PACK.matching.model_copy(update={"threshold": 0.21}))
        assert model_digest(other) != model_digest(PACK)


class TestScore:
    def test_contributions_add_up_to_it(self) -> None:
        found = assessed({"wants": {"commute_minutes": 77}}, {"region": GWANGMYEONG})
        assert found.score == pytest.approx(sum(one.contribution for one in explanations.reasons(found)), abs=1e-9)
        assert 0 < found.score < 1

    def test_what_is_not_known_of_somebody_is_neutral(self) -> None:
        nobody = dict.fromkeys(("residence", "certificates", "courses", "occupations"))
        found = assessed({**nobody, "wants": {"kinds": ["job"]}})
        said = [one for one in found.factors if not one.factor.is_unsaid(opening_facts(a_job(), PACK))]
        counting = {one.factor.name: one.contribution / one.share for one in said if one.value is None}
        assert counting == pytest.approx(dict.fromkeys(("commute", "occupation", "skills", "title"), 0.5), abs=1e-4)

    def test_what_an_advert_does_not_say_is_taken_for_ordinary(self) -> None:
        nothing: dict[str, Any] = {"title": "직원 모집합니다"} | dict.fromkeys(
            ("occupation", "wage", "region", "employment")
        )
        found = assessed(job=nothing)
        values = {one.factor.name: one.value for one in found.factors}
        assert values == {"certainty": PACK.matching.answered_yes["commute"]} | {
            one.name: None for one in FACTORS if one.name != "certainty"
        }
        counting = {one.factor.name: one.contribution / one.share for one in found.factors if one.value is None}
        ordinary = {name: PACK.matching.unsaid.get(name, 0.5) for name in counting}
        assert counting == pytest.approx(ordinary, abs=1e-4)
        assert 0 < ordinary["occupation"] < 0.5

    def test_growth_that_is_not_wanted_shares_its_weight_out(self) -> None:
        found, wanted = assessed({"wants": {"growth": False}}), assessed()
        weights = {name: weight for name, weight in PACK.weights.items() if name != "growth"}
        assert {one.factor.name for one in found.factors} == set(weights)
        before = {one.factor.name: one.contribution for one in wanted.factors}
        for one in found.factors:
            assert one.contribution == pytest.approx(before[one.factor.name] / sum(weights.values()), abs=2e-6)

    def test_all_packs_have_weights_for_the_factors_there_are(self) -> None:
        for name in available_packs():
            check_weights(load_pack(name))
        wrong = PACK.matching.model_copy(update={"weights": {"occupation": 1.0}})
        with pytest.raises(ValueError, match="weights must be for"):
            check_weights(replace(PACK, matching=wrong))

    @pytest.mark.parametrize(
        ("score", "band"), [(0.75, "high"), (0.749999, "medium"), (0.58, "medium"), (0.579999, "low")]
    )
    def test_a_border_belongs_to_the_higher_band(self, score: float, band: str) -> None:
        assert band_of(score, PACK) == band

    def test_every_level_has_its_sentence_in_every_pack(self) -> None:
        levels = {level(known) for known in (None, 0.0, 1 / 3, 2 / 3, 1.0)}
        assert levels == {"unknown", "weak", "some", "strong"}
        for name in available_packs():
            keys = {f"factor.{factor.name}.{one}" for factor in FACTORS for one in levels}
            assert keys <= set(load_pack(name).sentences.names)


class TestOccupation:
    @pytest.mark.parametrize(
        ("known", "expected"),
        [
            ({"code": BAKER, "months": 24, "interest": 1.0}, 1.0),
            ({"code": BAKER, "months": 0, "interest": 0.5}, 0.75),
            ({"code": BAKER, "months": 24, "interest": 0.1}, 0.12),  # an unwanted past does not pull its like
            ({"code": BAKER, "months": 12, "interest": 0.5}, 0.825),
            ({"code": BAKER, "months": 36, "interest": 0.5}, 0.9),
            ({"code": "keco-2018:8712", "months": 0, "interest": 1.0}, 0.65),
            ({"code": CARE, "months": 0, "interest": 1.0}, 0.0),
        ],
    )
    def test_nearness_times_wish_and_months(self, known: dict[str, Any], expected: float) -> None:
        assert value("occupation", {"occupations": [known]}) == pytest.approx(expected)

    def test_work_that_is_no_longer_wanted_does_not_speak_for_more_of_it(self) -> None:
        assert value("occupation", {"occupations": [{"code": BAKER, "months": 60, "interest": 0.0}]}) is None

    @pytest.mark.parametrize(
        ("interest", "expected"),
        [("keco-2018:87", 0.75), ("keco-2018:8", 0.525), ("keco-2018:8712", 0.65), ("keco-2018:53", 0.0)],
    )
    def test_an_opening_inside_a_group_of_interest_is_what_was_meant(self, interest: str, expected: float) -> None:
        person = {"occupations": None, "counselling": {"interests": [interest]}}
        assert value("occupation", person) == pytest.approx(expected)

    @pytest.mark.parametrize(("interest", "expected"), [(0.5, 0.625), (0.4, 0.75)])
    def test_a_wish_inside_the_group_says_which_part_is_meant(self, interest: float, expected: float) -> None:
        other = {"code": "keco-2018:8732", "months": 0, "interest": interest}  # also food, far from baking
        person = {"occupations": [other], "counselling": {"interests": ["keco-2018:87"]}}
        assert value("occupation", person) == pytest.approx(expected)

    def test_without_a_code_the_title_says_what_work_it_is(self) -> None:
        assert value("occupation", job={"occupation": None, "title": "제과제빵원 과정"}) == pytest.approx(1.0)
        assert (value("occupation", job={"occupation": None, "title": "제과제빵 과정"}) or 0) > 0.7
        assert value("occupation", training={"title": "요양보호사 양성과정"}) == 0.0
        assert value("occupation", training={"title": "첫걸음 과정"}) is None

    def test_without_either_what_is_taught_says_it(self) -> None:
        def course(title: str, taught: str) -> float | None:
            return value("occupation", training={"title": title, "teaches": [f"ncs-2026:{taught}"]})

        assert course("첫걸음 과정", "21") == pytest.approx(0.5)  # food processing: the group of a baker
        assert course("첫걸음 과정", "19") == pytest.approx(0.05)  # electrics: not more than another trade of industry
        # a name that what is taught contradicts was not meant: this is no purchasing of electronics
        assert course("전기·전자 과정", "21") == pytest.approx(0.5)
        assert course("제과제빵원 양성", "21") == pytest.approx(1.0)


class TestTitle:
    @pytest.mark.parametrize("title", ["제과제빵원", "★제과·제빵원★ 급구", "[수원] 제과 제빵원(주5일)", "제빵원모집"])
    def test_names_an_occupation_however_it_is_written(self, title: str) -> None:
        assert value("title", job={"title": title, "occupation": CARE}) == pytest.approx(1.0)
        assert value("title", job={"title": "요양 보호사 구함", "occupation": BAKER}) == pytest.approx(0.0)

    def test_that_names_nothing_leaves_the_code(self) -> None:
        assert value("title", job={"title": "직원 모집합니다"}) == pytest.approx(1.0)
        assert value("title", job={"title": "직원 모집합니다", "occupation": None}) is None

    def test_that_names_what_was_learned_counts_as_an_interest_does(self) -> None:
        care = {"certificates": ["kr-certificate-2020:care-worker"]}
        assert value("title", care, {"title": "요양보호사 구함"}) == pytest.approx(0.75)


class TestWage:
    @pytest.mark.parametrize(
        ("hourly", "floor", "expected"),
        [
            (10_320, None, 0.0),
            (15_634, None, 1.0),  # a quarter above 2,614,000 / 209
            (12_977, None, 0.5),
            (12_977, 12_977, 0.0),
            (30_000, 12_000, 1.0),
        ],
    )
    def test_from_the_floor_to_well_above_todays_average(self, hourly: int, floor: int | None, expected: float) -> None:
        wants = {"wage_min": None if floor is None else {"per": "hour", "amount": floor, "currency": "KRW"}}
        job = {"wage": {"per": "hour", "minimum": hourly, "currency": "KRW"}}
        assert value("wage", {"wants": wants}, job) == pytest.approx(expected, abs=1e-3)

    def test_what_is_not_paid_work_has_no_wage(self) -> None:
        assert value("wage", training={"wage": {"per": "month", "minimum": 300_000, "currency": "KRW"}}) is None


class TestCommute:
    @pytest.mark.parametrize(
        ("wish", "region", "expected"),
        [
            (24, SUWON, 0.2),
            (20, SUWON, 0.2),
            (48, SUWON, 0.6),
            (None, SUWON, 0.68),
            (63, GWANGMYEONG, 0.2),
            (None, YEONCHEON, 0.0),
        ],
    )
    def test_falls_evenly_to_the_persons_own_limit(self, wish: int | None, region: str, expected: float) -> None:
        assert value("commute", {"wants": {"commute_minutes": wish}}, {"region": region}) == pytest.approx(expected)

    def test_a_mean_that_is_too_long_is_open_and_counts_as_a_way_that_just_will_do(self) -> None:
        found = assessed({"wants": {"commute_minutes": 20}})
        said = next(one for one in explanations.reasons(found) if one.factor == "commute")
        assert (said.speaks, said.text["en"].startswith("On average about 24 minutes")) == ("open", True)
        seoul = {"residence": SEOUL, "counselling": {"needs": ["kr-gyeonggi-1:near-home"]}}
        nobody_wished = explanations.reasons(assessed(seoul, {"region": SEOUL}))
        assert not any("희망" in one.text["ko"] for one in nobody_wished if one.factor == "commute")
        assert value("commute", seoul, {"region": SEOUL}) == pytest.approx(0.2)  # 40 minutes, where 30 are usual

    def test_lodging_makes_no_way_shorter_unless_they_would_live_there(self) -> None:
        lodging = {"region": YEONCHEON, "benefits": ["work24-2024-welfare:01"]}
        assert value("commute", job=lodging) == value("commute", {"wants": {"lodging": False}}, lodging) == 0.0
        assert value("commute", {"wants": {"lodging": True}}, lodging) == 1.0
        assert value("commute", {"wants": {"lodging": True}}, {"region": YEONCHEON}) == 0.0
        assert value("certainty", {"wants": {"lodging": True}}, lodging) == value("certainty")
        placeless = {"region": None, "benefits": ["work24-2024-welfare:01"]}  # saying yes never makes it less likely
        wanted, unsaid = (value("certainty", {"wants": {"lodging": said}}, placeless) for said in (True, None))
        assert wanted is not None
        assert unsaid is not None
        assert wanted > unsaid

    def test_a_place_that_is_not_known(self) -> None:
        assert value("commute", job={"region": None}) is None

    def test_a_need_makes_a_shorter_way_usual(self) -> None:
        needs = {"counselling": {"needs": ["kr-gyeonggi-1:childcare-hours"]}}
        assert value("commute", needs) == pytest.approx(1 - 0.8 * 24 / 40)


class TestSkills:
    def test_the_share_of_what_helps_by_weight_shrunk_to_neutral(self) -> None:
        job = {
            "certificates_wanted": ["kr-certificate-2020:7910"],
            "courses_wanted": ["ncs-2026:21"],
            "strengths": ["kr-gyeonggi-1:precision"],
        }
        other = {"courses": [{"code": "ncs-2026:06"}], "counselling": {"strengths": ["kr-gyeonggi-1:teamwork"]}}
        assert value("skills", other, job) == pytest.approx((2 + 1) / (3.5 + 2))

    def test_a_part_the_profile_says_nothing_about_is_neutral(self) -> None:
        assert value("skills", job={"courses_wanted": ["ncs-2026:21"]}) == 0.5

    def test_one_generic_strength_is_not_full_marks(self) -> None:
        person = {"counselling": {"strengths": ["kr-gyeonggi-1:precision"]}}
        assert value("skills", person, {"strengths": ["kr-gyeonggi-1:precision"]}) == pytest.approx(1.5 / 2.5)

    def test_nothing_asked_for_is_not_known(self) -> None:
        assert value("skills") is None


class TestGrowth:
    def test_the_mean_of_contract_and_lighter_work_whatever_it_pays(self) -> None:
        for pay in (11_000, 18_761):  # strength of 8711 is 2.83
            job = {"wage": {"per": "hour", "minimum": pay, "currency": "KRW"}}
            assert value("growth", job=job) == pytest.approx((1 + (5 - 2.83) / 4) / 2, abs=1e-3)

    def test_a_contract_that_ends_counts_less(self) -> None:
        lasting, passing = (value("growth", job={"employment": f"work24-2024-employment:{c}"}) for c in ("10", "20"))
        assert lasting is not None
        assert passing is not None
        assert lasting - passing == pytest.approx(0.75 / 2)

    def test_elementary_work_is_no_step_forward_for_who_learned_a_trade_unless_they_wish_it(self) -> None:
        kitchen = {"occupation": "keco-2018:5323", "title": "직원 모집"}
        assert value("growth", job=kitchen) == 0.0
        assert value("growth", {"counselling": {"interests": ["keco-2018:53"]}}, kitchen) != 0.0
        assert value("growth", {"certificates": []}, kitchen) != 0.0

    def test_a_training_counts_by_what_is_new(self) -> None:
        teaches: dict[str, Any] = {"teaches": ["ncs-2026:06"]}
        assert value("growth", training=teaches) == 0.75
        assert value("growth", {"courses": [{"code": "ncs-2026:06"}]}, training=teaches) == 0.25
        assert value("growth", training={}) is None
        found = assess_pair(a_person(), a_training(**teaches), PACK, TODAY)
        said = next(one.text["en"] for one in explanations.reasons(found) if one.factor == "growth")
        assert said == "It teaches something new."  # no word of a contract or lighter work
