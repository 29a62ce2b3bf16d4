"""The family ``first-half-year``: its public figures, what nobody can read off, and what makes a pair impossible."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product
from random import Random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import load_pack
from verification.evaluation.__main__ import main
from verification.evaluation.families import FAMILIES
from verification.evaluation.first_half_year import FirstHalfYear, setting
from verification.evaluation.first_half_year.adverts import Opening, openings
from verification.evaluation.first_half_year.people import Newcomer, newcomer
from verification.evaluation.first_half_year.story import HINDRANCES, course, hindrance, lived, value
from verification.evaluation.truth import TODAY

PACK = load_pack("kr-gyeonggi")
SEED = 5
DOORS = ("not-applied", "not-invited", "declined")


@pytest.fixture(scope="module")
def people() -> list[Newcomer]:
    return [newcomer(SEED, number) for number in range(2500)]


@pytest.fixture(scope="module")
def adverts() -> tuple[Opening, ...]:
    return openings(SEED, 1500)


@pytest.fixture(scope="module")
def pairs(people: list[Newcomer], adverts: tuple[Opening, ...]) -> list[tuple[Newcomer, Opening]]:
    return list(product(people[:160], adverts[:220]))


def test_a_seed_gives_one_world_and_another_another() -> None:
    one, same, other = (FirstHalfYear(PACK, seed, 6, 40) for seed in (3, 3, 4))
    assert one.workers == same.workers
    assert one.adverts == same.adverts
    assert one.truth() == same.truth()
    assert one.workers != other.workers
    assert FirstHalfYear(PACK, 3, 9, 40).workers[:6] == one.workers
    assert len(one.adverts) == 40


def test_all_that_is_shown_fits_the_events_and_names_known_codes(
    people: list[Newcomer], adverts: tuple[Opening, ...]
) -> None:
    for person in people[:600]:
        assert Person.model_validate_json(person.shown.model_dump_json(by_alias=True)) == person.shown
        assert set(person.shown.wants.kinds if person.shown.wants else ()) == person.kinds <= set(PACK.kinds)
        codes = [*person.shown.certificates, *(one.code for one in person.shown.occupations)]
        codes += [one.code for one in person.shown.courses]
        codes += [*person.shown.counselling.needs, *person.shown.counselling.strengths]
        codes += [one for one in (person.shown.residence, person.shown.education) if one]
        assert all(PACK.known(code) for code in codes)
    for advert in adverts:
        shown = advert.shown
        assert Opportunity.model_validate_json(shown.model_dump_json()) == shown
        codes = [one for one in (shown.occupation, shown.region, shown.industry, shown.employment) if one]
        codes += [*shown.shifts, *shown.benefits, *shown.certificates, *shown.certificates_wanted, *shown.teaches]
        codes += [*shown.courses_wanted, *shown.rules.licences, *shown.rules.residence]
        assert all(PACK.known(code) for code in codes)
    assert len({one.shown.person for one in people} | {one.shown.opportunity for one in adverts}) == 4000
    assert {one.kind for one in adverts} == {one.shown.kind for one in adverts} == set(PACK.kinds)


def test_people_are_as_the_figures_say(people: list[Newcomer]) -> None:
    lives = [person.life for person in people]
    women, men = [one for one in lives if one.woman], [one for one in lives if not one.woman]
    assert fmean(one.woman for one in lives if one.graduate) == pytest.approx(198 / 224, abs=0.04)
    assert fmean(one.woman for one in lives if not one.graduate) == pytest.approx(0.75, abs=0.03)
    here = [one for one in lives if one.home.province == setting.GYEONGGI]
    assert len(here) / len(lives) == pytest.approx(1 / 3, abs=0.03)
    for code, residents in (("41590", 647), ("41110", 628), ("41270", 564), ("41460", 541), ("41190", 535)):
        assert fmean(one.home.code == code for one in here) == pytest.approx(residents / 7041, abs=0.035)
    assert fmean(one.ill for one in lives) == pytest.approx(0.35, abs=0.04)
    assert fmean(one.distance > 0.25 for one in lives) == pytest.approx(0.70, abs=0.03)
    assert fmean(one.own_business >= 0.6 for one in lives) == pytest.approx(0.321, abs=0.03)
    assert fmean(one.carer for one in women) > 3 * fmean(one.carer for one in men)
    assert fmean(one.floor for one in women) < 224.2 < fmean(one.floor for one in men) < 361.3


def test_adverts_are_as_the_figures_say(adverts: tuple[Opening, ...]) -> None:
    jobs = [one for seed in (SEED, 6, 7) for one in openings(seed, 1500) if one.kind == "job"]
    of = Counter({one.workplace: one.workplace.trade.industry for one in jobs}.values())
    for industry, low, high in (("C", 0.205, 0.237), ("I", 0.137, 0.154), ("G", 0.107, 0.107)):
        assert low - 0.035 <= of[industry] / of.total() <= high + 0.035
    least = PACK.minimum_wage(TODAY).per_hour
    wages = [one.shown.wage for one in jobs if one.shown.wage]
    assert all(wage.minimum >= least for wage in wages if wage.per == "hour")
    groups = Counter(one.group for one in jobs)
    assert max(groups.values()) > 1
    assert len({one.shown.title for one in adverts}) > 1300
    places = Counter(one.region for one in jobs)
    assert sum(count for _, count in places.most_common(20)) > len(jobs) / 3


def test_a_way_takes_as_long_as_the_survey_says(people: list[Newcomer]) -> None:
    some = [one.life for one in people if one.life.home.province in setting.CAPITAL and not one.life.car]
    inside = [one.minutes(setting.near(one.home, Random(n)), False) for n, one in enumerate(some)]
    assert fmean(inside) == pytest.approx(24, abs=6)
    for kilometres, minutes in ((15, 48), (24, 67.3)):
        north = [(one.point[0] + kilometres / 111.0, one.point[1]) for one in some]
        assert fmean(one.minutes(to, False) for one, to in zip(some, north, strict=True)) == pytest.approx(
            minutes, abs=3
        )


def test_why_women_leave_comes_in_the_order_of_the_survey(people: list[Newcomer], adverts: tuple[Opening, ...]) -> None:
    why, started, stayed = dict.fromkeys(("health", "childcare", "study"), 0.0), 0.0, 0.0
    for person, advert in product(people[:700], [one for one in adverts[:120] if one.kind == "job"]):
        if hindrance(person, advert) is not None:
            continue
        way, before = course(person, advert), 1.0
        for risks, there in zip(way.risks, way.there(), strict=True):
            for reason, risk in risks.items():
                part = way.starts * (before - there) * risk / sum(risks.values()) if person.woman else 0.0
                why[reason] = why.get(reason, 0.0) + part
            before = there
        started, stayed = started + way.starts, stayed + way.starts * before
    whole = sum(why.values())
    assert sorted(why, key=why.__getitem__, reverse=True)[:3] == ["health", "childcare", "study"]
    for reason, share in (("health", 0.375), ("childcare", 0.248), ("study", 0.139)):
        assert why[reason] / whole == pytest.approx(share, abs=0.1)
    assert 0.55 < stayed / started < 0.65


def test_what_pairs_are_worth_is_what_half_years_come_to(pairs: list[tuple[Newcomer, Opening]]) -> None:
    found = sorted((pair for pair in pairs if value(*pair) > 0.12), key=lambda pair: value(*pair))[::60]
    assert found
    for person, advert in found[:8]:
        random, way = Random(7), course(person, advert)
        drawn = Counter(lived(person, advert, random)[0] for _ in range(3000))
        assert drawn["stayed"] / 3000 == pytest.approx(way.starts * way.there()[-1], abs=0.03)
        assert 0 < value(person, advert) <= way.starts * way.worth <= 1


@pytest.mark.parametrize(
    "unseen",
    [
        {"stamina": 0.15}, {"fear": 1.0}, {"distance": 1.0}, {"savings": 0.0}, {"tolerance": 25.0},
        {"persistence": 0.0}, {"liking": dict.fromkeys(setting.STYLES, 0.0)}, {"skill": {}}, {"nights": False},
        {"relative": False, "carer": True},
    ],
    ids=str,
)  # fmt: skip
def test_the_same_stated_facts_may_be_worth_more_or_less(
    unseen: dict[str, object], people: list[Newcomer], adverts: tuple[Opening, ...]
) -> None:
    changed = 0
    for person in people[:40]:
        other = replace(person, life=replace(person.life, **unseen))  # type: ignore[arg-type]  # fields by name
        assert other.shown == person.shown
        changed += sum(abs(value(person, one) - value(other, one)) > 0.01 for one in adverts[:200])
    assert changed > 10


def test_a_workplace_that_says_the_same_may_be_another(people: list[Newcomer], adverts: tuple[Opening, ...]) -> None:
    person, advert = next(
        (person, one) for person in people for one in adverts if one.kind == "job" and value(person, one) > 0.2
    )
    worse = replace(advert, workplace=replace(advert.workplace, boss=0.0, load=1.0, rush=4.0))
    assert worse.shown == advert.shown
    assert value(person, worse) < value(person, advert) / 2


def test_one_place_posted_again_is_worth_the_same_whatever_its_posting_says(
    people: list[Newcomer], adverts: tuple[Opening, ...]
) -> None:
    by_group: dict[int, list[Opening]] = {}
    for one in adverts:
        by_group.setdefault(one.group, []).append(one)
    again = [group for group in by_group.values() if len(group) > 1]
    assert again
    assert any(one.shown.title != group[0].shown.title for group in again for one in group)
    for group in again:
        assert len({value(people[0], one) for one in group}) == 1


def test_pairs_are_impossible_by_what_nobody_said(pairs: list[tuple[Newcomer, Opening]]) -> None:
    unsaid = Counter[str]()
    for person, advert in pairs:
        found, life, work = hindrance(person, advert), person.life, advert.workplace
        if found == "shift":
            assert work.shift in ("night", "rotating")
            assert not life.nights
            wants = person.shown.wants
            unsaid[found] += not advert.shown.shifts or not (wants and wants.shifts)
        elif found == "car":
            assert not life.car
            unsaid[found] += person.shown.has.car is None or not advert.shown.rules.car
        elif found == "licence":
            assert not life.licence
            unsaid[found] += person.shown.has.driving_licence is None or not advert.shown.rules.licences
        elif found == "childcare":
            assert life.carer
            assert not life.relative
            unsaid[found] += not person.shown.counselling.needs
        elif found == "lodging":
            assert not life.away
            unsaid[found] += 1
        elif found == "way":
            assert not (work.dormitory and life.away)
            unsaid[found] += person.shown.wants is None or person.shown.wants.commute_minutes is None
        assert found is None or value(person, advert) == 0
    assert min(unsaid[name] for name in ("shift", "car", "licence", "childcare", "lodging", "way")) > 0
    assert {name for name, _ in HINDRANCES} >= set(unsaid)


@given(seed=st.integers(0, 10**6), number=st.integers(0, 10**4))
def test_worth_lies_between_nothing_and_all(seed: int, number: int) -> None:
    person = newcomer(seed, number)
    for one in openings(seed, 8):
        assert 0 <= value(person, one) <= 1
        assert (hindrance(person, one) is not None) <= (value(person, one) == 0)


def test_it_comes_in_no_run_that_does_not_name_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert FirstHalfYear.name not in {family.name for family in FAMILIES}
    with pytest.raises(SystemExit):
        main(["--families", "no-such-family"])
    assert FirstHalfYear.name in capsys.readouterr().err
