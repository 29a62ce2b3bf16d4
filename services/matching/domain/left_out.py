"""Who is left out: what each condition refuses alone, by group. A figure for a committee, not for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from statistics import fmean
from typing import Any

from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.condition_answer import NO
from services.matching.domain.conditions import CONDITIONS
from services.matching.domain.groups import GROUPS, pooled, told
from services.matching.domain.opening_facts import opening_facts
from services.matching.domain.person_facts import person_facts
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack

PAIRED = tuple(one for one in CONDITIONS if one.of_pairs)


def left_out(people: Sequence[Person], openings: Sequence[Opportunity], pack: Pack, today: date) -> Mapping[str, Any]:
    """Of people who take part and openings that take people: for each condition of how many people and of how many
    openings it refuses a pair that nothing else refuses; by group how many openings each has on average, how many have
    none, and how many each condition alone keeps from them. Numbers of fewer than ten people are None."""
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
            name: {"people": told(sum(count > 0 for count in counts)), "openings": len(refused[name])}
            for name, counts in alone.items()
        },
        "groups": {
            by: {
                group: {
                    "people": len(members),
                    "openings_each": round(fmean(admitted[one] for one in members), 1),
                    "without_any": told(sum(admitted[one] == 0 for one in members)),
                    "kept_from_each": {
                        name: round(fmean(counts[one] for one in members), 1) for name, counts in alone.items()
                    },
                }
                for group, members in pooled(who, by, today, pack).items()
            }
            for by in GROUPS
        },
    }
