"""Which pairs are kept, in which order, in which pack."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from services.matching.domain import explanations
from services.matching.domain.assessment import assess_pair
from services.matching.domain.counterfactuals import Change
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack, load_pack
from tests.support.matching import GWANGMYEONG, TODAY, a_job, a_person, merged, numbered
from tests.unit.matching.asking import PACK, assessed, standing

pytestmark = pytest.mark.unit


def with_numbers(**numbers: Any) -> Pack:
    return replace(PACK, matching=PACK.matching.model_copy(update=numbers))


class TestKept:
    def test_one_pair_that_fits(self) -> None:
        found = standing([a_person()], [a_job()], PACK, TODAY)
        [(pair, match)] = found.items()
        assert pair == (numbered(1), a_job().opportunity)
        assert (match.state, match.rank) == ("eligible", 1)
        assert match.score == pytest.approx(sum(part for _, part in match.contributions), abs=1e-9)

    def test_a_fit_at_the_threshold_is_kept_and_one_below_is_not_whatever_must_be_asked(self) -> None:
        for education in ("work24-2024-education:03", None):
            job = a_job(rules={"education_min": "work24-2024-education:02"})
            fit = assessed({"education": education}, {"rules": {"education_min": "work24-2024-education:02"}}).fit
            person = a_person(education=education)
            assert standing([person], [job], with_numbers(threshold=fit), TODAY)
            assert not standing([person], [job], with_numbers(threshold=fit + 1e-6), TODAY)

    def test_the_best_of_each_person_are_kept_whoever_else_wants_them_and_ties_go_by_id(self) -> None:
        pack = with_numbers(best_of_person=2, best_of_opportunity=1)
        near, twin, far = a_job(2, employer={"number": "222-22-33333"}), a_job(1), a_job(3, region=GWANGMYEONG)
        people = [a_person(n) for n in (3, 1, 2)]
        found = standing(people, [far, near, twin], pack, TODAY)
        assert {pair: match.rank for pair, match in found.items()} == {
            (numbered(n), job.opportunity): rank for n in (1, 2, 3) for job, rank in ((twin, 1), (near, 2))
        }

    def test_however_many_adverts_come_nobody_has_more_than_their_best(self) -> None:
        people, jobs = [a_person(n) for n in range(3)], [a_job(n) for n in range(60)]
        found = standing(people, jobs, PACK, TODAY)
        assert len(found) == 3 * PACK.matching.best_of_person

    def test_the_order_of_arguments_changes_nothing(self) -> None:
        people = [a_person(n, year_of_birth=1960 + n) for n in range(8)]
        jobs = [a_job(n, wage={"minimum": 2_200_000 + n * 50_000}) for n in range(8)]
        assert standing(people, jobs, PACK, TODAY) == standing(people[::-1], jobs[::-1], PACK, TODAY)

    def test_a_job_below_the_legal_floor_is_proposed_to_nobody(self) -> None:
        assert not standing([a_person()], [a_job(wage={"minimum": 2_156_879})], PACK, TODAY)


class TestSentences:
    def test_reasons_come_korean_first_what_speaks_for_it_first_and_in_every_language(self) -> None:
        reasons = explanations.reasons(assessed())
        assert [one.factor for one in reasons] == [
            one.factor
            for speaks in ("for", "against", "open")
            for one in sorted(reasons, key=lambda one: -one.contribution)
            if one.speaks == speaks
        ]
        assert {reason.factor for reason in reasons} == set(PACK.weights)
        for reason in reasons:
            assert list(reason.text) == ["ko", "en"]
            assert all(reason.text.values())

    def test_questions_are_asked_for_each_condition_that_is_open(self) -> None:
        found = assessed({"has": {"driving_licence": None}}, {"rules": {"licences": ["kr-gyeonggi-1:driving-licence"]}})
        [question] = explanations.questions(found)
        assert question.condition == "licence"
        assert "운전면허" in question.text["ko"]

    def test_a_no_says_what_would_open_it(self) -> None:
        found = assessed(job={"certificates": ["kr-certificate-2020:care-worker"]})
        opened = {a.condition.name: explanations.opening_text(found, a, {}) for a in found.answers}
        assert opened["certificate"] == {
            language: PACK.sentence("open.learning", language) for language in PACK.languages
        }
        assert opened["age"] is None
        needed = {"certificate": [Change("certificate", ("kr-certificate-2020:care-worker",))]}
        opened = {a.condition.name: explanations.opening_text(found, a, needed) for a in found.answers}
        assert opened["certificate"] is not None
        assert "요양보호사" in opened["certificate"]["ko"]


ISLAND_PERSON: dict[str, Any] = {
    "person": numbered(1),
    "status": "active",
    "owner": "harbour-office",
    "residence": "isle-region-1:W1",
    "education": "isle-school-1:school",
    "occupations": [{"code": "isle-work-1:111", "months": 12, "interest": 1.0}],
    "wants": {"kinds": ["job"], "shifts": ["isle-1:day"], "commute_minutes": 20},
    "consents": [{"purpose": "matching", "until": "2027-01-01"}],
}
ISLAND_JOB: dict[str, Any] = {
    "opportunity": numbered(2),
    "owner": "harbour-office",
    "kind": "job",
    "status": "open",
    "title": "Baker",
    "occupation": "isle-work-1:111",
    "region": "isle-region-1:W1",
    "wage": {"per": "hour", "minimum": 16, "currency": "XTS"},
    "shifts": ["isle-1:day"],
}


class TestSecondPack:
    pack = load_pack("xx-island")

    def pair(self, person: dict[str, Any], job: dict[str, Any]) -> tuple[Person, Opportunity]:
        return (
            Person.model_validate(merged(ISLAND_PERSON, person), strict=False),
            Opportunity.model_validate(merged(ISLAND_JOB, job), strict=False),
        )

    @pytest.mark.parametrize(
        ("person", "job", "state"),
        [
            ({}, {}, "eligible"),
            ({}, {"wage": {"minimum": 14}}, "no"),  # 15 since July 2026
            ({"has": {"car": False}}, {"region": "isle-region-1:W2"}, "no"),  # another harbour: 35 minutes
            ({}, {"region": "isle-region-1:W2", "benefits": ["isle-1:ferry"]}, "possible"),
            ({}, {"shifts": ["isle-1:tide"]}, "no"),  # the tide needs the night too
            ({"wants": {"shifts": ["isle-1:day", "isle-1:night"]}}, {"shifts": ["isle-1:tide"]}, "eligible"),
            ({"certificates": ["isle-paper-1:pilot"]}, {"rules": {"licences": ["isle-1:boat-licence"]}}, "eligible"),
            ({}, {"wage": {"currency": "KRW", "minimum": 1}}, "eligible"),  # another money says nothing here
        ],
    )
    def test_its_own_rules_hold(self, person: dict[str, Any], job: dict[str, Any], state: str) -> None:
        someone, opening = self.pair(person, job)
        assert assess_pair(someone, opening, self.pack, date(2026, 11, 22)).state == state

    def test_its_languages_are_spoken(self) -> None:
        someone, opening = self.pair({}, {})
        found = assess_pair(someone, opening, self.pack, TODAY)
        assert all(list(reason.text) == ["en", "fr"] for reason in explanations.reasons(found))
        assert standing([someone], [opening], self.pack, TODAY)
