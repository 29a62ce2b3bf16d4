"""Which matches stand, by docs/matching.md alone: every person against every opening, plainly and slowly.

Nothing of services.matching is used here, so a rule that is wrong there is seen here, unless the page is wrong as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from typing import Literal

from shared.events.topics.matches import Band
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack
from shared.reference.title_folding import folded
from verification.oracle.conditions import answers, only_in_title
from verification.oracle.factors import DIGITS, beneath, certainty, contributions, fit_of
from verification.oracle.pair import Pair


@dataclass(frozen=True)
class Standing:
    """A match that stands. ``asks``: conditions to ask about; ``contributions`` add up to the score; ``rank``: its
    place among the person's best, 1 the best."""

    state: Literal["eligible", "possible"]
    score: float
    band: Band
    asks: tuple[str, ...]
    contributions: tuple[tuple[str, float], ...]
    rank: int


def matches_of(
    people: Iterable[Person],
    openings: Iterable[Opportunity],
    pack: Pack,
    today: date,
    prices: Mapping[str, float] | None = None,
) -> dict[tuple[str, str], Standing]:
    """By (person, opening) all matches that stand on this day; ``prices``: the day's table of congestion."""
    adverts, found = list(openings), dict[tuple[str, str], Standing]()
    for person in people:
        able, pairs = [], {}
        for opening in adverts:
            pair = Pair(person, opening, pack, today)
            asks = asks_of(pair)
            if asks is None:
                continue
            parts = contributions(pair)
            score = round(sum(parts.values()), DIGITS)
            if fit_of(pair, parts) >= pack.matching.threshold:
                able.append((-score, opening.opportunity, asks, tuple(parts.items())))
                pairs[opening.opportunity] = pair
        able.sort()
        scored = {id: (minus, asks, parts_of) for minus, id, asks, parts_of in able}
        scores = {id: -minus for minus, id, _, _ in able}
        for rank, id in enumerate(choice(pool([pairs[id] for id in scores]), scores, prices or {}), 1):
            minus, asks, parts_of = scored[id]
            state: Literal["eligible", "possible"] = "possible" if asks else "eligible"
            found[person.person, id] = Standing(state, -minus, band_of(-minus, pack), asks, parts_of, rank)
    return found


def pool(pairs: list[Pair]) -> list[Pair]:
    """Of all that one person may match, the best first, those from which the ones that stand are chosen."""
    found: list[Pair] = []
    for pair in pairs:
        data = pair.pack.matching
        if len(found) == data.chosen_from:
            break
        of_sort = [other for other in found if sort_of(other) == sort_of(pair)]
        of_employer = [other for other in of_sort if employer_of(pair) and employer_of(other) == employer_of(pair)]
        most = {kind: 3 * few for kind, few in data.most_of_kind.items()} | {"beneath": data.best_of_person}
        if len(of_sort) == most.get(sort_of(pair)) or len(of_employer) == 3 * data.most_of_employer:
            continue
        if sum(likeness(other) == likeness(pair) for other in of_sort) < 5:
            found.append(pair)
    return found


def choice(pairs: list[Pair], scores: Mapping[str, float], prices: Mapping[str, float]) -> list[str]:
    """Of a pool, the best first, those that stand, by their rank."""
    if not pairs:
        return []
    data = pairs[0].pack.matching

    def id_of(pair: Pair) -> str:
        return pair.opening.opportunity

    chances = {id_of(pair): certainty(pair) or 0.0 for pair in pairs}

    def likely(pair: Pair) -> bool:
        return chances[id_of(pair)] >= data.likely_from

    def surest(pair: Pair) -> tuple[float, str]:
        return -round(best_of[id_of(pair)] + data.surely * chances[id_of(pair)], DIGITS), id_of(pair)

    def less(pair: Pair) -> tuple[float, str]:
        score = best_of[id_of(pair)] - prices.get(id_of(pair), 0.0) + data.lot * lot(pair.person.person, id_of(pair))
        return -round(score, DIGITS), id_of(pair)

    pool, best_of = pairs, dict[str, float]()
    pairs = []
    for pair in pool:
        same = shown_of(pair, pool, scores, likely)
        one = min(same, key=lambda other: dear(other, prices))
        if one not in pairs:
            pairs.append(one)
            best_of[id_of(one)] = max(scores[id_of(other)] for other in same)
    most, found = min(data.first_places, data.best_of_person), list[Pair]()
    surely = [pair for pair in pairs if likely(pair)]
    looked_at = [pair for pair in surely if not beneath(pair)][: 2 * most]
    for pair in [*sorted(looked_at, key=surest), *(pair for pair in surely if pair not in looked_at)]:
        if len(found) < most and has_room(pair, found):
            found.append(pair)
    first = len(found)
    full = first >= data.first_places
    unlikely = 3 * max(0, first - 2) if first else data.least_of_person
    if full:
        unlikely = data.best_of_person - first
    for pair in sorted(pairs, key=less):
        if pair not in found and len(found) < min(data.best_of_person, first + unlikely) and has_room(pair, found):
            found.append(pair)
    filling: list[Pair] = []
    for pair in pairs:
        waiting = [other for other in (*found[first:], *filling) if not likely(other)]
        if pair in found or len(found) + len(filling) == data.best_of_person:
            continue
        if full or likely(pair) or len(waiting) < unlikely:
            filling.append(pair)
    more = [pair for pair in pairs if opens_more(pair)]
    long = len(found) + len(filling) == data.best_of_person > 1
    if long and more and not any(opens_more(pair) for pair in found + filling):
        last = filling if filling else found
        last[-1] = more[0]
    return [id_of(pair) for pair in ranked(found + filling, scores, chances)]


