"""The invented world: the same seed, the same world, in the survey's proportions, with nothing but meant mistakes."""

from __future__ import annotations

import json
from datetime import date

import pytest

from samples.world import Item, World, load_setting, mistakes
from samples.world.envelope import EventWriter
from samples.world.names import SYLLABLES
from samples.world.openings import floor_per_hour
from shared.events.incoming import read
from shared.events.refusal import Refused

pytestmark = pytest.mark.unit
TODAY = date(2026, 11, 22)
PACKS = ("kr-gyeonggi", "xx-island")


def world(people: int = 60, seed: int = 1, pack: str = "kr-gyeonggi", today: date = TODAY) -> World:
    return World(load_setting(pack), seed=seed, people=people, today=today)


def items(made: World, day: int = 1) -> list[Item]:
    return [item for chapter in made.day(day) for item in chapter.items]


@pytest.fixture(scope="module")
def large() -> World:
    return world(people=2000)


class TestTheSameSeed:
    def test_gives_the_same_events_byte_for_byte(self) -> None:
        first, second = (json.dumps([item.event for item in items(world())]) for _ in range(2))
        assert first == second

    def test_gives_other_events_than_another_seed(self) -> None:
        assert items(world(seed=1)) != items(world(seed=2))

    def test_keeps_every_person_when_there_are_ten_times_as_many(self) -> None:
        few, many = world(people=150), world(people=1500)
        alike = [a.data["identity"] == b.data["identity"] for a, b in zip(few.people, many.people, strict=False)]
        assert sum(alike) >= len(alike) - 6  # the class grows a little: who was a walk-in then is a graduate now

    def test_names_the_same_openings_when_another_day_is_today(self) -> None:
        first, later = world(), world(today=date(2026, 11, 25))
        assert [o.reference for o in first.openings] == [o.reference for o in later.openings]


class TestEveryEvent:
    @pytest.mark.parametrize("pack", PACKS)
    @pytest.mark.parametrize("day", [1, 2, 3])
    def test_that_is_not_a_mistake_is_read_by_the_contract(self, pack: str, day: int) -> None:
        for item in items(world(pack=pack, people=120), day):
            if item.mistake is None:
                read(item.event)

    def test_has_an_id_of_its_own_unless_that_is_the_mistake(self) -> None:
        made = world(people=300)
        sent = [item for day in (1, 2, 3) for item in items(made, day) if item.mistake != mistakes.SAME_ID]
        assert len({item.key for item in sent}) == len(sent)

    def test_was_written_before_today_began(self) -> None:
        made = world(people=1500)
        assert all(item.event["time"] < TODAY.isoformat() for item in items(made))

    @pytest.mark.parametrize("pack", PACKS)
    def test_uses_only_codes_and_titles_of_the_pack(self, pack: str) -> None:
        made = world(pack=pack, people=200)
        known = made.pack
        for person in made.people:
            profile = person.data
            assert all(known.course(course["title"]) for course in profile["courses"])
            assert all(known.certificate(title) for title in profile["certificates"])
            assert all(known.accepts("occupation", work["code"]) for work in profile["occupations"])
            assert all(known.accepts("interest", code) for code in profile["counselling"]["interests"])
            assert all(known.accepts("need", code) for code in profile["counselling"]["needs"])
            assert all(known.accepts("strength", code) for code in profile["counselling"]["strengths"])
            assert all(known.accepts("shift", code) for code in profile["wants"].get("shifts", ()))
            assert set(profile["wants"]["kinds"]) <= set(known.kinds)
        for opening in [*made.openings, *made.programmes]:
            advert = opening.data
            for field in ("occupation", "region", "employment", "industry"):
                assert field not in advert or known.accepts(field, advert[field])
            assert all(known.accepts("benefit", code) for code in advert.get("benefits", ()))
            assert all(known.accepts("licence", code) for code in advert.get("rules", {}).get("licences", ()))
            assert all(known.course(title) for title in [*advert.get("teaches", ()), *advert.get("courses_wanted", ())])

    @pytest.mark.parametrize("pack", PACKS)
    def test_comes_from_an_agency_with_the_right_to_send_it(self, pack: str) -> None:
        made = world(pack=pack, people=200)
        rights = {agency.agency: agency.rights.emits for agency in made.setting.agencies}
        for item in items(made):
            if item.mistake is None:
                assert item.event["type"] in rights[item.agency]
                assert item.event["source"] == f"/agencies/{item.agency}"


