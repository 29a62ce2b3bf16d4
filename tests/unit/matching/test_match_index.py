"""The incremental index says what the oracle says, whatever happened between the slices of its scans."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.matching.assessment_queue import AssessmentQueue
from services.matching.domain.columns import layout as layout_module
from services.matching.domain.congestion import Congestion, whole
from services.matching.domain.match_index import MatchIndex, Pair
from services.matching.domain.opening_facts import opening_facts
from services.matching.domain.person_facts import person_facts
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack, load_pack
from shared.reference.matching_data import CongestionData
from tests.support.matching import SUWON, TODAY, a_job, a_person, numbered, random_opening, random_person
from tests.unit.matching.asking import held
from verification.oracle.matches import Standing, matches_of

pytestmark = pytest.mark.unit
PACK = load_pack("kr-gyeonggi")
CONGESTION = CongestionData(share_of_mean=0.3, step=0.1, rounds=4, most=0.3)
SMALL = PACK.matching.model_copy(
    update={
        "best_of_person": 2, "chosen_from": 4, "most_of_employer": 1, "most_of_kind": {"training": 1},
        "best_of_opportunity": 2, "threshold": 0.3, "first_places": 1,
        "congestion": CONGESTION,
    }
)  # fmt: skip
EXAMPLES = int(os.environ.get("EXAMPLES") or 100)  # `make matching-events` asks for more
PLAIN = (0.0, 0.6, 0.9)  # of what is random all is, or little: else hardly anything would match
NEW_YEAR = date(2026, 12, 30)  # two days before the legal wage floor and everybody's age are others


def small_pack() -> Pack:
    """The pack with so few places that ranks matter in a small world."""
    return replace(PACK, matching=SMALL)


class World:
    """An index with its queue, and beside it what should be true. Slices are as small as they can be."""

    def __init__(self, pack: Pack, day: date, reserve: int) -> None:
        self.pack, self.day = pack, day
        self.index = MatchIndex(pack, day, reserve)
        self.queue = AssessmentQueue(self.index, clock=lambda: 0.0)  # the time is always up: one slice at each call
        self.people: dict[str, Person] = {}
        self.openings: dict[str, Opportunity] = {}
        self.revision = 0
        self.prices: dict[str, float] = {}

    def expected(self) -> dict[Pair, Standing]:
        return matches_of(self.people.values(), self.openings.values(), self.pack, self.day, self.prices)

    def step(self, what: str, number: int, seed: int) -> None:
        dice = random.Random(seed)
        self.revision += 1
        self.queue.note_revision(self.revision)
        match what:
            case "person":
                person = random_person(number, dice, dice.choice(PLAIN))
                self.people[person.person] = person
                self.queue.put_person(person_facts(person, self.pack), self.revision)
            case "opening":
                again = random.Random(seed % 60)  # now and then the same advert
                opening = random_opening(number, again, again.choice(PLAIN))
                self.openings[opening.opportunity] = opening
                self.queue.put_opening(opening_facts(opening, self.pack), self.revision)
            case "close":
                if (known := self.openings.get(numbered(0xB0000 + number))) is not None:
                    closed = known.model_copy(update={"status": "closed"})
                    self.openings[known.opportunity] = closed
                    self.queue.put_opening(opening_facts(closed, self.pack), self.revision)
            case "next day":
                self.day += timedelta(days=1)
                change = self.index.set_day(self.day)
                for id in change.people:
                    self.index.remove_person(id)
                for id in change.openings:
                    self.queue.remove_opening(id)
                for id in self.index.people() if change.rescan_all else ():
                    self.queue.rescan(id)
            case "congestion" if seed % 2:
                self.index.set_congestion(whole(self.index.next_congestion()))
                assert self.index.congestion is not None
                self.prices = dict(self.index.congestion.prices)
            case "congestion":
                self.prices = {numbered(0xB0000 + n): dice.choice([0.01, 0.1, 0.3]) for n in range(number)}
                self.index.set_congestion(Congestion(self.day, self.prices))
            case _:
                for _ in range(number):
                    self.queue.advance(0.0)

    def drain(self) -> None:
        while self.queue.advance(0.0):
            pass


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["person", "person", "opening", "opening", "opening", "close", "next day", "slices", "slices", "congestion"]
        ),
        st.integers(0, 9),
        st.integers(0, 10_000),
    ),
    min_size=5,
    max_size=60,
)


@pytest.fixture(scope="class")
def compared() -> Iterator[Counter[str]]:
    """How much was; printed for who asked for more."""
    seen = Counter[str]()
    yield seen
    assert 4 * seen["matches"] > seen["looks"], "nearly all worlds were empty: nothing was compared"
    print(f"\n{seen['events']} events, {seen['looks']} looks, {seen['matches']} matches compared")


class TestIndex:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        steps=STEPS,
        reserve=st.integers(0, 2),
        tail=st.integers(0, 3),
        new_year=st.booleans(),
        there=st.integers(0, 6),
    )
    def test_says_what_the_plain_engine_says_after_any_interleaving_of_changes_days_and_slices(
        self, compared: Counter[str], steps: list[tuple[str, int, int]], reserve: int, tail: int, new_year: bool,
        there: int,
    ) -> None:  # fmt: skip
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(layout_module, "TAIL_AT_LEAST", tail)  # packed anew all the time
            world = World(small_pack(), NEW_YEAR if new_year else TODAY, reserve)
            begun = [
                (what, n % 10, 7 * n) for what, many in (("person", there), ("opening", 2 * there)) for n in range(many)
            ]
            for number, step in enumerate(begun + steps):
                world.step(*step)
                if number % 7 == 6:
                    world.drain()
                    expected = world.expected()
                    assert held(world.index, world.pack) == expected
                    compared.update(looks=1, matches=len(expected))
            world.drain()
            expected = world.expected()
            assert held(world.index, world.pack) == expected
            compared.update(events=len(begun + steps), looks=1, matches=len(expected))
            assert world.queue.assessed_through == world.revision
            dirty_lists = world.queue.dirty_lists  # whoever has anything was looked at
            assert {person for person, _ in world.expected()} <= dirty_lists

    def test_the_next_best_takes_over_when_the_best_goes_and_when_the_reserve_is_used_up_all_is_looked_at_again(
        self,
    ) -> None:
        lotless = replace(PACK, matching=SMALL.model_copy(update={"lot": 0}))
        world = World(lotless, TODAY, reserve=1)  # two stand, chosen from four; one is behind them
        for number in range(9):
            job = a_job(number)
            world.openings[job.opportunity] = job
            world.queue.put_opening(opening_facts(job, PACK), number + 1)
        world.people[numbered(1)] = a_person()
        world.queue.put_person(person_facts(a_person(), PACK), 10)
        world.drain()
        jobs = [a_job(number).opportunity for number in range(9)]
        assert world.index.best(numbered(1)) == jobs[:2]
        world.queue.remove_opening(jobs[0])
        assert (world.index.is_complete(numbered(1)), world.index.best(numbered(1))) == (True, jobs[1:3])
        world.queue.remove_opening(jobs[1])
        assert not world.index.is_complete(numbered(1))
        world.drain()
        assert world.index.best(numbered(1)) == jobs[2:4]

    def test_copies_of_one_advert_and_one_employer_fill_no_list_and_the_next_copy_takes_over(self) -> None:
        world = World(PACK, TODAY, reserve=20)
        best = {"wage": {"minimum": 3_400_000}}
        copies = [a_job(n, employer={"number": "999-22-33333"}, **best) for n in range(70)]
        places = [code for code in sorted(PACK.codes("region")) if PACK.commute_minutes(SUWON, code, False)][:60]
        theirs = [a_job(100 + n, employer={"number": "888"}, region=code, **best) for n, code in enumerate(places)]
        jobs = [*copies, *theirs, *(a_job(300 + n) for n in range(12))]
        for revision, job in enumerate(jobs, 1):
            world.openings[job.opportunity] = job
            world.queue.put_opening(opening_facts(job, PACK), revision)
        world.people[numbered(1)] = a_person()
        world.queue.put_person(person_facts(a_person(), PACK), 500)
        world.drain()
        assert held(world.index, PACK) == world.expected()
        first = world.index.best(numbered(1))
        assert sum(id in first for id in (job.opportunity for job in copies)) == 1
        assert sum(id >= a_job(300).opportunity for id in first) >= 6
        world.openings[first[0]] = world.openings[first[0]].model_copy(update={"status": "closed"})
        world.queue.remove_opening(first[0])
        world.drain()
        assert held(world.index, PACK) == world.expected()
        assert first[0] not in world.index.best(numbered(1))

    def test_who_fits_an_opening_best_is_found_beside(self) -> None:
        world = World(small_pack(), TODAY, reserve=1)
        for number in (3, 1, 2):
            world.queue.put_person(person_facts(a_person(number), PACK), number)
        world.queue.put_opening(opening_facts(a_job(), PACK), 4)
        world.drain()
        [(opening, best)] = world.queue.candidates.items()
        assert (opening, [person for _, person in best or ()]) == (a_job().opportunity, [numbered(1), numbered(2)])

    def test_what_comes_again_and_again_is_assessed_and_what_is_new_beside_it(self) -> None:
        world = World(small_pack(), TODAY, reserve=1)
        for number in range(1, 6):
            world.queue.put_opening(opening_facts(a_job(number), PACK), number)
        world.drain()
        world.queue.put_opening(opening_facts(a_job(9), PACK), 6)
        for revision in range(7, 27):
            for number in range(1, 6):
                world.queue.put_opening(opening_facts(a_job(number), PACK), revision)
            world.queue.advance(0.0)
        assert not world.queue.awaits_opening(a_job(9).opportunity)
        assert {id for id, _ in world.queue.candidates.items()} >= {a_job(number).opportunity for number in range(1, 6)}

    def test_what_waits_is_assessed_once_as_it_is_now(self) -> None:
        world = World(small_pack(), TODAY, reserve=1)
        for revision in range(50):
            world.queue.put_opening(opening_facts(a_job(), PACK), revision)
            world.queue.put_person(person_facts(a_person(), PACK), revision)
        assert world.queue.waiting == 2


class TestWhatIsOver:
    def test_who_left_whose_consent_is_over_and_what_was_closed_is_not_held(self) -> None:
        world = World(small_pack(), TODAY, reserve=1)
        for number in range(5):
            for revision, changes in enumerate(({}, {"status": "closed"}), 1):
                world.queue.put_opening(opening_facts(a_job(number, **changes), PACK), revision)
            world.queue.put_person(person_facts(a_person(number), PACK), 1)
        world.queue.put_person(person_facts(a_person(1, status="left"), PACK), 2)
        world.queue.put_person(person_facts(a_person(2, consents=[]), PACK), 2)
        world.drain()
        assert (set(world.index.people()), world.index.sizes()) == ({numbered(n) for n in (0, 3, 4)}, (3, 0))
