"""Which matches stand, by docs/matching.md alone: every person against every opening, plainly and slowly.

Nothing of services.matching is used here, so a rule that is wrong there is seen here, unless the page is wrong as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from shared.events.topics.matches import Band
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack
from verification.oracle.conditions import Pair, answers
from verification.oracle.factors import DIGITS, contributions, fit_of


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
    people: Iterable[Person], openings: Iterable[Opportunity], pack: Pack, today: date
) -> dict[tuple[str, str], Standing]:
    """By (person, opening) all matches that stand on this day."""
    adverts, found = list(openings), dict[tuple[str, str], Standing]()
    for person in people:
        able = []
        for opening in adverts:
            pair = Pair(person, opening, pack, today)
            asks = asks_of(pair)
            if asks is None:
                continue
            parts = contributions(pair)
            score = round(sum(parts.values()), DIGITS)
            if fit_of(pair, parts) >= pack.matching.threshold:
                able.append((-score, opening.opportunity, asks, tuple(parts.items())))
        able.sort()
        for rank, (minus, id, asks, parts_of) in enumerate(able[: pack.matching.best_of_person], 1):
            state: Literal["eligible", "possible"] = "possible" if asks else "eligible"
            found[person.person, id] = Standing(state, -minus, band_of(-minus, pack), asks, parts_of, rank)
    return found


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
