"""Works a round out: `python -m services.matching.rounds.compute` reads one question as JSON and writes the answer.

A process of its own: hundreds of thousands of pairs are assessed and a programme is solved, and neither keeps the
service's probes, reads or matcher waiting. Nothing is written down; what comes in is pseudonymous.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from statistics import fmean
from typing import Annotated

from pydantic import BaseModel, Field

from services.matching.domain.assessment import assess
from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.cohort_assignment import Adjustments, Proposal, Terms, propose
from services.matching.domain.disclosure_control import OTHERS, GroupBy, may_tell_mean, pooled
from services.matching.domain.opening_facts import opening_facts
from services.matching.domain.person_facts import person_facts
from services.matching.rounds.documents import GroupDocument, ResultDocument
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack, load_pack

DIGITS = 6
OF_GROUPS = 2
"""Digits of a group's figures. The fit of each person stands beside them: with all six the one sum of ten fits that has
this mean would say who is in the group."""
MOST_CPU_SECONDS = 140
COST_SECONDS = 15.0  # all that only tells what terms cost
BENEATH = 10  # the niceness of this process: whoever waits for the service goes first


class Question(BaseModel):
    """People in the order in which they were named, openings, and as many places as somebody said."""

    pack: str
    today: date
    people: list[Person]
    openings: list[Opportunity]
    places: Mapping[str, int | None]
    guarantee: Annotated[float, Field(ge=0, le=1)]
    floor: Annotated[float, Field(ge=0, le=1)]
    floor_cost: Annotated[float, Field(ge=0, le=1)]
    group_by: GroupBy
    fixed: Mapping[str, str | None]
    excluded: list[tuple[str, str]]


def answer(question: Question, pack: Pack) -> ResultDocument:
    """The proposal. What was fixed by hand and may not be any more is left out: it is among who waits, or has another
    opening, and the caller sees that it was not kept."""
    context = AssessmentContext(pack, question.today)
    pack = context.pack
    openings = [opening_facts(each, pack) for each in question.openings]
    benefits: dict[tuple[str, str], float] = {}
    for person in question.people:
        facts = person_facts(person, pack)
        for opening in openings:
            found = assess(facts, opening, context)
            if found.state != "no" and found.fit >= pack.matching.threshold:
                benefits[person.person, opening.id] = found.fit
    # an advertiser who says no number looks for one
    places = {each.opportunity: question.places[each.opportunity] or each.places or 1 for each in question.openings}
    people = [each.person for each in question.people]
    adjustments = Adjustments(_kept(question.fixed, people, places, benefits), frozenset(question.excluded))
    terms = Terms(question.guarantee, question.floor, question.floor_cost)
    shown = pooled(question.people, question.group_by, question.today, pack)
    groups = {people[place]: name for name, members in shown.items() for place in members}
    if not groups:  # what the floor did would say who belongs together
        terms = Terms(question.guarantee, 0.0, question.floor_cost)
        groups = dict.fromkeys(people, OTHERS)
    made = propose(people, places, benefits, groups, terms, adjustments, cost_seconds=COST_SECONDS)
    best: dict[str, float] = {}
    for (id, _), benefit in benefits.items():
        best[id] = max(best.get(id, 0.0), benefit)
    return {
        "assigned": [
            {
                "person": id,
                "opportunity": made.assigned[id],
                "fit": round(benefits[id, made.assigned[id]], DIGITS),
                "best": round(best[id], DIGITS),
            }
            for id in people
            if id in made.assigned
        ],
        "waiting": [{"person": id, "why": why} for id, why in made.waiting.items()],
        "groups": [] if question.fixed or question.excluded else _groups(shown, people, benefits, made),
        "terms": [
            {
                "terms": name,
                "benefit": round(under.benefit, DIGITS),
                "costs": None if under.costs is None else round(under.costs, DIGITS),
                "seconds": round(under.seconds, 3),
            }
            for name, under in made.terms.items()
        ],
        "benefit": round(made.benefit, DIGITS),
        "bound": round(made.bound, DIGITS),
        "optimum": round(made.optimum, DIGITS),
        "greedy": round(made.greedy, DIGITS),
        "first_come": round(made.first_come, DIGITS),
        "model": pack.weights_version,
        "as_of": question.today.isoformat(),
    }


def _groups(
    groups: Mapping[str, Sequence[int]],
    people: Sequence[str],
    benefits: Mapping[tuple[str, str], float],
    made: Proposal,
) -> list[GroupDocument]:
    """As they may be shown, and are stored. Of a group in which few gain anything, or few do not, nothing is said: its
    mean would be theirs."""
    gained = [benefits[id, made.assigned[id]] if id in made.assigned else 0.0 for id in people]
    found: list[GroupDocument] = []
    for name, members in groups.items():
        if not may_tell_mean([gained[one] > 0 for one in members]):
            continue
        mean = fmean(gained[one] for one in members)
        lacks = max(0.0, made.wanted - round(mean, OF_GROUPS))
        found.append(
            {"group": name, "people": len(members), "mean": round(mean, OF_GROUPS), "lacks": round(lacks, OF_GROUPS)}
        )
    return found


def _kept(
    fixed: Mapping[str, str | None],
    people: Iterable[str],
    places: Mapping[str, int],
    benefits: Mapping[tuple[str, str], float],
) -> dict[str, str | None]:
    left, kept = dict(places), dict[str, str | None]()
    for person in people:
        if person in fixed:
            to = fixed[person]
            if to is None:
                kept[person] = None
            elif (person, to) in benefits and left[to] > 0:
                kept[person] = to
                left[to] -= 1
    return kept


def main() -> None:
    """One question, one answer."""
    os.nice(BENEATH)
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_SECONDS, MOST_CPU_SECONDS))  # also when its service was killed
    answering = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the solver greets on standard output, whatever it is told
    question = Question.model_validate_json(sys.stdin.buffer.read())
    with answering:
        json.dump(answer(question, load_pack(question.pack)), answering)


if __name__ == "__main__":
    main()
