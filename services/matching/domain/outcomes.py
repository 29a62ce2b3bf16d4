"""How well matches did by what became of them: an operator's own recorded outcomes in place of an invented truth.

A pair counts as it is held now, on the day its outcome was recorded: what somebody's profile said at that time is not
kept, so what was learned since helps the model here. What an outcome itself changes does not count: an advert that is
filled or closed is judged as if it still took people. Only pairs that somebody looked at have an outcome: what was
never shown is neither good nor bad, and a model that shows other openings is not measured by them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from statistics import fmean
from typing import Any, Literal, NamedTuple

from services.matching.domain.assessment import Assessment, assess, band_of
from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.condition_answer import ASK
from services.matching.domain.disclosure_control import LEAST, REPORTED, may_tell_by, may_tell_mean, pooled, told
from services.matching.domain.opening_facts import OpeningFacts, opening_facts
from services.matching.domain.person_facts import PersonFacts, person_facts
from services.matching.domain.text_search import TextSearch
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack

Outcome = Literal["no", "yes", "referred", "placed"]
STEPS: Mapping[Outcome, int] = {"no": 0, "yes": 1, "referred": 2, "placed": 3}
"""How far it came: the person or the other side said no; the person said yes; was referred; was placed."""
FARTHEST = 3
FIRST, TOP = 5, 10


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a pair, by the bus's ids. ``reason``: of a no the condition that did not hold, where somebody
    wrote it down."""

    person: str
    opening: str
    outcome: Outcome
    day: date
    reason: str | None = None


class Judged(NamedTuple):
    """A pair as the model of today judges it, and how far it came, 0 to 1. ``searched``: how well a search for words
    would find it; ``impossible``: it came to nothing since a condition did not hold."""

    assessment: Assessment
    gain: float
    searched: float = 0.0
    impossible: bool = False

    @property
    def place(self) -> tuple[float, str]:
        """By which pairs of one person are ordered: a pair that may not match comes last."""
        refused = self.assessment.state == "no"
        return (1.0 if refused else -self.assessment.score), self.assessment.opening.id

    @property
    def place_by_words(self) -> tuple[float, str]:
        """The same by the search."""
        return -self.searched, self.assessment.opening.id


class Unseen(NamedTuple):
    """Of openings that take people today, so many, how many stand as a match of nobody; ``people``: how many there are
    who could have them."""

    people: int
    openings: int
    unseen: int

    def share(self) -> float | None:
        """None: of fewer than ten people, or of openings."""
        few = told(self.people) is None or self.openings < LEAST
        return None if few else round(self.unseen / self.openings, 3)


@dataclass(frozen=True)
class Held:
    """What is held of those whom outcomes name, by the bus's ids, on this day."""

    people: Mapping[str, Person]
    openings: Mapping[str, Opportunity]
    pack: Pack
    today: date

    def holds(self, one: Recorded) -> bool:
        """Whether both sides of it are here."""
        return one.person in self.people and one.opening in self.openings


def judged(recorded: Sequence[Recorded], held: Held) -> Mapping[str, list[Judged]]:
    """By person, of those who take part today, the pairs that are held, best first by the model. Of several outcomes of
    a pair the farthest counts, on the day of that."""
    pack = held.pack
    farthest: dict[tuple[str, str], Recorded] = {}
    for one in recorded:
        if held.holds(one):
            before = farthest.get((one.person, one.opening))
            if before is None or (STEPS[before.outcome], before.day) < (STEPS[one.outcome], one.day):
                farthest[one.person, one.opening] = one
    contexts: dict[date, AssessmentContext] = {}
    facts: dict[str, PersonFacts] = {}
    offered: dict[str, OpeningFacts] = {}
    found: dict[str, list[Judged]] = {}
    search = TextSearch((held.openings[opening] for opening in sorted({opening for _, opening in farthest})), pack)
    for (person, opening), one in sorted(farthest.items()):
        if one.day not in contexts:
            known = next(iter(contexts.values()), None)
            contexts[one.day] = AssessmentContext(pack, one.day) if known is None else known.on(one.day)
        if person not in facts:
            facts[person] = person_facts(held.people[person], pack)
        if opening not in offered:
            facts_now = opening_facts(held.openings[opening], pack)
            offered[opening] = replace(facts_now, open=True, places=None, last_day=None)
        if facts[person].takes_part(held.today):
            assessment = assess(facts[person], offered[opening], contexts[one.day])
            searched, gain = search.score(held.people[person], opening), STEPS[one.outcome] / FARTHEST
            found.setdefault(person, []).append(Judged(assessment, gain, searched, one.reason is not None))
    return {person: sorted(pairs, key=lambda pair: pair.place) for person, pairs in found.items()}