class TestThePeople:
    def test_are_three_quarters_women(self, large: World) -> None:
        women = sum(person.data["identity"]["sex"] == "female" for person in large.people)
        assert women / len(large.people) == pytest.approx(0.75, abs=0.03)

    def test_live_where_the_weights_of_the_pack_say(self, large: World) -> None:
        homes = [person.data.get("residence") for person in large.people]
        total = sum(large.pack.residence_weights.values())
        for region, weight in large.pack.residence_weights.items():
            assert homes.count(region) / len(homes) == pytest.approx(weight / total, abs=0.025)

    def test_ask_for_wages_around_what_the_survey_found(self, large: World) -> None:
        for sex, average in (("female", 2_242_000), ("male", 3_613_000)):
            asked = [
                person.data["wants"]["wage_min"]["amount"]
                for person in large.people
                if person.data["identity"]["sex"] == sex and "wage_min" in person.data["wants"]
            ]
            assert sum(asked) / len(asked) == pytest.approx(average * 0.9, rel=0.05)

    def test_care_for_children_only_by_day(self, large: World) -> None:
        codes = large.setting.codes
        carers = [p for p in large.people if codes.childcare in p.data["counselling"]["needs"]]
        assert 0.1 < len(carers) / len(large.people) < 0.4
        assert all(person.data["wants"]["shifts"] == [codes.day] for person in carers)

    def test_are_called_as_nobody_is_called(self, large: World) -> None:
        names = {person.data["identity"]["name"] for person in large.people}
        assert len(names) == len(large.people)
        assert all(set(name) <= set(SYLLABLES) for name in names)
        assert not set("김이박최정강조윤장임한오") & set(SYLLABLES)

    def test_have_numbers_that_no_subscriber_has(self, large: World) -> None:
        assert all(person.data["identity"]["phone"].startswith("+82-10-0") for person in large.people)

    def test_graduate_in_classes_of_real_size(self, large: World) -> None:
        assert sum(person.graduate for person in large.people) == 24
        assert sum(person.graduate for person in world(people=150).people) == 18


class TestTheOpenings:
    def test_are_of_all_five_kinds(self, large: World) -> None:
        assert {opening.kind for opening in large.openings} == set(large.pack.kinds)

    @pytest.mark.parametrize("pack", PACKS)
    def test_never_pay_less_than_the_minimum_wage(self, pack: str) -> None:
        made = world(pack=pack, people=400)
        floor = floor_per_hour(made.pack, TODAY)
        for opening in [*made.openings, *made.programmes]:
            wage = opening.data.get("wage")
            if wage:
                assert made.pack.hourly(wage["minimum"], wage["per"], opening.data["hours_per_week"]) >= floor

    def test_are_until_filled_with_and_without_a_last_day(self, large: World) -> None:
        until_filled = [opening.data for opening in large.openings if opening.data.get("until_filled")]
        assert any("closes" in advert for advert in until_filled)
        assert any("closes" not in advert for advert in until_filled)

    def test_come_with_dormitory_and_commuter_bus(self, large: World) -> None:
        offered = {code for opening in large.openings for code in opening.data.get("benefits", ())}
        assert {large.setting.codes.dormitory, large.setting.codes.bus} <= offered

    def test_name_employers_that_are_plainly_invented(self, large: World) -> None:
        employers = [opening.data["employer"] for opening in large.openings if "employer" in opening.data]
        assert all(employer["name"].split()[0] in large.setting.words.employer for employer in employers)
        assert all(employer["number"].startswith("000-00-") for employer in employers)

    def test_include_the_published_programmes_with_their_rules(self, large: World) -> None:
        found = {opening.data["title"]: opening.data.get("rules", {}) for opening in large.programmes}
        assert found["경기여성취업지원금"] == {
            "age_min": 35,
            "age_max": 59,
            "sex": "female",
            "income_max_percent_of_median": 150,
            "jobless": True,
            "residence": ["legal-dong-2026:41000"],
        }
        assert "income_max_percent_of_median" not in found["징검다리 일자리"]  # waived for defectors


