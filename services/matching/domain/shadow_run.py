"""What another version of the model would change, and for whom, before anybody is told anything by it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from statistics import fmean
from typing import Any

from services.matching.domain.match_index import MatchIndex
from services.matching.domain.opening_facts import opening_facts
from services.matching.domain.person_facts import person_facts
from services.matching.domain.small_groups import REPORTED, may_tell_by, may_tell_mean, may_tell_share, pooled, told
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack

Lists = list[list[str]]


def shadow_run(
    people: Sequence[Person], openings: Sequence[Opportunity], now: Pack, then: Pack, today: date
) -> Mapping[str, Any]:
    """The lists of these people by both packs: how many have another one, how much of a list stays, and, by group, how
    many entries each has before and after; by kind how many entries. Without the table of congestion, which is made for
    one model. None: what would tell of fewer than ten people, by itself or by what is left of the whole."""
    before, after = lists_of(people, openings, now, today), lists_of(people, openings, then, today)
    who = [place for place, (one, other) in enumerate(zip(before, after, strict=True)) if one or other]
    some, both = [people[place] for place in who], ([before[p] for p in who], [after[p] for p in who])
    kinds = {one.opportunity: one.kind for one in openings}
    pairs = list(zip(*both, strict=True))
    stays = [len(set(one) & set(other)) / max(1, len(one)) for one, other in pairs]
    changed = [set(one) != set(other) for one, other in pairs]
    best_stays = [one[:1] == other[:1] for one, other in pairs]
    return {
        "as_of": today.isoformat(),
        "models": [now.weights_version, then.weights_version],
        "people": told(len(who)),
        "changed": told(sum(changed), len(who)),
        "stays": round(fmean(stays), 3) if may_tell_share(changed) else None,
        "best_stays": round(fmean(best_stays), 3) if may_tell_share(best_stays) else None,
        "seen": [_seen(lists) for lists in both],
        "kinds": [_by_kind(lists, kinds) for lists in both],
        "groups": {by: _by_group(pooled(some, by, today, now), stays, changed, both) for by in REPORTED},
    }


def _seen(lists: Lists) -> int | None:
    """How many openings are on any list."""
    return len({id for own in lists for id in own}) if may_tell_mean([bool(own) for own in lists]) else None


def _by_kind(lists: Lists, kinds: Mapping[str, str]) -> Mapping[str, int | None]:
    """How many entries are of each kind."""
    counts = [Counter(kinds[id] for id in own) for own in lists]
    return {
        kind: sum(count[kind] for count in counts) if may_tell_mean([count[kind] > 0 for count in counts]) else None
        for kind in sorted(set().union(*counts))
    }


def _by_group(
    groups: Mapping[str, list[int]], stays: Sequence[float], changed: Sequence[bool], both: tuple[Lists, Lists]
) -> Mapping[str, Any]:
    tell_stays = may_tell_by(groups, changed, may_tell_share)
    tell_entries = [may_tell_by(groups, [bool(own) for own in lists], may_tell_mean) for lists in both]
    return {
        group: {
            "people": len(members),
            "stays": round(fmean(stays[one] for one in members), 3) if group in tell_stays else None,
            "entries_each": [
                round(fmean(len(lists[one]) for one in members), 2) if group in tell else None
                for lists, tell in zip(both, tell_entries, strict=True)
            ],
        }
        for group, members in groups.items()
    }


def lists_of(people: Sequence[Person], openings: Sequence[Opportunity], pack: Pack, today: date) -> list[list[str]]:
    """What would stand for each of these people."""
    index = MatchIndex(pack, today)
    for opening in openings:
        index.put_opening(opening_facts(opening, pack), 1)
    found = []
    for person in people:
        index.put_person(person_facts(person, pack), 1)
        index.scan_person(person.person)
        found.append(index.best(person.person))
    return found
