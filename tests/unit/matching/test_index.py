"""The incremental index says at every moment what the plain engine says, whatever was undone in between."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.domain.index import Index
from services.matching.domain.matcher import Pair, Standing, matches_of
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack, load_pack
from tests.support.matching import TODAY, a_job, a_person, numbered, random_opening, random_person

pytestmark = pytest.mark.unit
PACK = load_pack("kr-gyeonggi")
SMALL = PACK.matching.model_copy(update={"best_of_person": 2, "threshold": 0.3})


def small_pack() -> Pack:
    """The pack with so few places that ranks matter in a small world."""
    return replace(PACK, matching=SMALL)


State = tuple[dict[str, Person], dict[str, Opportunity], date]


class World:
    """What should be true, kept beside the index."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.people: dict[str, Person] = {}
        self.openings: dict[str, Opportunity] = {}
        self.day = TODAY

    def expected(self, pack: Pack) -> dict[Pair, Standing]:
        return matches_of(self.people.values(), self.openings.values(), pack, self.day)

    def copy(self) -> State:
        return dict(self.people), dict(self.openings), self.day

    def back(self, state: State) -> None:
        self.people, self.openings, self.day = dict(state[0]), dict(state[1]), state[2]

    def step(self, what: str, number: int, seed: int) -> set[Pair]:
        dice = random.Random(seed)
        match what:
            case "person":
                person = random_person(number, dice)
                self.people[person.person] = person
                return self.index.put_person(person)
            case "opening":
                opening = random_opening(number, dice)
                self.openings[opening.opportunity] = opening
                return self.index.put_opportunity(opening)
            case "drop person":
                self.people.pop(numbered(number), None)
                return self.index.drop_person(numbered(number))
            case "drop opening":
                id = numbered(0xB0000 + number)
                self.openings.pop(id, None)
                return self.index.drop_opportunity(id)
            case _:
                self.day += timedelta(days=1)
                self.index.set_day(self.day)
                changed = set().union(*(self.index.reassess(person) for person in self.index.people()))
                assert self.index.drop_ended() == set()  # whoever is reassessed has nothing left with what has ended
                return changed


WHAT = ["person", "person", "opening", "opening", "drop person", "drop opening", "next day"]
STEPS = st.lists(
    st.tuples(st.sampled_from([*WHAT, "mark", "undo", "commit", "abort"]), st.integers(0, 7), st.integers(0, 10_000)),
    min_size=5,
    max_size=40,
)


def held(index: Index) -> dict[Pair, Standing]:
    return {pair: found for pair in index.kept() if (found := index.standing(pair)) is not None}


def fit(match: Standing) -> object:
    return match.score, match.asks, match.contributions


class TestIndex:
    @settings(max_examples=60, deadline=None)
    @given(steps=STEPS)
    def test_says_what_the_plain_engine_says_after_any_interleaving_with_undo_and_abort(
        self, steps: list[tuple[str, int, int]]
    ) -> None:
        pack = small_pack()
        index = Index(pack, TODAY)
        world = World(index)
        committed = world.copy()
        marks: list[tuple[object, State]] = []
        for what, number, seed in steps:
            if what == "mark":
                marks.append((index.mark(), world.copy()))
            elif what == "undo" and marks:
                mark, state = marks.pop()
                index.undo(mark)
                world.back(state)
            elif what == "commit":
                index.committed()
                committed, marks = world.copy(), []
            elif what == "abort":
                index.aborted()
                world.back(committed)
                marks = []
            elif what in WHAT:
                before = held(index)
                changed = world.step(what, number, seed)
                after = held(index)
                for pair in before.keys() ^ after.keys():
                    assert pair in changed
                for pair in before.keys() & after.keys():
                    assert pair in changed or fit(before[pair]) == fit(after[pair])
            assert held(index) == world.expected(pack)
            assert index.today == world.day

    def test_the_next_best_takes_over_when_the_best_goes(self) -> None:
        index = Index(PACK, TODAY)
        index.put_opportunity(a_job())
        people = [a_person(n, situation={"jobless": n % 2 == 0}) for n in range(25)]
        for person in people:
            index.put_person(person)
        job = a_job().opportunity
        assert len(list(index.kept())) == 25  # each person has it among their best ten, however many others do
        changed = index.drop_person(numbered(0))
        assert changed == {(numbered(0), job)}
        assert held(index)[numbered(1), job].rank == 1

    def test_a_rank_alone_is_no_change(self) -> None:
        index = Index(PACK, TODAY)
        index.put_opportunity(a_job())
        index.put_person(a_person(1))
        changed = index.put_person(a_person(2, residence="legal-dong-2026:41210"))
        assert changed == {(numbered(2), a_job().opportunity)}

    def test_dropping_what_is_not_held_changes_nothing(self) -> None:
        index = Index(PACK, TODAY)
        assert index.drop_person(numbered(9)) == set()
        assert index.drop_opportunity(numbered(9)) == set()


class TestWhatIsOver:
    def test_who_left_and_what_was_closed_is_not_assessed_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        index = Index(PACK, TODAY)
        for number in range(20):
            index.put_opportunity(a_job(number))
            index.put_opportunity(a_job(number, status="closed"))
            index.put_person(a_person(number))
            index.put_person(a_person(number, status="left"))
        assert tuple(index.people()) == ()
        assessed: list[object] = []
        monkeypatch.setattr("services.matching.domain.index.verdict_of", lambda *pair: assessed.append(pair))
        index.put_person(a_person(99))
        index.put_opportunity(a_job(99))
        assert len(assessed) == 1

    def test_what_comes_back_matches_again(self) -> None:
        index = Index(PACK, TODAY)
        index.put_opportunity(a_job(1))
        index.put_person(a_person(1, status="left"))
        index.put_person(a_person(1))
        index.put_opportunity(a_job(1, status="closed"))
        assert index.put_opportunity(a_job(1)) == {(numbered(1), a_job(1).opportunity)}
        assert set(index.kept()) == {(numbered(1), a_job(1).opportunity)}