def measured(recorded: Sequence[Recorded], held: Held, unseen: Unseen | None = None) -> Mapping[str, Any]:
    """The figures. None: what would tell of fewer than ten people, by itself or by what is left of the whole: of the
    people who are named, too. A question stands in ``yes_by_question`` if there is a figure for it: which questions
    are open at all would tell what a single person did not say.

    ``ndcg10``: of who has at least two outcomes that differ, how near the model's order is to how far each came;
    ``ndcg10_by_lot``: the same for any order; ``ndcg10_by_words``: for that of a search for words (`text_search.py`).
    ``yes``: the share of pairs that came to a yes at least. ``impossible5``: of the first five of each person, by the
    model, by the search and by lot, the share that came to nothing for a condition that the file names; it is never too
    high, since not every no comes with a reason. ``unseen``: of the openings that changed last the share that stands on
    nobody's list.
    """
    pairs, pack, today = judged(recorded, held), held.pack, held.today
    who, own = [held.people[id] for id in pairs], list(pairs.values())
    named = len({one.person for one in recorded})
    lacking = [one for one in recorded if not held.holds(one)]
    people = told(len(who), named)
    # of the lines that are recorded the rest of both is of who is held and does not take part
    away = len({one.person for one in recorded if held.holds(one)} - pairs.keys())
    may_tell_lacking = told(len({one.person for one in lacking}), named) is not None and (
        people is None or away == 0 or told(away) is not None
    )
    by_question = {name: _share(own, _asks(name), _is_yes) for name in sorted(_questions(own))}
    return {
        "as_of": today.isoformat(),
        "model": pack.weights_version,
        "recorded": len(recorded),
        "not_held": len(lacking) if may_tell_lacking else None,
        "people": people,
        "pairs": None if people is None else sum(map(len, own)),
        "refused_now": _share(own, lambda _: True, lambda pair: pair.assessment.state == "no"),
        "ndcg10": _mean([ndcg(some) for some in own]),
        "ndcg10_by_lot": _mean([ndcg_by_lot(some) for some in own]),
        "ndcg10_by_words": _mean([ndcg(by_words(some)) for some in own]),
        "impossible5": _share([some[:FIRST] for some in own], lambda _: True, _is_impossible),
        "impossible5_by_words": _share([by_words(some)[:FIRST] for some in own], lambda _: True, _is_impossible),
        "impossible5_by_lot": _impossible_by_lot(own),
        "unseen": None if unseen is None else unseen.share(),
        "unseen_of_openings": None if unseen is None else unseen.openings,
        "yes": _share(own, lambda _: True, _is_yes),
        "yes_by_band": {band: _share(own, _in_band(band, pack), _is_yes) for band in ("high", "medium", "low")},
        "yes_unasked": _share(own, _asks(None), _is_yes),
        "yes_by_question": {name: share for name, share in by_question.items() if share is not None},
        "groups": {by: _by_group(pooled(who, by, today, pack), own, people) for by in REPORTED},
    }


def rows(recorded: Sequence[Recorded], held: Held) -> Iterator[Mapping[str, Any]]:
    """What the fit of weights reads (`verification.evaluation.fit --rows`): of each pair that may match the values of
    the factors as they count, and how far it came; a person is a number of this file."""
    pairs = judged(recorded, held)
    for number, person in enumerate(sorted(pairs)):
        for pair in pairs[person]:
            opening, context = pair.assessment.opening, pair.assessment.context
            if pair.assessment.state != "no":
                values = {
                    one.factor.name: one.factor.unknown(opening, context) if one.value is None else one.value
                    for one in pair.assessment.factors
                }
                yield {"person": number, "values": values, "gain": round(pair.gain, 6)}


