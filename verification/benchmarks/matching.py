"""`make bench-matching`: what the matching index costs at a size. PEOPLE= OPENINGS= SEED=; the last line is one JSON
object. All times are processor time of this process, which other work on the machine lengthens less than the clock's.

What is compared with: a scan in numpy of the same columns that decides and weighs every pair (`speedup_vs_numpy`), and
the plain rules, which every sampled pair must agree with (`differences`).
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from services.matching.domain.assessment import assess
from services.matching.domain.columns.kernel import CERTAINTY, REFUSES, TABLE, UNIT, compile_kernels, values_by_number
from services.matching.domain.columns.rows import Held
from services.matching.domain.columns.table import OPENING
from services.matching.domain.match_index import MatchIndex
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts
from shared.reference import Pack, load_pack
from verification.benchmarks.matching_world import World

TODAY = date(2026, 11, 22)
LISTS_SECONDS = 150.0  # so long lists are made; the rest is reckoned from those
CHANGES, SCANS, SAMPLED = 400, 200, 120


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
        self.without_list: list[int] = []

    def load(self) -> tuple[float, int]:
        """Seconds until everybody has a list, and of how many that was measured. Whoever has none then is taken to be
        as hard to please as somebody who has one."""
        compile_kernels()
        began = time.process_time()
        for person in self.people:
            self.index.put_person(person, 1)
        for opening in self.openings:
            self.index.put_opening(opening, 1)
        taken, some = time.process_time() - began, 0
        print(f"put: {taken:.1f} s", flush=True)
        scans = time.process_time()
        while some < len(self.people) and (some < 500 or time.process_time() - scans < LISTS_SECONDS):
            self.scan_person(self.people[some])
            some += 1
        seconds = time.process_time() - scans
        enters = self.index._lists.enters()
        made = enters[[self.pairs.people[person.id].row for person in self.people[:some]]]
        for person in self.people[some:]:
            enters[self.pairs.people[person.id].row] = self.dice.choice(made)
        self.without_list = [self.pairs.people[person.id].row for person in self.people[some:]]
        return taken + seconds * len(self.people) / some, some

    def scan_person(self, person: PersonFacts) -> None:
        """All of it."""
        for _ in self.index.scan_person(person.id):
            pass

    def scan_opening(self, opening: OpeningFacts) -> None:
        """All of it."""
        for _ in self.index.scan_opening(opening.id, [], []):
            pass

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

    def against_numpy(self) -> tuple[float, Measured]:
        """How many times quicker an opening is looked at than by a scan of everything; and how long it takes."""
        ratios, ours, enters = list[float](), Measured(), self.index._lists.enters()
        look = partial(self.pairs.of_opening, enters=enters, shown=self.pack.matching.best_of_opportunity)
        for number, opening in enumerate(self.dice.sample(self.openings, min(SCANS, len(self.openings)))):
            held, whole = self.pairs.openings[opening.id], Measured()
            look(held)  # what it looks like was seen before
            ours.time(partial(look, held))
            if number < SCANS // 10:
                whole.time(Everything(self.index, held).scan)
                ratios.append(whole.mean / ours.seconds[-1])
        enters[self.without_list] = np.iinfo(np.int64).max  # from here on lists change, and these have none
        return sorted(ratios)[len(ratios) // 2], ours

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


class Everything:
    """Every condition and every factor of every pair of one opening, column by column. What the rules say is known
    before: only the scan is timed."""

    def __init__(self, index: MatchIndex, opening: Held[OpeningFacts]) -> None:
        pairs, people = index._pairs, index._pairs.people.layout
        numbers, conditions = pairs.openings.layout.numbers_of(opening.row).tolist(), pairs._conditions
        columns = people.all(0).numbers
        self._rows = np.flatnonzero(people.all(0).row_of >= 0)
        self._answers: list[tuple[Any, Any]] = []
        self._values: list[tuple[Any, Any]] = []
        for each, table in enumerate(conditions.tables):
            line = table.line(OPENING, numbers[each]).filled()
            self._answers.append((np.ascontiguousarray(columns[:, each]), line))
        factors, items, own = pairs._factors.of(OPENING, numbers, pairs._factors.wishes, [])
        for place, kind in enumerate(pairs._factors.kinds):
            if kind == CERTAINTY:
                continue
            column = np.ascontiguousarray(columns[:, pairs._factors.columns[place]])
            if kind == TABLE:
                values = factors.parts[0, factors.at[place] :] / UNIT
            else:
                values = values_by_number(place, int(column.max()) + 1, items, factors, own)
            self._values.append((column, values))

    def scan(self) -> int:
        """How many are left."""
        admitted, total = np.ones(len(self._rows), bool), np.zeros(len(self._rows))
        for column, answers in self._answers:
            admitted &= answers[column[self._rows]] != REFUSES
        for column, values in self._values:
            total += np.rint(values[column[self._rows]] * UNIT)
        return int(np.count_nonzero(admitted & (total > 0)))


def resident_gb() -> float:
    """Of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return round(kilobytes / 1e6, 3)


def main() -> None:
    """Measure, and say so."""
    parser = argparse.ArgumentParser(prog="make bench-matching")
    parser.add_argument("--people", type=int, default=3_000)
    parser.add_argument("--openings", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    before = resident_gb()
    bench = Bench(load_pack("kr-gyeonggi"), wanted.people, wanted.openings, wanted.seed)
    load, of = bench.load()
    print(f"loaded: {load:.1f} s of processor time, the lists of {of} people worked out", flush=True)
    speedup, scans = bench.against_numpy()
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
    print(
        json.dumps(
            {
                "people": wanted.people, "openings": wanted.openings, "load_s": round(load, 1), "lists_measured": of,
                "speedup_vs_numpy": round(speedup, 1), "opening_ms": round(1_000 * scans.mean, 3),
                "p99_over_mean": round(scans.ms(0.99) / 1_000 / scans.mean, 2), "change_p99_ms": both.ms(0.99),
                "memory_gb": round(resident_gb() - before, 3), "differences": bench.differences(),
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
