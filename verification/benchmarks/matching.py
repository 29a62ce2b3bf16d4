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
from services.matching.domain.columns.condition_filter import REFUSES
from services.matching.domain.columns.rows import Held
from services.matching.domain.columns.scores import UNIT
from services.matching.domain.columns.table import OPENING, Table
from services.matching.domain.match_index import MatchIndex
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts
from shared.reference import Pack, load_pack
from verification.benchmarks.matching_world import World

TODAY = date(2026, 11, 22)
PAIRS_SCANNED = 200_000_000  # beyond, as many lists as make so many, and the rest reckoned
MOST_LISTS = 3_000
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

    def load(self) -> tuple[float, int]:
        """Seconds until everybody has a list, and of how many that was measured."""
        began = time.process_time()
        for person in self.people:
            self.index.put_person(person, 1)
        for opening in self.openings:
            self.index.put_opening(opening, 1)
        taken = time.process_time() - began
        some = self.people[: min(MOST_LISTS, max(1, PAIRS_SCANNED // len(self.openings)))]
        scans = time.process_time()
        for person in some:
            self.scan_person(person)
        return taken + (time.process_time() - scans) * len(self.people) / len(some), len(some)

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
        rows, ratios, ours = np.flatnonzero(self.pairs.people.taken), list[float](), Measured()
        for number, opening in enumerate(self.dice.sample(self.openings, min(SCANS, len(self.openings)))):
            held, whole = self.pairs.openings[opening.id], Measured()
            self.pairs.of_opening(held, rows, self.index._may_enter_or_fit)  # what it looks like was seen before
            ours.time(partial(self.pairs.of_opening, held, rows, self.index._may_enter_or_fit))
            if number < SCANS // 10:
                whole.time(Everything(self.index, held, rows).scan)
                ratios.append(whole.mean / ours.seconds[-1])
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

    def __init__(
        self, index: MatchIndex, opening: Held[OpeningFacts], rows: np.ndarray[tuple[int], np.dtype[np.intp]]
    ) -> None:
        pairs, self._rows = index._pairs, rows
        self._answers: list[tuple[Any, Any]] = []
        self._values: list[tuple[Any, Any]] = []
        tables: list[Table[Any]] = [*pairs._admission.tables, *pairs._scores.tables]
        for each, table in enumerate(tables):
            line, column = table.line(OPENING, pairs.openings.numbers[each, opening.row]), pairs.people.numbers[each]
            line.of(column[rows])
            (self._answers if each < pairs._first_factor else self._values).append((column, line.values))

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
