"""What would open more for somebody: one step of theirs at a time (a certificate, a longer way, other shifts, ...), how
many openings it opens and what they pay. A step is tried on every opening that it could open before it is said.

Only openings that a single condition refuses are looked at: what takes several steps at once is told by "why not" of
that opening (`counterfactuals`). Nobody is told to lower their pay, and what nobody would do is not proposed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from math import ceil, floor
from statistics import median
from typing import NamedTuple

from services.matching.domain.assessment import Assessment, assess
from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.condition_answer import NO
from services.matching.domain.conditions import CONDITIONS
from services.matching.domain.conditions.base import Condition
from services.matching.domain.counterfactuals import Change, changed, changes_for
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import person_facts
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack

STEPS = ("certificate", "commute", "hours", "kind", "licence", "shifts")
"""The conditions that a step of one's own can meet."""
MOST_TRIED = 40  # steps, those that may open the most
MOST_SHOWN = 10
EXAMPLES = 3
TRIED_AT_ONCE = 20  # openings, between two places where somebody else may have a turn
WAY_MINUTES = 10  # ways are proposed in steps of so many


class Step(NamedTuple):
    """``opens``: the openings that may match then, best first; ``hourly``: what the least of them pay in the middle,
    of those that say; ``courses``: trainings that name the certificate, of those that are open; ``sample``: one of
    the openings as it is now, for the words."""

    change: Change
    opens: tuple[str, ...]
    hourly: float | None
    courses: tuple[str, ...]
    sample: Assessment


class Refusal(NamedTuple):
    """So many openings a condition refuses, and so many of these nothing but it."""

    condition: Condition
    openings: int
    alone: int


class NextSteps:
    """`look` at openings one after the other, then ask for the `steps`, and what was `refused`."""

    def __init__(self, person: Person, pack: Pack, today: date) -> None:
        self._person, self._context = person, AssessmentContext(pack, today)
        self._facts = person_facts(person, self._context.pack)
        self._refused: dict[str, list[tuple[OpeningFacts, Assessment]]] = {name: [] for name in STEPS}
        self._wanted: dict[str, Counter[Change]] = {name: Counter() for name in STEPS}
        self._teaching: list[OpeningFacts] = []
        self._refusals: Counter[str] = Counter()
        self._alone: Counter[str] = Counter()
        self.looked_at = 0

    def look(self, opportunity: Opportunity, opening: OpeningFacts) -> None:
        """One more opening, with its facts."""
        self.looked_at += 1
        if opening.learning:
            self._teaching.append(opening)
        refusing = [one.name for one in CONDITIONS if one.answer(self._facts, opening, self._context) is NO]
        self._refusals.update(refusing)
        if len(refusing) != 1:
            return
        [refuses] = refusing
        self._alone[refuses] += 1
        if refuses not in STEPS:
            return
        now = assess(self._facts, opening, self._context)
        self._refused[refuses].append((opening, now))
        for change in changes_for(refuses, now, opportunity):
            self._wanted[refuses][self._rounded(change)] += 1

    def steps(self) -> Iterator[Step | None]:
        """One after the other as they are tried, in no order (see `ranked`). None is only a place for a pause: a step
        may be tried on thousands of openings."""
        wanted = [(often, name, change) for name, some in self._wanted.items() for change, often in some.items()]
        wanted.sort(key=lambda one: (-one[0], one[1], one[2]))
        for _, name, change in wanted[:MOST_TRIED]:
            yield from self._tried(name, change)

    def refused(self) -> tuple[Refusal, ...]:
        """What refuses the openings that were looked at, what refuses the most first."""
        found = (Refusal(one, self._refusals[one.name], self._alone[one.name]) for one in CONDITIONS)
        return tuple(
            sorted((one for one in found if one.openings), key=lambda one: (-one.openings, one.condition.name))
        )

    def _rounded(self, change: Change) -> Change:
        """Ways in round minutes, and not beyond what is plausible."""
        if change.what != "commute":
            return change
        bounds, limit = self._context.pack.matching.plausible_changes, self._facts.commute_wish or self._facts.usual_way
        most = floor(min(bounds.way_minutes, bounds.way_times * limit))
        return change._replace(number=min(most, ceil(change.number / WAY_MINUTES) * WAY_MINUTES))

    def _tried(self, name: str, change: Change) -> Iterator[Step | None]:
        """The step, if it opens anything; None now and then."""
        opened: list[tuple[float, OpeningFacts, Assessment]] = []
        facts = person_facts(changed(self._person, change), self._context.pack)
        for number, (opening, now) in enumerate(self._refused[name], 1):
            if number % TRIED_AT_ONCE == 0:
                yield None
            then = assess(facts, opening, self._context)
            if then.state != "no" and then.fit >= self._context.pack.matching.threshold:
                opened.append((then.fit, opening, now))
        yield None
        if not opened:
            return
        opened.sort(key=lambda one: (-one[0], one[1].id))
        pays = [one.hourly_min for _, one, _ in opened if one.paid and one.hourly_min is not None]
        yield Step(
            change,
            tuple(one.id for _, one, _ in opened),
            median(pays) if pays else None,
            self._courses(change.codes) if change.what == "certificate" else (),
            opened[0][2],
        )

    def _courses(self, certificates: Iterable[str]) -> tuple[str, ...]:
        """Trainings that take people and whose titles name one of these."""
        wanted = set(certificates)
        return tuple(
            one.id
            for one in self._teaching
            if one.takes_people(self._context.today) and not wanted.isdisjoint(code for code, _ in one.named_skills)
        )[:EXAMPLES]


def ranked(steps: Iterable[Step]) -> list[Step]:
    """Those that open the most first; of equals what pays more. A longer way is named only where it opens more than a
    shorter one."""
    found = sorted(
        steps,
        key=lambda one: (-len(one.opens), -(one.hourly or 0.0), one.change.number, one.change),
    )
    seen: set[tuple[str, tuple[str, ...]]] = set()
    kept = []
    for one in found:
        if (one.change.what, one.opens) not in seen:
            seen.add((one.change.what, one.opens))
            kept.append(one)
    return kept[:MOST_SHOWN]
