"""The same vacancy from two portals is one opportunity; what only looks like it stays two."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from services.intake import metrics
from services.intake.domain.record_linkage import Facts, compared
from services.intake.event_handlers.advert_index import MOST_OF_AN_AGENCY
from shared.events.field_types import Wage
from shared.events.topics.opportunities import Employer
from tests.unit.intake.memory import House, agency, example, pack

pytestmark = pytest.mark.unit


@pytest.fixture
def house() -> House:
    house = House()
    house.add(agency("jobaba", "public"))
    return house


def _facts(**changes: Any) -> Facts:
    advert = {
        "title": "제과제빵원 모집",
        "occupation": "work24-2024-occupation:871100",
        "region": "legal-dong-2026:41270",
        "employer": Employer(name="(주)예시제과", number="123-45-67890"),
        "wage": Wage(per="month", minimum=2_500_000, currency="KRW"),
        **changes,
    }
    found = Facts.of(advert)
    assert found is not None
    return found


class TestCompared:
    @pytest.mark.parametrize(
        ("changes", "verdict"),
        [
            ({}, "same"),
            ({"title": "[안산] 제과제빵원 모집 (급구)"}, "same"),
            ({"title": "제과 제빵원"}, "same"),
            ({"employer": Employer(name="예시제과 주식회사", number="1234567890")}, "same"),
            ({"occupation": "work24-2024-occupation:871101"}, "same"),
            ({"wage": Wage(per="month", minimum=2_510_000, currency="KRW")}, "same"),
            ({"wage": Wage(per="year", minimum=30_000_000, currency="KRW")}, "same"),
            ({"employer": Employer(name="예시제과")}, "same"),
            ({"employer": Employer(name="예시제과"), "title": "제과 제빵원 구함"}, "doubtful"),
            ({"title": "제과제빵원 모집 (야간)"}, "doubtful"),
            ({"title": "제과제빵원 모집 2공장"}, "doubtful"),
            ({"wage": Wage(per="month", minimum=2_900_000, currency="KRW")}, "doubtful"),
            ({"wage": None}, "doubtful"),
            ({"title": "매장 판매원"}, "different"),
            ({"employer": Employer(name="(주)예시제과", number="123-45-67891")}, "different"),
            ({"region": "legal-dong-2026:41110"}, "different"),
            ({"occupation": "work24-2024-occupation:550104"}, "different"),
        ],
    )
    def test_by_employer_place_occupation_pay_and_title(self, changes: dict[str, Any], verdict: str) -> None:
        one, other = _facts(), _facts(**changes)
        assert compared(one, other) == verdict
        assert compared(other, one) == verdict

    def test_hours_or_a_kind_of_employment_that_both_say_and_that_differ_are_two_vacancies(self) -> None:
        assert compared(_facts(hours_per_week=40), _facts(hours_per_week=20)) == "different"
        assert compared(_facts(hours_per_week=40), _facts()) == "same"

    def test_without_an_employer_nothing_can_be_told(self) -> None:
        assert Facts.of({"title": "x", "occupation": "a:1", "region": "b:1", "employer": None}) is None


class TestTwoPortals:
    async def test_one_opportunity_told_once_and_both_are_answered_its_id(self, house: House) -> None:
        first = await house.send("job-posted", example("job-posted"), by="gjf")
        second = await house.send("job-posted", example("job-posted", reference="J-1"), by="jobaba")
        assert (second.status, second.opportunity) == ("accepted", first.opportunity)
        assert house.told == ["job-posted"]

    async def test_open_until_both_have_closed_it_in_the_words_of_who_has_it_open(self, house: House) -> None:
        first = await house.send("job-posted", example("job-posted"), by="gjf")
        await house.send("job-posted", example("job-posted", reference="J-1", places=7), by="jobaba")
        closed = await house.send("job-closed", example("job-closed"), by="gjf")
        assert (closed.status, closed.opportunity) == ("accepted", first.opportunity)
        assert house.told == ["job-posted", "job-updated"]
        assert (house.newest.opportunity, house.newest.status) == (first.opportunity, "open")
        assert (house.newest.owner, house.newest.places) == ("jobaba", 7)
        await house.send("job-closed", example("job-closed", reference="J-1"), by="jobaba")
        assert house.told == ["job-posted", "job-updated", "job-closed"]
        assert (house.newest.opportunity, house.newest.status) == (first.opportunity, "closed")
        assert house.store.emitted[-1].sequence == 3

    async def test_who_calls_itself_the_employer_ends_nobody_elses_word(self, house: House) -> None:
        await house.send("job-posted", example("job-posted"), by="gjf", sequence=1)
        await house.send("job-posted", example("job-posted", reference="A-1"), by="acme", sequence=1)
        await house.send("job-closed", example("job-closed", reference="A-1"), by="acme", sequence=2)
        assert house.told == ["job-posted"]
        await house.send("job-closed", example("job-closed"), by="gjf", sequence=2)
        assert house.told == ["job-posted", "job-closed"]
        await house.send("job-posted", example("job-posted", reference="A-1"), by="acme", sequence=3)
        assert house.told == ["job-posted", "job-closed", "job-posted"]
        assert house.newest.owner == "acme"  # who has it open is who can be asked

    async def test_a_source_that_writes_the_employer_otherwise_closes_it_all_the_same(self, house: House) -> None:
        employer = example("job-posted")["employer"]
        assert employer["number"]
        named = {**employer, "name": "Gana Bakery"}
        await house.send("job-posted", example("job-posted"), by="gjf")
        second = await house.send("job-posted", example("job-posted", reference="J-1", employer=named), by="jobaba")
        await house.send("job-closed", example("job-closed"), by="gjf")
        closed = await house.send("job-closed", example("job-closed", reference="J-1"), by="jobaba")
        assert (second.status, closed.status, closed.problem) == ("accepted", "accepted", None)
        assert house.told == ["job-posted", "job-updated", "job-closed"]

    async def test_a_second_sources_words_are_told_to_nobody_and_said_again_are_a_duplicate(self, house: House) -> None:
        await house.send("job-posted", example("job-posted"), by="gjf")
        await house.send("job-posted", example("job-posted", reference="J-1"), by="jobaba")
        changed = await house.send("job-updated", example("job-updated", reference="J-1", places=9), by="jobaba")
        again = await house.send("job-updated", example("job-updated", reference="J-1", places=9), by="jobaba")
        assert (changed.status, again.status, house.told) == ("accepted", "duplicate", ["job-posted"])

    async def test_what_is_no_longer_the_same_is_told_as_one_of_its_own(self, house: House) -> None:
        first = await house.send("job-posted", example("job-posted"), by="gjf")
        await house.send("job-posted", example("job-posted", reference="J-1"), by="jobaba")
        other = example("job-updated", reference="J-1", title="매장 판매원", region="legal-dong-2026:41110")
        apart = await house.send("job-updated", other, by="jobaba")
        assert apart.opportunity != first.opportunity
        assert house.told == ["job-posted", "job-posted"]
        await house.send("job-closed", example("job-closed"), by="gjf")
        assert (house.newest.opportunity, house.newest.status) == (first.opportunity, "closed")

    async def test_what_may_be_the_same_stays_two_and_is_a_question(self, house: House) -> None:
        first = await house.send("job-posted", example("job-posted"), by="gjf")
        night = example("job-posted", reference="J-1", title="제과제빵원 (야간)")
        second = await house.send("job-posted", night, by="jobaba")
        assert second.opportunity != first.opportunity
        (asked,) = house.store.all("questions")
        assert sorted(asked["opportunities"]) == sorted([str(first.opportunity), str(second.opportunity)])

    async def test_an_agency_that_lists_two_means_two_and_of_another_only_one_is_the_same(self, house: House) -> None:
        await house.send("job-posted", example("job-posted"), by="gjf")
        await house.send("job-posted", example("job-posted", reference="G-2"), by="gjf")
        await house.send("job-posted", example("job-posted", reference="J-1"), by="jobaba")  # of which of them?
        assert house.told == ["job-posted"] * 3
        assert len(house.store.all("questions")) == 2

    async def test_after_it_is_closed_what_comes_is_a_new_one(self, house: House) -> None:
        first = await house.send("job-posted", example("job-posted"), by="gjf")
        await house.send("job-closed", example("job-closed"), by="gjf")
        second = await house.send("job-posted", example("job-posted", reference="J-1"), by="jobaba")
        assert second.opportunity != first.opportunity

    async def test_of_one_key_many_adverts_are_held_and_no_more_whatever_is_sent(self, house: House) -> None:
        missed = metrics.adverts_not_compared.of()
        before = missed._value.get()
        for number in range(MOST_OF_AN_AGENCY + 3):
            await house.send("job-posted", example("job-posted", reference=f"G-{number}"), by="gjf")
        assert {len(document["entries"]) for document in house.store.all("adverts")} == {MOST_OF_AN_AGENCY}
        assert missed._value.get() - before == 3


PAST = {"title": "매장 판매원", "region": "legal-dong-2026:41110"}


class TestASourceThatChangesIntoAnotherVacancy:
    """The opportunity stays with the others."""

    async def _both(self, house: House) -> str:
        first = await house.send("job-posted", example("job-posted"), by="gjf")
        await house.send("job-posted", example("job-posted", reference="J-1", places=7), by="jobaba")
        assert first.opportunity is not None
        return first.opportunity

    async def test_the_first_one_is_told_anew_and_the_other_stays_what_was_told(self, house: House) -> None:
        held = await self._both(house)
        moved = await house.send("job-updated", example("job-updated", **PAST), by="gjf")
        assert (moved.status, moved.opportunity == held) == ("accepted", False)
        told = [(event.type, event.data.opportunity, event.data.title) for event in house.store.emitted[1:]]
        assert told == [
            ("job-updated", held, "제과제빵원 (주간)"),
            ("job-posted", moved.opportunity, "매장 판매원"),
        ]
        assert [event.data.owner for event in house.store.emitted[1:]] == ["jobaba", "gjf"]
        again = await house.send("job-updated", example("job-updated", **PAST, places=1), by="gjf")
        assert (again.opportunity, house.newest.places) == (moved.opportunity, 1)
        closed = await house.send("job-closed", example("job-closed", reference="J-1"), by="jobaba")
        assert (closed.opportunity, house.newest.opportunity, house.newest.status) == (held, held, "closed")

    async def test_into_one_that_another_agency_has_it_joins_that_one(self, house: House) -> None:
        held = await self._both(house)
        other = await house.send("job-posted", example("job-posted", reference="A-1", **PAST), by="acme")
        moved = await house.send("job-updated", example("job-updated", **PAST), by="gjf")
        assert moved.opportunity == other.opportunity
        assert house.told == ["job-posted", "job-posted", "job-updated"]
        assert house.newest.opportunity == held

    async def test_alone_into_one_that_another_agency_has_its_own_ends(self, house: House) -> None:
        own = await house.send("job-posted", example("job-posted"), by="gjf")
        other = await house.send("job-posted", example("job-posted", reference="J-1", **PAST), by="jobaba")
        moved = await house.send("job-updated", example("job-updated", **PAST), by="gjf")
        assert moved.opportunity == other.opportunity
        assert (house.told[2:], house.newest.opportunity) == (["job-closed"], own.opportunity)

    async def test_the_others_are_compared_with_each_other(self, house: House) -> None:
        """Alike to the first, and not to each other: one names hours, one other hours, the first none."""
        plain = {"hours_per_week": None, "shifts": None}
        await house.send("job-posted", example("job-posted", **plain), by="gjf")
        await house.send("job-posted", example("job-posted", reference="J-1", hours_per_week=40), by="jobaba")
        await house.send("job-posted", example("job-posted", reference="A-1", hours_per_week=35), by="acme")
        assert house.told == ["job-posted"]
        await house.send("job-updated", example("job-updated", **plain | PAST), by="gjf")
        last = {event.data.opportunity: event.data for event in house.store.emitted}
        assert sorted((one.owner, one.status) for one in last.values()) == [
            ("acme", "open"), ("gjf", "open"), ("jobaba", "open"),
        ]  # fmt: skip

    async def test_another_than_the_first_leaves_also_when_the_first_is_closed(self, house: House) -> None:
        held = await self._both(house)
        await house.send("job-posted", example("job-posted", reference="A-1"), by="acme")
        await house.send("job-closed", example("job-closed"), by="gjf")
        moved = await house.send("job-updated", example("job-updated", reference="A-1", **PAST), by="acme")
        assert moved.opportunity != held
        await house.send("job-updated", example("job-updated", reference="J-1", **PAST), by="jobaba")
        last = {event.data.opportunity: event.data for event in house.store.emitted}
        assert {id: one.status for id, one in last.items()} == {held: "closed", moved.opportunity: "open"}

    async def test_what_is_opened_again_is_of_the_vacancy_that_another_agency_has_by_now(self, house: House) -> None:
        await house.send("job-posted", example("job-posted"), by="gjf", sequence=1)
        await house.send("job-closed", example("job-closed"), by="gjf", sequence=2)
        other = await house.send("job-posted", example("job-posted", reference="J-1"), by="jobaba")
        again = await house.send("job-posted", example("job-posted"), by="gjf", sequence=3)
        assert again.opportunity == other.opportunity
        assert house.told == ["job-posted", "job-closed", "job-posted"]


PAIRS, ADVERTS = 300, 2_000
_TITLES = (
    "제과제빵원", "재가 요양보호사", "자동차 부품 조립원", "물류센터 피킹 사원", "한식 조리사", "사무실 경리 사원",
    "전자제품 검사원", "매장 판매 사원", "건물 청소원", "용접공", "지게차 운전원", "미용사",
)  # fmt: skip
_PLACES = ("41270", "41110", "41190", "41280", "41460", "41590")


class TestManyAdverts:
    async def test_of_300_pairs_among_2000_with_hard_negatives_none_is_wrong_and_most_are_found(self) -> None:
        house, chance = House(), random.Random(5)
        house.add(agency("jobaba", "public"))
        adverts = list(_adverts(chance))
        assert len(adverts) == ADVERTS
        chance.shuffle(adverts)
        brought: dict[str | None, list[int]] = {}
        for begin in range(0, ADVERTS, 200):
            part = list(enumerate(adverts[begin : begin + 200], start=begin))
            for by in ("gjf", "jobaba"):
                own = [(number, vacancy, advert) for number, (vacancy, who, advert) in part if who == by]
                events = [house.event("job-posted", _as_sent(number, advert), by) for number, _, advert in own]
                for receipt, (_, vacancy, _) in zip(await house.send_all(events, by), own, strict=True):
                    assert receipt.status == "accepted", receipt.problem
                    brought.setdefault(receipt.opportunity, []).append(vacancy)
        merged = [vacancies for vacancies in brought.values() if len(vacancies) > 1]
        right = sum(len(set(vacancies)) == 1 for vacancies in merged)
        assert right / len(merged) >= 0.99, (right, len(merged))
        assert right / PAIRS >= 0.95, right


def _as_sent(number: int, advert: dict[str, Any]) -> dict[str, Any]:
    return example("job-posted", reference=f"R-{number}", hours_per_week=None, shifts=None, **advert)


def _adverts(chance: random.Random) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """A number for each vacancy, who brings it, and what is said of it."""
    vacancy = 0
    for number in range(PAIRS):
        one = _vacancy(number, chance)
        yield vacancy, "gjf", one
        yield vacancy, "jobaba", _otherwise(one, chance)
        vacancy += 1
        if number < 200:  # and beside it, from the other portal, what nearly is the same
            yield vacancy, "jobaba", _nearly(one, chance)
            vacancy += 1
    for number in range(PAIRS, PAIRS + ADVERTS - 2 * PAIRS - 200):
        yield vacancy, chance.choice(("gjf", "jobaba")), _vacancy(number, chance)
        vacancy += 1


def _vacancy(number: int, chance: random.Random) -> dict[str, Any]:
    kind, firm = chance.randrange(len(_TITLES)), number % 400
    return {
        "title": _TITLES[kind],
        "occupation": _one_of_each_unit()[kind * 7],
        "region": f"legal-dong-2026:{chance.choice(_PLACES)}",
        "employer": {"name": f"(주)예시{firm:03d}", "number": f"{100 + firm}-81-{10000 + firm}"},
        "wage": {"per": "month", "minimum": 2_300_000 + 50_000 * chance.randrange(20), "currency": "KRW"},
    }


@cache
def _one_of_each_unit() -> list[str]:
    codes = [code for code in pack().codes("occupation") if code.startswith("work24-2024-occupation:")]
    return list({code.partition(":")[2][:4]: code for code in codes if len(code.partition(":")[2]) == 6}.values())


def _otherwise(one: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The same as another portal has it."""
    written = chance.choice(("{} 모집", "[급구] {}", "{} 구합니다", "{} (정규직)", "{}"))
    other = {**one, "title": written.format(one["title"])}
    if chance.random() < 0.3:
        other["employer"] = {**one["employer"], "name": one["employer"]["name"].replace("(주)", "주식회사 ")}
    if chance.random() < 0.1:
        other["employer"] = {"name": one["employer"]["name"]}
    if chance.random() < 0.2:
        wage = one["wage"]
        other["wage"] = {**wage, "per": "year", "minimum": wage["minimum"] * 12}
    return other


def _nearly(one: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Another vacancy of the same employer, or the same work elsewhere."""
    wage = one["wage"]
    region = chance.choice([place for place in _PLACES if not one["region"].endswith(place)])
    number = one["employer"]["number"]
    return chance.choice(
        [
            {**one, "title": f"{one['title']} (야간)"},
            {**one, "title": f"{one['title']} 2공장"},
            {**one, "title": f"{one['title']} B조"},
            {**one, "wage": {**wage, "minimum": wage["minimum"] + 200_000}},
            {**one, "region": f"legal-dong-2026:{region}"},
            {**one, "employer": {**one["employer"], "number": number[:-1] + str((int(number[-1]) + 1) % 10)}},
            {**one, "title": f"주말 {one['title']}"},
        ]
    )
