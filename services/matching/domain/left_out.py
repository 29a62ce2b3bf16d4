"""Who is left out: what each condition refuses alone, by group. A figure for a committee, not for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from statistics import fmean
from typing import Any

from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.condition_answer import NO
from services.matching.domain.conditions import CONDITIONS
from services.matching.domain.opening_facts import opening_facts
from services.matching.domain.person_facts import person_facts
from services.matching.domain.small_groups import GROUPS, may_tell_by, may_tell_mean, may_tell_share, pooled, told
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack

PAIRED = tuple(one for one in CONDITIONS if one.of_pairs)


def left_out(people: Sequence[Person], openings: Sequence[Opportunity], pack: Pack, today: date) -> Mapping[str, Any]:
    """Of people who take part and openings that take people: for each condition of how many people and of how many
    openings it refuses a pair that nothing else refuses; by group how many openings each has on average, how many have
    none, and how many each condition alone keeps from them. None: what would tell of fewer than ten people, by itself
    or by what is left of the whole."""
    context = AssessmentContext(pack, today)
    facts = [person_facts(one, pack) for one in people]
    taking_part = [place for place, one in enumerate(facts) if one.takes_part(today)]
    offered = [one for one in (opening_facts(each, pack) for each in openings) if one.takes_people(today)]
    alone: dict[str, list[int]] = {one.name: [0] * len(taking_part) for one in PAIRED}
    refused: dict[str, set[str]] = {one.name: set() for one in PAIRED}
    admitted = [0] * len(taking_part)
    for number, place in enumerate(taking_part):
        for opening in offered:
            noes = [one.name for one in PAIRED if one.answer(facts[place], opening, context) is NO]
            if not noes:
                admitted[number] += 1
            elif len(noes) == 1:
                alone[noes[0]][number] += 1
                refused[noes[0]].add(opening.id)
    who = [people[place] for place in taking_part]
    return {
        "as_of": today.isoformat(),
        "model": pack.weights_version,
        "people": told(len(who)),
        "openings": len(offered),
        "conditions": {
            name: {
                "people": told(sum(count > 0 for count in counts), len(who)),
                "openings": len(refused[name]) if may_tell_mean([count > 0 for count in counts]) else None,
            }
            for name, counts in alone.items()
        },
        "groups": {by: _by_group(pooled(who, by, today, pack), admitted, alone) for by in GROUPS},
    }


def _by_group(
    groups: Mapping[str, list[int]], admitted: Sequence[int], alone: Mapping[str, Sequence[int]]
) -> Mapping[str, Any]:
    each, without = _means(groups, admitted), [count == 0 for count in admitted]
    kept = {name: _means(groups, counts) for name, counts in alone.items()}
    may_tell = may_tell_by(groups, without, may_tell_share)
    return {
        group: {
            "people": len(members),
            "openings_each": each[group],
            "without_any": sum(without[one] for one in members) if group in may_tell else None,
            "kept_from_each": {name: means[group] for name, means in kept.items()},
        }
        for group, members in groups.items()
    }


def _means(groups: Mapping[str, list[int]], counts: Sequence[int]) -> Mapping[str, float | None]:
    may_tell = may_tell_by(groups, [count > 0 for count in counts], may_tell_mean)
    return {
        group: round(fmean(counts[one] for one in members), 1) if group in may_tell else None
        for group, members in groups.items()
    }