def ndcg(pairs: Sequence[Judged]) -> float | None:
    """nDCG at ten of pairs in the model's order; None where all came equally far."""
    gains = [pair.gain for pair in pairs]
    return None if len(set(gains)) < 2 else _discounted(gains) / _discounted(sorted(gains, reverse=True))


def ndcg_by_lot(pairs: Sequence[Judged]) -> float | None:
    """The mean of it over all orders."""
    gains = [pair.gain for pair in pairs]
    if len(set(gains)) < 2:
        return None
    return _discounted([fmean(gains)] * len(gains)) / _discounted(sorted(gains, reverse=True))


def by_words(pairs: Sequence[Judged]) -> list[Judged]:
    """In the order of the search."""
    return sorted(pairs, key=lambda pair: pair.place_by_words)


def _impossible_by_lot(own: Sequence[Sequence[Judged]]) -> float | None:
    """In the mean of all orders: of somebody's first five as many as of all their pairs."""
    if _share(own, lambda _: True, _is_impossible) is None:
        return None
    among_five = sum(min(FIRST, len(some)) * fmean(map(_is_impossible, some)) for some in own)
    return round(among_five / sum(min(FIRST, len(some)) for some in own), 3)


def _is_impossible(pair: Judged) -> bool:
    return pair.impossible


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains[:TOP]))


def _is_yes(pair: Judged) -> bool:
    return pair.gain > 0


def _in_band(band: str, pack: Pack) -> Callable[[Judged], bool]:
    return lambda pair: pair.assessment.state != "no" and band_of(pair.assessment.score, pack) == band


def _open_questions(pair: Judged) -> list[str]:
    return [one.condition.name for one in pair.assessment.answers if one.answer is ASK]


def _questions(own: Sequence[Sequence[Judged]]) -> set[str]:
    asked = (pair for some in own for pair in some if pair.assessment.state == "possible")
    return {name for pair in asked for name in _open_questions(pair)}


def _asks(name: str | None) -> Callable[[Judged], bool]:
    """Pairs of which this is the only open question; None: of which nothing is asked."""
    wanted = [] if name is None else [name]
    return lambda pair: pair.assessment.state != "no" and _open_questions(pair) == wanted


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(fmean(known), 3) if may_tell_mean([value is not None for value in values]) else None


def _share(
    own: Sequence[Sequence[Judged]], of: Callable[[Judged], bool], holds: Callable[[Judged], bool]
) -> float | None:
    """The share of these pairs for which it holds. Of people who have any such pair as many need one of each sort."""
    some = [[holds(pair) for pair in pairs if of(pair)] for pairs in own]
    counted = [one for one in some if one]
    sorts = [any(one) for one in counted], [not all(one) for one in counted], [bool(one) for one in some]
    return round(fmean(each for one in counted for each in one), 3) if all(map(may_tell_mean, sorts)) else None


def _by_group(
    groups: Mapping[str, list[int]], own: Sequence[Sequence[Judged]], people: int | None
) -> Mapping[str, Any]:
    """How many a group has is told only with the number of all, which it would give away."""
    ndcgs = {
        "ndcg10": [ndcg(some) for some in own],
        "ndcg10_by_lot": [ndcg_by_lot(some) for some in own],
        "ndcg10_by_words": [ndcg(by_words(some)) for some in own],
    }
    tell_ndcg = may_tell_by(groups, [one is not None for one in ndcgs["ndcg10"]], may_tell_mean)
    tell_yes = may_tell_by(groups, [any(map(_is_yes, some)) for some in own], may_tell_mean)
    tell_yes &= may_tell_by(groups, [not all(map(_is_yes, some)) for some in own], may_tell_mean)
    return {
        group: {
            "people": None if people is None else len(members),
            **{
                name: _mean([values[one] for one in members]) if group in tell_ndcg else None
                for name, values in ndcgs.items()
            },
            "yes": _share([own[one] for one in members], lambda _: True, _is_yes) if group in tell_yes else None,
        }
        for group, members in groups.items()
    }
