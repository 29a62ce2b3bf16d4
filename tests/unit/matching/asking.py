"""Shared words of the tests of matching's rules."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from services.matching.domain import explanations
from services.matching.domain.assessment import Assessment, assess_pair, band_of
from services.matching.domain.match_index import MatchIndex, Pair
from services.matching.domain.opening_facts import opening_facts
from services.matching.domain.person_facts import person_facts
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack, load_pack
from tests.support.matching import TODAY, a_job, a_person, a_training
from verification.oracle.matches import Standing

PACK = load_pack("kr-gyeonggi")
DAY, EVENING, NIGHT = "kr-gyeonggi-1:day", "kr-gyeonggi-1:evening", "kr-gyeonggi-1:night"


def assessed(
    person: dict[str, Any] | None = None,
    job: dict[str, Any] | None = None,
    *,
    training: dict[str, Any] | None = None,
    today: date = TODAY,
    pack: Pack = PACK,
) -> Assessment:
    """The usual person and job (or training), with these changes."""
    opening = a_job(**(job or {})) if training is None else a_training(**training)
    return assess_pair(a_person(**(person or {})), opening, pack, today)


def answer(
    condition: str,
    person: dict[str, Any] | None = None,
    job: dict[str, Any] | None = None,
    *,
    training: dict[str, Any] | None = None,
    today: date = TODAY,
) -> str:
    """One condition's answer; its sentences are made too, in every language, so that no value is missing in them."""
    found = assessed(person, job, training=training, today=today)
    for result in found.answers:
        text = explanations.condition_text(found, result)
        assert set(text) == set(PACK.languages)
        assert all(text.values())
    return next(one.answer.value for one in found.answers if one.condition.name == condition)


def said(condition: str, person: dict[str, Any] | None = None, job: dict[str, Any] | None = None) -> str:
    """What one condition says in English."""
    found = assessed(person, job)
    return explanations.condition_text(found, next(a for a in found.answers if a.condition.name == condition))["en"]


def value(
    factor: str,
    person: dict[str, Any] | None = None,
    job: dict[str, Any] | None = None,
    *,
    training: dict[str, Any] | None = None,
) -> float | None:
    """One factor's value; its sentence is made too."""
    found = assessed(person, job, training=training)
    result = next(one for one in found.factors if one.factor.name == factor)
    assert set(explanations.factor_text(found, result)) == set(PACK.languages)
    return result.value


def held(index: MatchIndex, pack: Pack = PACK) -> dict[Pair, Standing]:
    """The matches that stand in an index."""
    found: dict[Pair, Standing] = {}
    for person in index.people():
        for rank, opening in enumerate(index.best(person), 1):
            pair = (person, opening)
            revisions = index.revisions(*pair)
            assert revisions is not None
            assessment = index.explain(pair, revisions)
            assert assessment is not None
            assert assessment.state != "no"
            asks = tuple(one.condition.name for one in assessment.answers if one.answer.value == "ask")
            parts = tuple((one.factor.name, one.contribution) for one in assessment.factors)
            found[pair] = Standing(
                assessment.state, assessment.score, band_of(assessment.score, pack), asks, parts, rank
            )
    return found


def standing(
    people: Iterable[Person], openings: Iterable[Opportunity], pack: Pack = PACK, today: date = TODAY
) -> dict[Pair, Standing]:
    """What stands once the service's engine has seen all of them."""
    index = MatchIndex(pack, today)
    for opening in openings:
        index.put_opening(opening_facts(opening, pack), 1)
    for person in people:
        if index.put_person(person_facts(person, pack), 1):
            index.scan_person(person.person)
    return held(index, pack)
