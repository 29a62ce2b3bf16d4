"""The table of how many look at an opening: how it is made, and what the service does with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from services.matching import congestion_table
from services.matching.congestion_table import CongestionTable, _advance, saved
from services.matching.domain import congestion
from services.matching.domain.congestion import Congestion, next_day
from services.matching.domain.diversification import Candidate
from services.matching.domain.opening_facts import opening_facts
from services.matching.matcher_documents import StoredPrices, StoredTable
from services.matching.service import CONGESTION_WAITS_SECONDS
from shared.events.topics.opportunities import Opportunity
from shared.kit.base.log_allow_list import sift
from shared.kit.base.metrics import REGISTRY
from shared.kit.store.store import Operation
from shared.reference.matching_data import CongestionData
from tests.support.matching import TODAY, a_job, a_person, numbered
from tests.unit.matching.asking import PACK
from tests.unit.matching.scene import Scene

pytestmark = pytest.mark.unit
MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
ONE = CongestionData(share_of_mean=0.5, step=0.1, rounds=1, most=0.15)
MANY = ONE.model_copy(update={"rounds": 200, "most": 1.0})
PLACES = [code for code in sorted(PACK.codes("region")) if code.startswith("legal-dong-2026:41")][:12]


def of(number: int, **changes: Any) -> Opportunity:
    """A job of an employer of its own, with one place."""
    return a_job(number, places=1, employer={"number": f"{number:03d}-22-33333"}, **changes)


NAMES = {letter: of(number) for number, letter in enumerate("abcdef")}
Named = dict[str, float]


def table(
    pools: Sequence[Mapping[str, float]],
    data: CongestionData = ONE,
    *,
    before: Named | None = None,
    openings: int = 6,
    room: int = 2,
    places: Mapping[str, int] | None = None,
    likely: str = "abcdef",
    few: int | None = None,
) -> Named:
    """The table for these pools, by letter; a list has one first place. ``few``: so many jobs stand in a list."""
    jobs = {
        letter: job.model_copy(update={"places": (places or {}).get(letter, job.places)})
        for letter, job in NAMES.items()
    }
    letters = {job.opportunity: letter for letter, job in jobs.items()}
    facts = {letter: opening_facts(job, PACK) for letter, job in jobs.items()}
    firsts = [next((letter for letter in pool if letter in likely), None) for pool in pools]
    given = [
        [Candidate(facts[letter], score, letter == first) for letter, score in pool.items()]
        for pool, first in zip(pools, firsts, strict=True)
    ]
    numbers = {"congestion": data, "best_of_person": room, "first_places": 1, "least_of_person": 1, "lot": 0}
    matching = PACK.matching.model_copy(update={**numbers, "most_of_kind": {} if few is None else {"job": few}})
    earlier = Congestion(MONDAY, {jobs[letter].opportunity: price for letter, price in (before or {}).items()})
    making = next_day(earlier, given, openings, matching, TUESDAY)
    while (made := _advance(making)) is None:
        pass
    assert made.day == TUESDAY
    return {letters[id]: price for id, price in made.prices.items()}


class TestTable:
    def test_what_more_take_than_it_is_meant_for_becomes_dearer_and_the_rest_cheaper(self) -> None:
        pools = [{"a": 0.9, "b": 0.8, "c": 0.7}, {"a": 0.9, "b": 0.8, "c": 0.79}, {"b": 0.9, "c": 0.8}]
        # a: 2 lists, b: 3, c: 1; six entries in six openings, so each is meant for one
        assert table(pools) == {"a": 0.1, "b": 0.15}
        # c at 0.05 less: b stands in the first two and before everything of the third
        assert table(pools, before={"c": 0.05}) == {"a": 0.1, "b": 0.15, "c": 0.05}
        # b at 0.12 gives way to c in the first two lists: a twice, b once, c three times
        assert table(pools, before={"b": 0.12}) == {"a": 0.1, "b": 0.12, "c": 0.15}

    def test_an_opening_with_places_is_meant_for_as_many_lists_for_each(self) -> None:
        pools = [{"a": 0.9, "b": 0.8}] * 3
        assert table(pools) == {"a": 0.15, "b": 0.15}
        assert table(pools, places={"a": 3}) == {"b": 0.15}

    def test_with_many_people_it_is_a_share_of_the_mean(self) -> None:
        pools = [{"a": 0.9}] * 4 + [{"b": 0.9}] * 2 + [{"c": 0.9}] * 2
        assert table(pools, openings=2) == {"a": 0.1}  # eight entries, a mean of four, meant for two

    def test_the_rounds_end_where_nothing_changes_any_more(self) -> None:
        pools = [{"a": 0.9, "b": 0.8, "c": 0.7 + n / 100, "d": 0.7, "e": 0.69} for n in range(4)]
        found = table(pools, MANY)
        # all have a; somebody has each of the others, since b is dear by then
        assert found["a"] == 1.0
        assert found["b"] > 0.1

    def test_first_places_count_and_never_give_way(self) -> None:
        assert table([{"a": 0.9, "b": 0.2}] * 3, MANY, room=1)["a"] == 1.0

    def test_the_first_places_are_for_what_is_likely_and_as_many_others_stand_behind(self) -> None:
        pools = [{"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.6}] * 2
        assert table(pools, likely="c", room=3) == {"a": 0.1, "b": 0.1, "c": 0.1}  # two places behind the first
        no_likely = table(pools, likely="", room=3)
        assert no_likely == {"a": 0.1}  # the one of which a list without likely ones consists

    def test_of_a_kind_of_which_few_stand_few_are_taken(self) -> None:
        pools = [{"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.6}] * 2
        assert table(pools, room=3, few=1) == {"a": 0.1}
        assert table(pools, room=3, few=2) == {"a": 0.1, "b": 0.1}

    def test_of_what_is_nearly_the_same_each_takes_one_the_cheapest_by_their_lot(self) -> None:
        twin = opening_facts(NAMES["a"], PACK).crowd
        first, second = (replace(opening_facts(NAMES[letter], PACK), crowd=twin) for letter in "ab")
        other = opening_facts(NAMES["c"], PACK)

        def prices(*lots: tuple[float, float], first_place: bool) -> Named:
            pools = [
                [
                    Candidate(first, 0.9, first_place, one),
                    Candidate(second, 0.9, first_place, two),
                    Candidate(other, 0.1, False),
                ]
                for one, two in lots
            ]
            numbers = {"congestion": ONE, "best_of_person": 1, "first_places": 1, "least_of_person": 1, "lot": 0}
            making = next_day(Congestion(MONDAY, {}), pools, 6, PACK.matching.model_copy(update=numbers), TUESDAY)
            while (made := _advance(making)) is None:
                pass
            return {"ab"[id == second.id]: price for id, price in made.prices.items()}

        for stands_first in (True, False):
            assert prices((0.9, 0.1), (0.8, 0.3), first_place=stands_first) == {"a": 0.1}  # two lists, meant for one
            assert prices((0.9, 0.1), (0.3, 0.8), first_place=stands_first) == {}
            # of equal lots one is taken, too: two would be more than stand
            assert prices((0.5, 0.5), (0.5, 0.5), first_place=stands_first) == {"a": 0.1}

    def test_the_same_whatever_the_slices(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pools = [{"a": 0.9, "b": 0.8, "c": 0.79}, {"a": 0.9, "c": 0.8}, {"b": 0.5}, {}]
        whole = table(pools, MANY)
        monkeypatch.setattr(congestion, "AT_ONCE", 1)
        assert table(pools, MANY) == whole
        monkeypatch.setattr(congestion, "TOGETHER", 2)
        assert table(pools, MANY) == whole

    def test_no_slice_looks_at_the_pools_of_many_people(self) -> None:
        looked_at, before, most = 0, 0, 0
        matching = PACK.matching.model_copy(update={"congestion": ONE})

        def pools() -> Iterator[Sequence[Candidate]]:
            nonlocal looked_at
            while looked_at < 300:
                looked_at += 1
                yield [Candidate(opening_facts(NAMES["a"], PACK), 0.5, True)]

        for _ in next_day(Congestion(MONDAY, {}), pools(), 6, matching, TUESDAY):
            most, before = max(most, looked_at - before), looked_at
        assert looked_at == 300
        assert most <= 100

    def test_nobody_and_nothing(self) -> None:
        assert table([], openings=0) == {}
        assert table([{}]) == {}


class TestInTheService:
    async def make(self, scene: Scene) -> None:
        """What the active matcher does at each turn of its loop, until it is done."""

        async def perform(operation: Operation[None]) -> None:
            scene.perform(operation)

        async def aside(work):  # in no thread
            return work()

        maker = CongestionTable(scene.matching, perform, aside)
        await maker.make()
        while maker.busy:
            await maker.make()
        scene.publish_changes()

    async def tomorrow(self, scene: Scene) -> None:
        scene.day += timedelta(days=1)
        scene.matching.begin_day(scene.day)
        scene.publish_changes()
        await self.make(scene)

    @staticmethod
    def crowd() -> Scene:
        """Eight people from three places, who would have nearly the same ten of twenty-four openings."""
        scene, pay = Scene(), [2_200_000 + n * 7_919 % 40 * 10_000 for n in range(24)]
        scene.does(*(of(n, region=PLACES[n % 4], wage={"minimum": pay[n]}) for n in range(24)))
        for n in range(1, 9):
            wants = {"kinds": ["job"], "commute_minutes": 90 + 7 * n}
            scene.does(a_person(n, residence=PLACES[n % 3], wants=wants))
        return scene

    @staticmethod
    def prices(scene: Scene, day: date) -> dict[str, float]:
        stored = [StoredPrices.from_document(one) for one in scene.store.all("congestion")]
        return {opening: price for one in stored if one.day == day for opening, price in one.prices.items()}

    async def test_the_first_table_is_empty_and_the_next_one_spreads_people(self) -> None:
        scene = self.crowd()
        before = scene.standing()
        await self.make(scene)
        assert scene.standing() == before
        seen = {opening for _, opening in before}
        await self.tomorrow(scene)
        assert self.prices(scene, TODAY) == {}
        assert self.prices(scene, scene.day)
        assert len({opening for _, opening in scene.standing()}) > len(seen)
        assert len(scene.standing()) == len(before)
        in_force = scene.store.get("progress", "congestion")
        assert in_force is not None
        assert StoredTable.from_document(in_force).day == scene.day

    async def test_it_is_made_once_a_day_and_kept_with_the_match(self) -> None:
        scene = self.crowd()
        await self.make(scene)
        assert not scene.matching.congestion_due
        await self.tomorrow(scene)
        written = len(scene.store.all("congestion"))
        await self.make(scene)
        assert len(scene.store.all("congestion")) == written
        made_with = {one["congestion"] for one in scene.store.all("matches") if one["standing"]}
        assert made_with == {None, scene.day.isoformat()}  # those before stand unchanged from before the first table

    async def test_the_same_lists_come_of_it_after_a_load(self) -> None:
        scene = self.crowd()
        await self.make(scene)
        await self.tomorrow(scene)
        standing, prices = scene.standing(), self.prices(scene, scene.day)
        told = len(scene.told())
        scene.begin()
        scene.matching.load_congestion(Congestion(scene.day, prices))
        scene.publish_changes()
        assert (scene.standing(), len(scene.told())) == (standing, told)

    async def test_it_is_stored_a_part_at_a_time(self) -> None:
        """Between two of them what may no longer match is withdrawn."""
        scene, performed = self.crowd(), 0

        async def perform(operation: Operation[None]) -> None:
            nonlocal performed
            performed += 1
            scene.perform(operation)

        async def aside(work):  # in no thread
            return work()

        maker = CongestionTable(scene.matching, perform, aside)
        most, before = 0, 0
        await maker.make()
        while maker.busy:
            await maker.make()
            most, before = max(most, performed - before), performed
            assert scene.matching.congestion_due == maker.busy  # in force once all of it is stored
        assert (performed, most) == (17, 1)

    async def test_of_which_day_it_is_stands_in_the_metrics_and_the_log(self, monkeypatch: pytest.MonkeyPatch) -> None:
        scene, told = self.crowd(), list[Any]()
        log = SimpleNamespace(info=lambda event, **values: told.append((event, *sift(values))))
        monkeypatch.setattr(congestion_table, "_log", log)
        await self.make(scene)
        await self.tomorrow(scene)
        day = datetime.combine(scene.day, time(), UTC)
        assert REGISTRY.get_sample_value("ieum_congestion_day") == day.timestamp()
        days, counts = (TODAY, scene.day), (0, len(self.prices(scene, scene.day)))
        assert told == [
            ("congestion_in_force", {"day": day.isoformat(), "opportunities": count}, 0)
            for day, count in zip(days, counts, strict=True)
        ]

    async def test_where_something_always_waits_it_is_made_after_an_hour_of_the_day(self) -> None:
        scene = self.crowd()
        await self.make(scene)
        scene.day += timedelta(days=1)
        scene.now += 50_000
        scene.matching.begin_day(scene.day)
        scene.hear(a_job(40))
        scene.matching.drain_inbox()
        assert scene.matching.waiting
        scene.now += CONGESTION_WAITS_SECONDS - 1
        assert not scene.matching.congestion_due
        scene.now += 1
        assert scene.matching.congestion_due
        await self.make(scene)
        assert not scene.matching.congestion_due
        assert self.prices(scene, scene.day)

    async def test_not_while_something_waits_to_be_assessed(self) -> None:
        scene = self.crowd()
        await self.make(scene)
        scene.day += timedelta(days=1)
        scene.matching.begin_day(scene.day)
        scene.hear(a_job(40))
        scene.matching.drain_inbox()
        assert not scene.matching.congestion_due
        scene.publish_changes()
        assert scene.matching.congestion_due

    def test_off_by_the_setting(self) -> None:
        scene = Scene(congestion=False)
        scene.does(a_job(1), a_person(1))
        assert not scene.matching.congestion_due
        scene.matching.load_congestion(Congestion(TODAY, {a_job(1).opportunity: 0.5}))
        assert scene.matching.congestion_due is False

    def test_a_table_is_stored_in_parts_by_how_ids_begin(self) -> None:
        scene = Scene()
        scene.perform(*saved(Congestion(TODAY, {numbered(1): 0.25, "f" * 32: 0.5})))
        parts = {one["_id"]: one["prices"] for one in scene.store.all("congestion") if one["prices"]}
        assert parts == {f"{TODAY}/0": {numbered(1): 0.25}, f"{TODAY}/f": {"f" * 32: 0.5}}
        assert len(scene.store.all("congestion")) == 16
