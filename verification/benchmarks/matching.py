"""`make bench-matching`: what the matching index costs at a size. PEOPLE= OPENINGS= SEED=; the last line is one JSON
object. All times are processor time of this process, which other work on the machine lengthens less than the clock's;
but those of a restart (`matching_restart`), which are the clock's.

What is compared with: a scan in numpy of the same columns that decides and weighs every pair (`speedup_vs_numpy`), and
the plain rules, which every sampled pair must agree with (`differences`).
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from services.matching.domain.assessment import assess
from services.matching.domain.columns.blocks import REFUSES
from services.matching.domain.columns.condition_filter import PAIRED
from services.matching.domain.columns.kernel import compile_kernels
from services.matching.domain.columns.layout import Layout
from services.matching.domain.columns.pairs import Pairs
from services.matching.domain.columns.rows import Held
from services.matching.domain.columns.table import OPENING, PERSON
from services.matching.domain.columns.values import UNIT
from services.matching.domain.match_index import DayChange, MatchIndex
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts
from shared.kit.base.garbage_collection import tune_gc
from shared.reference import Pack, load_pack
from verification.benchmarks.matching_restart import restart
from verification.benchmarks.matching_service import Size, service
from verification.benchmarks.matching_world import World

TODAY, TOMORROW = date(2026, 11, 22), date(2026, 11, 23)
NEW_YEAR = date(2027, 1, 1)  # another wage table, and everybody's age: all lists are made anew
LISTS_SECONDS = 150.0  # so long lists are made; the rest is reckoned from those
CHANGES, SCANS, SAMPLED = 400, 200, 120
COPIED = 2_000  # lists, for those whose own were not made
CHURN_SHARE, CHURN_SECONDS = 20, 60.0  # one in so many openings and people comes and goes in a day; at most so long
SCANNED = 1_000_000  # people whom one advert is compared with


@dataclass
class Measured:
    """Seconds of one kind of thing."""

    seconds: list[float] = field(default_factory=list)

    def time(self, work: Callable[[], object]) -> None:
        """Once more."""
        began = time.process_time()
        work()
        self.seconds.append(time.process_time() - began)

    @property
    def mean(self) -> float:
        """In seconds."""
        return sum(self.seconds) / len(self.seconds)

    def ms(self, share: float) -> float:
        """What so many of them do not exceed, in milliseconds."""
        return round(1_000 * sorted(self.seconds)[min(int(len(self.seconds) * share), len(self.seconds) - 1)], 2)


class Bench:
    """An index of a world."""

    def __init__(self, pack: Pack, people: int, openings: int, seed: int) -> None:
        self.pack, self.dice, self.world = pack, random.Random(seed), World(pack, seed)
        self.index = MatchIndex(pack, TODAY)
        self.people = list(self.world.people(people))
        self.openings = list(self.world.openings(openings))
        self.pairs = self.index._pairs

    def load(self) -> tuple[float, int]:
        """Seconds until everybody has a list, and of how many that was measured."""
        compile_kernels()
        tune_gc()  # as the service does, and while it loads
        began = time.process_time()
        gc.disable()
        for person in self.people:
            self.index.put_person(person, 1)
        for opening in self.openings:
            self.index.put_opening(opening, 1)
        gc.freeze()
        gc.enable()
        taken, some = time.process_time() - began, 0
        print(f"put: {taken:.1f} s", flush=True)
        scans = time.process_time()
        while some < len(self.people) and (some < 500 or time.process_time() - scans < LISTS_SECONDS):
            self.scan_person(self.people[some])
            some += 1
        seconds = time.process_time() - scans
        return taken + seconds * len(self.people) / some, some

    def copy_lists(self, listed: int) -> None:
        """The others have the list of somebody who has one: it takes as much room, and adverts enter it as easily."""
        lists, held = self.index._lists, [self.pairs.people[person.id] for person in self.people]
        ready = [(one, *found) for one in held[: min(listed, COPIED)] if (found := lists.ranked(one.row)) is not None]
        copies = [
            (rows, np.rint(scores * UNIT).astype(np.int64), self.pairs.beneath_person(one, rows), lists.cutoff(one.row))
            for one, rows, scores in ready
        ]
        for other in held[listed:]:
            lists.fill(other.row, *self.dice.choice(copies))
        self.index._noted(np.array([other.row for other in held[listed:]]))

    def scan_person(self, person: PersonFacts) -> None:
        """All of it."""
        self.index.scan_person(person.id)

    def scan_opening(self, opening: OpeningFacts) -> None:
        """All of it."""
        self.index.scan_opening(opening.id)

    def change_person(self) -> None:
        """Somebody is another."""
        place = self.dice.randrange(len(self.people))
        changed = self.people[place] = self.world.changed_person(self.people[place], self.people[place].id)
        self.index.put_person(changed, 2)
        self.scan_person(changed)

    def change_opening(self) -> None:
        """An advert is another."""
        place = self.dice.randrange(len(self.openings))
        changed = self.openings[place] = self.world.changed_opening(self.openings[place], self.openings[place].id)
        self.index.put_opening(changed, 2)
        self.scan_opening(changed)

    def close_opening(self) -> None:
        """An advert goes."""
        place = self.dice.randrange(len(self.openings))
        self.index.remove_opening(self.openings[place].id)
        self.openings[place] = self.openings[-1]
        self.openings.pop()

    def turn_day(self, day: date) -> tuple[float, float]:
        """Seconds until everybody's list is right again on that day, and the longest piece in milliseconds: whoever
        asks meanwhile waits for one. Of many people some are looked at, and the rest is reckoned."""
        pieces, scans = Measured(), Measured()
        change: list[DayChange] = []
        pieces.time(lambda: change.append(self.index.set_day(day)))
        for gone in change[0].people:
            pieces.time(partial(self.index.remove_person, gone))
        for opening in change[0].openings:
            pieces.time(partial(self.index.remove_opening, opening))
        self.people = [one for one in self.people if self.index.has_person(one.id)]
        self.openings = [one for one in self.openings if self.index.has_opening(one.id)]
        if change[0].rescan_all:
            for person in self.people:
                if sum(scans.seconds) > LISTS_SECONDS:
                    break
                scans.time(partial(self.scan_person, person))
        seconds = sum(scans.seconds) * len(self.people) / max(1, len(scans.seconds))
        return sum(pieces.seconds) + seconds, max(pieces.ms(1.0), scans.ms(1.0) if scans.seconds else 0.0)

    def churn(self) -> float:
        """What of a day's coming and going stays in memory, in GB: the sizes are the same afterwards."""
        gc.collect()
        before, fresh = resident_gb(), World(self.pack, 7)
        for _ in _in_a_day(self.openings):
            self.close_opening()
            (opening,) = fresh.openings(1)
            self.openings.append(opening)
            self.index.put_opening(opening, 1)
            self.scan_opening(opening)
        for _ in _in_a_day(self.people):
            place = self.dice.randrange(len(self.people))
            self.index.remove_person(self.people[place].id)
            (person,) = fresh.people(1)
            self.people[place] = person
            self.index.put_person(person, 1)
            self.scan_person(person)
        gc.collect()
        return round(resident_gb() - before, 3)

    def against_numpy(self, listed: int) -> tuple[float, Measured]:
        """How many times quicker an opening is compared with `SCANNED` people than by a scan of everything; and how
        long that takes."""
        held = self.pairs.people.layout
        self.pairs.people.layout = self._many_people(listed)
        try:
            ratios, ours = list[float](), Measured()
            look = partial(self.pairs.of_opening, entering=True, shown=self.pack.matching.best_of_opportunity)
            for number, opening in enumerate(self.dice.sample(self.openings, min(SCANS, len(self.openings)))):
                one, whole = self.pairs.openings[opening.id], Measured()
                look(one)  # what it looks like was seen before
                ours.time(partial(look, one))
                if number < SCANS // 10:
                    whole.time(Everything(self.pairs, one).scan)
                    ratios.append(whole.mean / ours.seconds[-1])
        finally:
            self.pairs.people.layout = held
        return sorted(ratios)[len(ratios) // 2], ours

    def _many_people(self, listed: int) -> Layout:
        """Columns of `SCANNED` people: the home of one who is held with all else of another, and as hard to please as a
        third of those who have a list."""
        layout, random = self.pairs.people.layout, np.random.default_rng(1)
        rows = np.array([self.pairs.people[person.id].row for person in self.people])
        columns = len(layout.numbers_of(int(rows[0])))
        many = Layout(columns, layout.heads, layout.turn, layout.hot.tolist())
        homes, others, pleased = (random.choice(some, SCANNED) for some in (rows, rows, rows[:listed]))
        numbers = np.column_stack([layout.column_of(others, column) for column in range(columns)])
        of_homes = [column for column, one in enumerate(PAIRED) if one.name in ("commute", "region", "needs")]
        for column in (*of_homes, self.pairs._factors.column("commute")):
            numbers[:, column] = layout.column_of(homes, column)
        for row, own in enumerate(numbers):
            many.put(row, own)
        many.enter_from(np.arange(SCANNED), layout.enters_of(pleased))
        return many

    def differences(self) -> int:
        """Of sampled pairs, from either side, those of which the columns do not say what the plain rules say."""
        people = self.dice.sample(self.people, min(SAMPLED, len(self.people)))
        openings = self.dice.sample(self.openings, min(SAMPLED, len(self.openings)))
        pairs, wrong = self.pairs, 0
        expected, found = dict[tuple[str, str], float](), dict[tuple[str, str], float]()
        other_way = dict[tuple[str, str], float]()
        for person in people:
            for opening in openings:
                plain = assess(person, opening, pairs.context)
                if plain.state != "no" and plain.fit >= self.pack.matching.threshold:
                    expected[person.id, opening.id] = plain.score
        adverts = [pairs.openings[one.id] for one in openings]
        crowd = [pairs.people[one.id] for one in people]
        for own in crowd:
            scored = pairs.of_person(own, np.array([one.row for one in adverts]))
            for row, score in zip(scored.rows.tolist(), scored.scores.tolist(), strict=True):
                found[own.facts.id, pairs.openings.id_of(row)] = score / UNIT
        for advert in adverts:
            scored = pairs.of_opening(advert, np.array([one.row for one in crowd]))
            for row, score in zip(scored.rows.tolist(), scored.scores.tolist(), strict=True):
                other_way[pairs.people.id_of(row), advert.facts.id] = score / UNIT
        for each in (found, other_way):
            wrong += sum(each.get(pair) != expected.get(pair) for pair in each.keys() | expected.keys())
        return wrong


def _in_a_day(held: Sequence[object]) -> Iterator[int]:
    """One for each of these that comes and goes."""
    end = time.process_time() + CHURN_SECONDS
    for number in range(max(CHANGES, len(held) // CHURN_SHARE)):
        if time.process_time() > end:
            return
        yield number


class Everything:
    """Every condition and every factor of every pair of one opening, column by column. What the rules say is known
    before: only the scan is timed."""

    def __init__(self, pairs: Pairs, opening: Held[OpeningFacts]) -> None:
        numbers, conditions = pairs.openings.layout.numbers_of(opening.row).tolist(), pairs._conditions
        others = pairs.people.layout.all(0)
        people = others.numbers[:, others.row_of >= 0]
        factors = pairs._factors.of_opening(numbers, pairs._orders[PERSON])
        self._answers = [
            (np.ascontiguousarray(people[each]), table.line(OPENING, numbers[each]))
            for each, table in enumerate(conditions.tables)
        ]
        self._values = [
            (np.ascontiguousarray(people[column]), factors.parts[0, factors.at[place] :] / UNIT)
            for place, column in pairs._factors.columns.items()
        ]

    def scan(self) -> int:
        """How many are left."""
        admitted, total = np.ones(len(self._answers[0][0]), bool), np.zeros(len(self._answers[0][0]))
        for column, answers in self._answers:
            admitted &= answers[column] != REFUSES
        for column, values in self._values:
            total += np.rint(values[column] * UNIT)
        return int(np.count_nonzero(admitted & (total > 0)))


def resident_gb() -> float:
    """Of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return round(kilobytes / 1e6, 3)


def measured(pack: Pack, number: int, adverts: int, seed: int) -> dict[str, Any]:
    """Of an index alone."""
    before = resident_gb()
    bench = Bench(pack, number, adverts, seed)
    load, of = bench.load()
    print(f"loaded: {load:.1f} s of processor time, the lists of {of} people worked out", flush=True)
    if of < number:
        bench.copy_lists(of)
    speedup, scans = bench.against_numpy(of)
    people, openings, closed, both = Measured(), Measured(), Measured(), Measured()
    for _ in range(CHANGES):
        people.time(bench.change_person)
        openings.time(bench.change_opening)
        if len(bench.openings) > SAMPLED:
            closed.time(bench.close_opening)
    both.seconds = people.seconds + openings.seconds + closed.seconds
    for name, each in (("a person", people), ("an opening", openings), ("one closed", closed)):
        if each.seconds:
            print(f"change of {name}: mean {1_000 * each.mean:.2f}, p99 {each.ms(0.99)} ms", flush=True)
    held, wrong = resident_gb() - before, bench.differences()
    grown = bench.churn()
    turns = {str(day): bench.turn_day(day) for day in (TOMORROW, NEW_YEAR)}
    for day, (seconds, longest) in turns.items():
        print(f"turn to {day}: {seconds:.1f} s, the longest piece {longest:.1f} ms", flush=True)
    return {
        "people": number, "openings": adverts, "load_s": round(load, 1), "lists_measured": of,
        "speedup_vs_numpy": round(speedup, 1), "scanned": SCANNED, "opening_ms": round(1_000 * scans.mean, 3),
        "openings_per_s_core": round(1 / scans.mean),
        "p99_over_mean": round(scans.ms(0.99) / 1_000 / scans.mean, 2), "change_p99_ms": both.ms(0.99),
        "person_p99_ms": people.ms(0.99), "opening_p99_ms": openings.ms(0.99),
        "memory_gb": round(held, 3), "grown_by_a_days_changes_gb": grown, "differences": wrong,
        "turn_to_next_day_s": round(turns[str(TOMORROW)][0], 1),
        "turn_to_new_year_s": round(turns[str(NEW_YEAR)][0], 1),
        "turn_longest_ms": max(longest for _, longest in turns.values()),
    }  # fmt: skip


def main() -> None:
    """Measure, and say so."""
    parser = argparse.ArgumentParser(prog="make bench-matching")
    parser.add_argument("--people", type=int, default=3_000)
    parser.add_argument("--openings", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parts", nargs="+", choices=("index", "restart", "service"), default=("index", "restart"))
    wanted = parser.parse_args()
    pack, found = load_pack("kr-gyeonggi"), dict[str, Any]()
    if "index" in wanted.parts:
        found |= measured(pack, wanted.people, wanted.openings, wanted.seed)
        gc.unfreeze()  # what was measured makes room for what comes
    if "restart" in wanted.parts:
        found |= restart(pack, wanted.people, wanted.openings, wanted.seed)
    if "service" in wanted.parts:
        found |= service(pack, wanted.people, wanted.openings, wanted.seed, Size())
    print(json.dumps(found))


if __name__ == "__main__":
    main()
