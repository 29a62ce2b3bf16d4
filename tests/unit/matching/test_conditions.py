"""What holds for all hard conditions, and those that come first: `standing` of the person, `opening`.

The others, by module of services/matching/domain/conditions: test_conditions_on_the_work.py has `wishes`, `wages`,
`schedule` and `place`; test_conditions_on_the_person.py has `qualification`, `programme` and `needs`.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from services.matching.domain.conditions import CONDITIONS
from shared.reference import available_packs, load_pack
from tests.support.matching import GYEONGGI, TODAY
from tests.unit.matching.asking import answer, assessed

pytestmark = pytest.mark.unit


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
            "commute",
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
    @pytest.mark.parametrize("status", ["closed", "held"])
    def test_a_closed_one_is_closed_and_one_that_is_held_takes_nobody(self, status: str) -> None:
        assert answer("open", job={"status": status}) == "no"

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