def ranked(standing: list[Pair], scores: Mapping[str, float], chances: Mapping[str, float]) -> list[Pair]:
    """What stands for somebody, by its rank."""
    if not standing:
        return []
    data, first = standing[0].pack.matching, list[Pair]()

    def chance(pair: Pair) -> float:
        return chances[pair.opening.opportunity]

    def score(pair: Pair) -> tuple[float, str]:
        return -scores[pair.opening.opportunity], pair.opening.opportunity

    def surest(pair: Pair) -> tuple[float, str]:
        return round(score(pair)[0] - data.surely * chance(pair), DIGITS), pair.opening.opportunity

    likely = [pair for pair in standing if chance(pair) >= data.likely_from]
    for pair in sorted(likely, key=surest):
        if len(first) < data.first_places and has_room(pair, first):
            first.append(pair)
    then = sorted((pair for pair in likely if pair not in first), key=score)
    others = [pair for pair in standing if pair not in likely]
    others.sort(key=lambda one: (-chance(one), one.opening.opportunity))
    varied: list[Pair] = []
    for pair in [*sorted(first, key=score), *then, *others]:
        if has_room(pair, varied):
            varied.append(pair)
    return varied + sorted((pair for pair in standing if pair not in varied), key=score)


def shown_of(pair: Pair, pool: list[Pair], scores: Mapping[str, float], likely: Callable[[Pair], bool]) -> list[Pair]:
    """Of those that are nearly the same as this one those that one person or another is shown: likely ones if there are
    any, nearly as good as the best of these, on the same terms, and not paid less by more than three in a hundred."""

    def score(one: Pair) -> float:
        return scores[one.opening.opportunity]

    def pay(one: Pair) -> float:
        hourly = one.hourly()
        return 0.0 if hourly is None else hourly[0]

    same = [other for other in pool if likeness(other) == likeness(pair)]
    same = [other for other in same if likely(other)] or same
    best = max(same, key=score)
    terms = best.opening.hours_per_week, best.opening.employment
    near = [
        other
        for other in same
        if round(score(best) - score(other), DIGITS) <= pair.pack.matching.alike_within
        and (other.opening.hours_per_week, other.opening.employment) == terms
    ]
    most = max(pay(other) for other in near)
    return [other for other in near if pay(other) >= most * (1 - 0.03)]


def dear(pair: Pair, prices: Mapping[str, float]) -> tuple[float, str]:
    """By what this person is shown one of several adverts that are nearly the same."""
    id = pair.opening.opportunity
    return round(prices.get(id, 0.0) - 0.1 * lot(pair.person.person, id), DIGITS), id


def lot(person: str, opening: str) -> float:
    """Of a person for an opening, 0 to 1."""
    return int.from_bytes(blake2b(f"{person}/{opening}".encode(), digest_size=4).digest(), "big") / 2**32


def has_room(pair: Pair, found: list[Pair]) -> bool:
    """Whether it is not one more of an employer or a kind that has its share, nor beneath the person."""
    data, kind = pair.pack.matching, pair.opening.kind
    same = sum(same_employer(pair, other) for other in found)
    of_kind = sum(other.opening.kind == kind for other in found)
    return same < data.most_of_employer and of_kind < data.most_of_kind.get(kind, of_kind + 1) and not beneath(pair)


def sort_of(pair: Pair) -> str:
    """The kind, or that it is beneath this person."""
    return "beneath" if beneath(pair) else pair.opening.kind


def employer_of(pair: Pair) -> str:
    """Who hires, by number or else by name; empty when it is not said."""
    employer = pair.opening.employer
    if employer is None:
        return ""
    return employer.number.replace("-", "").casefold() if employer.number else folded(employer.name)


def same_employer(pair: Pair, other: Pair) -> bool:
    """By number where both give one, else by name."""
    one, two = pair.opening.employer, other.opening.employer
    if one is None or two is None:
        return False
    if one.number and two.number:
        return employer_of(pair) == employer_of(other)
    return folded(one.name) == folded(two.name) != ""


def likeness(pair: Pair) -> object:
    """The same of adverts that are nearly the same."""
    one, about = pair.opening, pair.opening.occupation or ""
    if not (pair.paid and about and employer_of(pair)):
        about += "/" + folded(re.sub(r"(제\s*)?\d+\s*(기|회차|차수|차)(?!\w)", "", one.title))
    return (
        one.kind,
        employer_of(pair),
        about,
        one.region,
        sorted(one.shifts),
        sorted(only_in_title(pair)),
        sorted(one.teaches),
    )


def opens_more(pair: Pair) -> bool:
    """A training that teaches something new, or a kind that leads on."""
    data, known = pair.pack.matching, {course.code for course in pair.person.courses}
    if pair.opening.kind in data.learning_kinds:
        return not set(pair.opening.teaches) <= known
    return pair.opening.kind in data.leading_kinds


def asks_of(pair: Pair) -> tuple[str, ...] | None:
    """The conditions to ask about; None when any is a no."""
    asks = []
    for name, answer in answers(pair):
        if answer == "no":
            return None
        if answer == "ask":
            asks.append(name)
    return tuple(asks)


def band_of(score: float, pack: Pack) -> Band:
    """High, medium or low; a border belongs to the higher band."""
    bands = pack.matching.bands
    if score >= bands["high"]:
        return "high"
    return "medium" if score >= bands["medium"] else "low"
