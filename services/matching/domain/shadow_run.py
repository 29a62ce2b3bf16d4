"""What another version of the model would change, and for whom, before anybody is told anything by it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from statistics import fmean
from typing import Any

from services.matching.domain.groups import GROUPS, pooled, told
from services.matching.domain.match_index import MatchIndex
from services.matching.domain.opening_facts import opening_facts
from services.matching.domain.person_facts import person_facts
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack


def shadow_run(
    people: Sequence[Person], openings: Sequence[Opportunity], now: Pack, then: Pack, today: date
) -> Mapping[str, Any]:
    """The lists of these people by both packs: how many have another one, how much of a list stays, and, by group, how
    many entries each has before and after; by kind how many entries. Without the table of congestion, which is made for
    one model. Numbers of fewer than ten people are None."""
    before, after = lists_of(people, openings, now, today), lists_of(people, openings, then, today)
    who = [place for place, (one, other) in enumerate(zip(before, after, strict=True)) if one or other]
    kinds = {one.opportunity: one.kind for one in openings}
    stays = {place: len(set(before[place]) & set(after[place])) / max(1, len(before[place])) for place in who}
    some = [people[place] for place in who]
    return {
        "as_of": today.isoformat(),
        "models": [now.weights_version, then.weights_version],
        "people": told(len(who)),
        "changed": told(sum(set(before[place]) != set(after[place]) for place in who)),
        "stays": round(fmean(stays.values()), 3) if stays else None,
        "best_stays": round(fmean(before[p][:1] == after[p][:1] for p in who), 3) if who else None,
        "seen": [len({id for own in lists for id in own}) for lists in (before, after)],
        "kinds": [dict(sorted(Counter(kinds[id] for own in lists for id in own).items())) for lists in (before, after)],
        "groups": {
            by: {
                group: {
                    "people": len(members),
                    "stays": round(fmean(stays[who[one]] for one in members), 3),
                    "entries_each": [
                        round(fmean(len(lists[who[one]]) for one in members), 2) for lists in (before, after)
                    ],
                }
                for group, members in pooled(some, by, today, now).items()
            }
            for by in GROUPS
        },
    }


def lists_of(people: Sequence[Person], openings: Sequence[Opportunity], pack: Pack, today: date) -> list[list[str]]:
    """What would stand for each of these people."""
    index = MatchIndex(pack, today)
    for opening in openings:
        index.put_opening(opening_facts(opening, pack), 1)
    found = []
    for person in people:
        index.put_person(person_facts(person, pack), 1)
        for _ in index.scan_person(person.person):
            pass
        found.append(index.best(person.person))
    return found