class TestTheMistakes:
    @pytest.mark.parametrize("seed", [1, 2])
    @pytest.mark.parametrize("people", [150, 1500])
    def test_are_one_percent_of_the_events(self, seed: int, people: int) -> None:
        sent = items(world(people=people, seed=seed))
        assert sum(item.mistake is not None for item in sent) / len(sent) == pytest.approx(0.01, abs=0.003)

    def test_of_every_sort_turn_up_in_a_large_world(self, large: World) -> None:
        made = {item.mistake for item in items(large) if item.mistake}
        assert made >= {slip.mistake for slip in mistakes.SLIPS} | {mistakes.SAME_ID, mistakes.UNKNOWN_REFERENCE}
        assert made >= {mistakes.WRONG_SOURCE, mistakes.NOT_ALLOWED}

    @pytest.mark.parametrize("slip", mistakes.SLIPS, ids=lambda slip: slip.mistake.name)
    def test_change_the_event_and_come_beside_the_right_one(self, slip: mistakes.Slip) -> None:
        made = world()
        kind = {"person": "person-enrolled", "job": "job-posted"}[slip.on]
        right = next(item for item in items(made) if item.event["type"] == kind and not item.mistake)
        wrong = mistakes.spoiled(slip, right, EventWriter(TODAY, 9, made.pack.timezone), made.setting, TODAY)
        assert wrong.mistake == slip.mistake
        assert wrong.event["data"] != right.event["data"]
        assert wrong.key != right.key

    def test_against_the_schema_are_refused_by_the_contract_itself(self, large: World) -> None:
        against_schema = {"missing-field", "not-a-date", "never-collected", "unknown-field"}
        for item in items(large):
            if item.mistake and item.mistake.rule in against_schema:
                with pytest.raises(Refused):
                    read(item.event)

    def test_are_followed_by_the_right_event(self) -> None:
        sent = items(world(people=1500))
        accepted = {(item.agency, item.event["data"].get("reference")) for item in sent if not item.mistake}
        wrong = [item for item in sent if item.mistake and item.mistake.status == 422]
        for item in wrong:
            if item.mistake != mistakes.UNKNOWN_REFERENCE:
                assert (item.agency, item.event["data"]["reference"]) in accepted


class TestTheChanges:
    def test_withdraw_consents_that_were_given(self) -> None:
        made = world(people=150)
        given = {person.reference: person.data["consents"] for person in made.people}
        withdrawn = [item.event["data"] for item in items(made) if item.event["type"] == "consent-withdrawn"]
        assert len(withdrawn) >= 3
        for data in withdrawn:
            stood = [(consent["purpose"], consent.get("recipient")) for consent in given[data["reference"]]]
            assert all((key["purpose"], key.get("recipient")) in stood for key in data["consents"])

    def test_never_touch_an_opening_after_it_was_closed(self) -> None:
        made = world(people=150)
        closed: set[str] = set()
        for day in (1, 2, 3, 4):
            for item in items(made, day):
                if item.event["type"].endswith(("-updated", "-closed")) and not item.event["type"].startswith("person"):
                    assert item.event["data"]["reference"] not in closed
                if item.event["type"].endswith("-closed"):
                    closed.add(item.event["data"]["reference"])
        assert closed

    def test_bring_new_openings_every_day(self) -> None:
        made = world(people=150)
        posted = [
            {item.event["data"]["reference"] for item in items(made, day) if item.event["type"] == "job-posted"}
            for day in (1, 2, 3)
        ]
        assert all(len(references) > 5 for references in posted)
        assert not posted[0] & posted[1] | posted[1] & posted[2]

    def test_cannot_happen_before_the_first_day(self) -> None:
        with pytest.raises(ValueError, match="day 1"):
            world().day(0)
