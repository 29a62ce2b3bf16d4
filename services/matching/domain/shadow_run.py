"""What another version of the model would change, and for whom, before anybody is told anything by it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from statistics import fmean
from typing import Any

from services.matching.domain.assessment import assess
from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.congestion import Congestion, whole
from services.matching.domain.disclosure_control import (
    REPORTED,
    may_tell_beside,
    may_tell_by,
    may_tell_mean,
    may_tell_share,
    pooled,
    told,
)
from services.matching.domain.factors.certainty import likelihood
from services.matching.domain.match_index import MatchIndex
from services.matching.domain.opening_facts import opening_facts
from services.matching.domain.person_facts import person_facts
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack

Lists = list[list[str]]
Worth = Mapping[str, float | None]
FIRST = 5
MEASURES = ("score5", "likely5", "pay5", "minutes5")
"""Of the first five of each person the means of: the score by the model itself, how likely it is to be possible once
all is known, the least hourly pay as a multiple of the legal floor, minutes one way. No hidden truth is needed for
them, and none of them says that a list is good; a gap between groups that grows is what a committee looks at."""


def shadow_run(
    people: Sequence[Person], openings: Sequence[Opportunity], now: Pack, then: Pack, today: date
) -> Mapping[str, Any]:
    """The lists of these people by both packs: how many have another one, how much of a list stays, and, by group, how
    many entries each has before and after, and what the first five are worth (`MEASURES`); by kind how many entries;
    how unevenly openings stand. The lists are without a table of congestion, which is made for one model; beside them
    stands how many openings nobody sees with the table that each model would make of these people. None: what would
    tell of fewer than ten people, by itself, by what is left of the whole, or by the difference to before."""
    runs = _Run(people, openings, now, today), _Run(people, openings, then, today)
    before, after = runs[0].lists, runs[1].lists
    who = [place for place, (one, other) in enumerate(zip(before, after, strict=True)) if one or other]
    some, both = [people[place] for place in who], ([before[p] for p in who], [after[p] for p in who])
    kinds = {one.opportunity: one.kind for one in openings}
    pairs = list(zip(*both, strict=True))
    stays = [len(set(one) & set(other)) / max(1, len(one)) for one, other in pairs]
    changed = [set(one) != set(other) for one, other in pairs]
    best_stays = [one[:1] == other[:1] for one, other in pairs]
    worth = [[run.worth(place) for place in who] for run in runs]
    return {
        "as_of": today.isoformat(),
        "models": [now.weights_version, then.weights_version],
        "digests": [now.matching.digest, then.matching.digest],
        "people": told(len(who)),
        "changed": told(sum(changed), len(who)),
        "stays": round(fmean(stays), 3) if may_tell_share(changed) else None,
        "best_stays": round(fmean(best_stays), 3) if may_tell_share(best_stays) else None,
        "seen": [_seen(both[0]), _seen(both[1]) if may_tell_beside(changed) else None],
        "kinds": _by_kind(both, kinds),
        "congestion": _congestion(runs, len(openings)),
        "groups": {by: _by_group(pooled(some, by, today, now), stays, changed, both, worth) for by in REPORTED},
    }


def _seen(lists: Lists) -> int | None:
    """How many openings are on any list."""
    return len({id for own in lists for id in own}) if may_tell_mean([bool(own) for own in lists]) else None


def _by_kind(both: tuple[Lists, Lists], kinds: Mapping[str, str]) -> list[Mapping[str, int | None]]:
    """How many entries are of each kind that is offered."""
    counts = [[Counter(kinds[id] for id in own) for own in lists] for lists in both]
    told_of = [_kinds_to_tell(each) for each in counts]
    differ = [[one[kind] != other[kind] for one, other in zip(*counts, strict=True)] for kind in told_of[1]]
    if not all(map(may_tell_beside, differ)):
        told_of[1] = set()  # one kind alone would be what is left of all entries
    return [
        {kind: sum(one[kind] for one in each) if kind in told else None for kind in sorted(set(kinds.values()))}
        for each, told in zip(counts, told_of, strict=True)
    ]


def _kinds_to_tell(counts: Sequence[Counter[str]]) -> set[str]:
    """The entries by group give away how many there are in all: kinds are left out, those of the fewest people first,
    until what is left out is of enough people together."""
    having = {kind: [count[kind] > 0 for count in counts] for kind in set().union(*counts)}
    hidden = {kind for kind, some in having.items() if not may_tell_mean(some)}
    for kind in sorted(having, key=lambda one: (sum(having[one]), one)):
        if not hidden or may_tell_mean([any(count[one] for one in hidden) for count in counts]):
            break
        hidden.add(kind)
    return having.keys() - hidden


def _congestion(runs: Sequence[_Run], openings: int) -> list[Mapping[str, Any]]:
    """How unevenly openings stand, without and with the table that each model would make of these lists. Not told:
    what differs for few people from any of it that is told."""
    shown: list[Lists] = []
    found: list[Mapping[str, Any]] = []
    for run in runs:
        spreads: dict[str, Any] = {}
        for name, lists in (("without_table", run.lists), ("with_table", run.with_table())):
            spreads[name] = None
            if lists is not None and all(may_tell_beside(_differ(lists, other)) for other in shown):
                spreads[name] = _spread(lists, openings)
                shown.append(lists)
        found.append(spreads)
    return found


def _differ(one: Lists, other: Lists) -> list[bool]:
    """Of whom the lists hold other openings."""
    return [set(own) != set(others) for own, others in zip(one, other, strict=True)]


def _by_group(
    groups: Mapping[str, list[int]],
    stays: Sequence[float],
    changed: Sequence[bool],
    both: tuple[Lists, Lists],
    worth: Sequence[Sequence[Worth]],
) -> Mapping[str, Any]:
    worths = {name: _means_of_both(groups, [[one[name] for one in each] for each in worth]) for name in MEASURES}
    tell_stays = may_tell_by(groups, changed, may_tell_share)
    tell_entries = [may_tell_by(groups, [bool(own) for own in lists], may_tell_mean) for lists in both]
    lengths = [len(one) != len(other) for one, other in zip(*both, strict=True)]
    tell_entries[1] &= may_tell_by(groups, lengths, may_tell_beside)
    return {
        group: {
            "people": len(members),
            "stays": round(fmean(stays[one] for one in members), 3) if group in tell_stays else None,
            "entries_each": [
                round(fmean(len(lists[one]) for one in members), 2) if group in tell else None
                for lists, tell in zip(both, tell_entries, strict=True)
            ],
            **{name: [each[group] for each in worths[name]] for name in MEASURES},
        }
        for group, members in groups.items()
    }


def _means_of_both(
    groups: Mapping[str, list[int]], both: Sequence[Sequence[float | None]]
) -> list[Mapping[str, float | None]]:
    before, after = (means(groups, values) for values in both)
    tell = may_tell_by(groups, [one != other for one, other in zip(*both, strict=True)], may_tell_beside)
    return [before, {group: mean if group in tell else None for group, mean in after.items()}]


def means(groups: Mapping[str, list[int]], values: Sequence[float | None]) -> Mapping[str, float | None]:
    """By group the mean of those that are known."""
    tell = may_tell_by(groups, [value is not None for value in values], may_tell_mean)
    known = {name: [value for one in members if (value := values[one]) is not None] for name, members in groups.items()}
    return {name: round(fmean(known[name]), 3) if name in tell and known[name] else None for name in groups}


class _Run:
    """One model's lists of these people, and what they are worth. ``lists``: without a table of congestion."""

    def __init__(self, people: Sequence[Person], openings: Sequence[Opportunity], pack: Pack, today: date) -> None:
        self._context, self._index = AssessmentContext(pack, today), MatchIndex(pack, today)
        self._people = [person_facts(person, pack) for person in people]
        self._openings = {one.opportunity: opening_facts(one, pack) for one in openings}
        for opening in self._openings.values():
            self._index.put_opening(opening, 1)
        for person in self._people:
            self._index.put_person(person, 1)
            self._index.scan_person(person.id)
        self.lists = self._lists()

    def _lists(self) -> Lists:
        return [self._index.best(person.id) for person in self._people]

    def worth(self, place: int) -> Worth:
        """Of somebody's first five the means of what is known of each (`MEASURES`)."""
        person, context = self._people[place], self._context
        five = [self._openings[id] for id in self.lists[place][:FIRST]]
        floor = context.minimum_hourly
        found: dict[str, list[float | None]] = {
            "score5": [assess(person, one, context).score for one in five],
            "likely5": [likelihood(person, one, context) for one in five],
            "pay5": [one.hourly_min / floor if one.paid and one.hourly_min and floor else None for one in five],
            "minutes5": [context.minutes_of(person, one.region) for one in five],
        }
        known = {name: [one for one in values if one is not None] for name, values in found.items()}
        return {name: fmean(values) if values else None for name, values in known.items()}

    def with_table(self) -> Lists | None:
        """The lists with the table that this model would make of these; None: it makes none."""
        if self._context.pack.matching.congestion is None:
            return None
        self._index.set_congestion(Congestion(self._context.today, {}))
        self._index.set_congestion(whole(self._index.next_congestion()))
        return self._lists()


def _spread(lists: Lists, openings: int) -> Mapping[str, float] | None:
    """The share of the openings that nobody sees, and of all entries the share of the tenth that stands most often."""
    if not openings or not may_tell_mean([bool(own) for own in lists]):
        return None
    counts = Counter(id for own in lists for id in own)
    most = sum(count for _, count in counts.most_common(max(1, openings // 10)))
    return {"unseen": round(1 - len(counts) / openings, 3), "of_the_most_seen_tenth": round(most / counts.total(), 3)}


def lists_of(people: Sequence[Person], openings: Sequence[Opportunity], pack: Pack, today: date) -> Lists:
    """What would stand for each of these people."""
    return _Run(people, openings, pack, today).lists
