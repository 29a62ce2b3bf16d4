"""Who is left out: what each condition refuses alone, by group. A figure for a committee, not for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from statistics import fmean
from typing import Any, NamedTuple

from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.condition_answer import ASK, NO
from services.matching.domain.conditions import CONDITIONS
from services.matching.domain.disclosure_control import (
    LEAST,
    REPORTED,
    GroupBy,
    may_tell_by,
    may_tell_mean,
    may_tell_share,
    pooled,
    told,
)
from services.matching.domain.opening_facts import OpeningFacts, opening_facts
from services.matching.domain.person_facts import PersonFacts, person_facts
from services.matching.domain.pooled_months import FEWER, NO_MONTH, Cells, Groupings, people_by_month, table_of
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack

PAIRED = tuple(one for one in CONDITIONS if one.of_pairs)


class Drawn(NamedTuple):
    """Of what a report is a sample: how many people and openings there are in all. ``months``: by id of a person that
    in which what is held of them was last recorded, as ``2026-11``."""

    people: int
    openings: int
    months: Mapping[str, str]


class _Counts:
    """By condition. ``alone``: of each person how many openings it refuses that nothing else refuses; ``asked``: of how
    many that nothing refuses it is not known; ``refused``: the openings of ``alone``, and by grouping and group."""

    def __init__(self, people: int, groupings: Groupings) -> None:
        self.admitted = [0] * people
        self.alone = {one.name: [0] * people for one in PAIRED}
        self.asked = {one.name: [0] * people for one in PAIRED}
        self.refused = {one.name: set[int]() for one in PAIRED}
        self.refused_by: dict[str, dict[GroupBy, dict[str, set[int]]]] = {
            one.name: {by: {group: set() for group in groups} for by, groups in groupings.items()} for one in PAIRED
        }
        self._groups: list[list[tuple[GroupBy, str]]] = [[] for _ in range(people)]
        for by, groups in groupings.items():
            for group, members in groups.items():
                for one in members:
                    self._groups[one].append((by, group))

    def add(
        self, number: int, person: PersonFacts, openings: Sequence[OpeningFacts], context: AssessmentContext
    ) -> None:
        """One person and all openings."""
        for place, opening in enumerate(openings):
            answers = [(one.name, one.answer(person, opening, context)) for one in PAIRED]
            noes = [name for name, answer in answers if answer is NO]
            if not noes:
                self.admitted[number] += 1
                for name, answer in answers:
                    self.asked[name][number] += answer is ASK
            elif len(noes) == 1:
                self.alone[noes[0]][number] += 1
                self.refused[noes[0]].add(place)
                for by, group in self._groups[number]:
                    self.refused_by[noes[0]][by][group].add(place)


def left_out(
    people: Sequence[Person], openings: Sequence[Opportunity], pack: Pack, today: date, drawn: Drawn | None = None
) -> Mapping[str, Any]:
    """Of people who take part and openings that take people: for each condition of how many people and of how many
    openings it refuses a pair that nothing else refuses; by group how many openings each has on average, how many have
    none, how many each condition alone keeps from them, and of how many it is not known whether it holds; the numbers
    of people for as few of the newest months as have ten in each. None, or "fewer than 10": what would tell of fewer
    than ten people, by itself or by what is left of the whole."""
    drawn = drawn or Drawn(len(people), len(openings), {})
    context = AssessmentContext(pack, today)
    facts = [(one, person_facts(one, pack)) for one in people]
    taking_part = [(one, of_it) for one, of_it in facts if of_it.takes_part(today)]
    offered = [one for one in (opening_facts(each, pack) for each in openings) if one.takes_people(today)]
    who = [one for one, _ in taking_part]
    groupings: Groupings = {by: pooled(who, by, today, pack) for by in REPORTED}
    counts = _Counts(len(who), groupings)
    for number, (_, person) in enumerate(taking_part):
        counts.add(number, person, offered, context)
    months = [drawn.months.get(one.person, NO_MONTH) for one in who]
    return {
        "as_of": today.isoformat(),
        "model": pack.weights_version,
        "people": told(len(who)),
        "of_people": None if told(len(who), drawn.people) is None else drawn.people,
        "all_people": len(people) >= drawn.people,
        "openings": len(offered),
        "of_openings": max(drawn.openings, len(offered)),
        "conditions": {
            name: {
                "people": told(sum(count > 0 for count in alone), len(who)),
                "openings": _openings(counts.refused[name], alone),
            }
            for name, alone in counts.alone.items()
        },
        "tables": {name: _tables(name, counts, groupings, months) for name in counts.alone},
        "groups": {by: _by_group(groups, counts) for by, groups in groupings.items()},
    }


def _openings(refused: set[int], alone: Sequence[int]) -> int | None:
    return len(refused) if len(refused) >= LEAST and may_tell_mean([count > 0 for count in alone]) else None


def _tables(name: str, counts: _Counts, groupings: Groupings, months: Sequence[str]) -> Mapping[str, Any] | str:
    """Of one condition the numbers of people whom it alone keeps from something, of openings that it keeps from them,
    and of people of whom it is not known."""
    alone, asked = ([count > 0 for count in own[name]] for own in (counts.alone, counts.asked))
    found = {
        "people": people_by_month(groupings, months, alone).said(),
        "openings": table_of(_openings_by_group(counts.refused_by[name], groupings, alone)),
        "not_known": people_by_month(groupings, months, asked).said(),
    }
    return FEWER if all(table == FEWER for table in found.values()) else found


def _openings_by_group(
    refused: Mapping[GroupBy, Mapping[str, set[int]]], groupings: Groupings, alone: Sequence[bool]
) -> Cells:
    """How many openings it keeps from each group, of all months: those of the newest may all be kept from one person,
    however many of the group are kept from others."""
    may_tell = {by: may_tell_by(groups, alone, may_tell_mean) for by, groups in groupings.items()}
    return {
        by: {
            group: len(places) if group in may_tell[by] and len(places) >= LEAST else FEWER
            for group, places in groups.items()
        }
        for by, groups in refused.items()
    }


def _by_group(groups: Mapping[str, list[int]], counts: _Counts) -> Mapping[str, Any]:
    each, without = _means(groups, counts.admitted), [count == 0 for count in counts.admitted]
    kept = {name: _means(groups, own) for name, own in counts.alone.items()}
    asked = {name: _means(groups, own) for name, own in counts.asked.items()}
    may_tell = may_tell_by(groups, without, may_tell_share)
    return {
        group: {
            "people": len(members),
            "openings_each": each[group],
            "without_any": sum(without[one] for one in members) if group in may_tell else None,
            "kept_from_each": {name: means[group] for name, means in kept.items()},
            "not_known_each": {name: means[group] for name, means in asked.items()},
        }
        for group, members in groups.items()
    }


def _means(groups: Mapping[str, list[int]], counts: Sequence[int]) -> Mapping[str, float | None]:
    may_tell = may_tell_by(groups, [count > 0 for count in counts], may_tell_mean)
    return {
        group: round(fmean(counts[one] for one in members), 1) if group in may_tell else None
        for group, members in groups.items()
    }
