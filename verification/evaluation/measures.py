"""Figures of recommendation lists against the truth."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from verification.evaluation import programmes
from verification.evaluation.groups import groups_of
from verification.evaluation.truth import HINDRANCES, Offer, World

FIRST, TOP, LONG = 5, 10, 20
GAINFUL = 50  # what is not among a person's best fifty brings nothing
Lists = Sequence[Sequence[int]]
"""Of each worker the numbers of adverts, best first: up to `LONG`, of which up to `TOP` are shown."""


class Served(NamedTuple):
    """What a list does for one person. ``utility5``: of the first five places, where one that stays empty brings
    nothing, so that a short list of good entries is not better than a long one; ``impossible5``: the share of the first
    five entries, None when there is none."""

    ndcg10: float
    recall20: float
    utility5: float
    impossible5: float | None


def gains(utilities: Sequence[float]) -> list[float]:
    """Of each advert 1 for the best there is, 0 from the fiftieth on, in between by its utility."""
    ordered = sorted(utilities, reverse=True)
    best, last = ordered[0], ordered[min(GAINFUL, len(ordered)) - 1]
    if best <= last:
        return [0.0] * len(utilities)
    return [max(0.0, (utility - last) / (best - last)) for utility in utilities]


def ndcg(utilities: Sequence[float], found: Sequence[int]) -> float:
    """nDCG at ten, by `gains`."""
    gained = gains(utilities)
    ideal = sum(gain / math.log2(place + 2) for place, gain in enumerate(sorted(gained, reverse=True)[:TOP]))
    got = sum(gained[number] / math.log2(place + 2) for place, number in enumerate(found[:TOP]))
    return got / ideal if ideal else 0.0


def recall(utilities: Sequence[float], found: Sequence[int]) -> float:
    """How many of the twenty best for somebody, of as many as are possible, are among the first twenty found."""
    order = sorted(range(len(utilities)), key=lambda number: -utilities[number])
    best = {number for number in order[:LONG] if utilities[number] > 0}
    return len(best.intersection(found[:LONG])) / len(best) if best else 0.0


def gini(counts: Sequence[int]) -> float:
    """How unevenly something is spread: 0 when all have the same, near 1 when one has all."""
    ordered, total = sorted(counts), sum(counts)
    if not total:
        return 0.0
    uneven = sum((2 * place - len(ordered) - 1) * count for place, count in enumerate(ordered, 1))
    return uneven / (len(ordered) * total)


def exposure(openings: int, lists: Lists) -> list[int]:
    """Of each opening on how many lists it is shown."""
    counts = Counter(number for found in lists for number in found[:TOP])
    return [counts[number] for number in range(openings)]


def served(utilities: Sequence[float], found: Sequence[int]) -> Served:
    """What this list does for this person."""
    five = [utilities[number] for number in found[:FIRST]]
    return Served(
        ndcg(utilities, found),
        recall(utilities, found),
        sum(five) / FIRST,
        fmean(utility == 0 for utility in five) if five else None,
    )


def figures(market: World, truth: Sequence[Sequence[float]], lists: Lists) -> Mapping[str, float]:
    """All figures of one world. Of people for whom nothing at all is possible nothing is asked."""
    workers, adverts = market.workers, market.adverts
    some = [number for number in range(len(workers)) if max(truth[number]) > 0]
    quality = {number: ndcg(truth[number], lists[number]) for number in some}
    fives = [(number, advert) for number in some for advert in lists[number][:FIRST]]
    by_group: dict[str, list[float]] = {}
    for number in some:
        for group in groups_of(workers[number]).values():
            by_group.setdefault(group, []).append(quality[number])

    def share(entries: Sequence[tuple[int, int]], holds: Callable[[int, int], bool]) -> float:
        return fmean([holds(number, advert) for number, advert in entries] or [0.0])

    def of(number: int) -> Offer:
        return adverts[number]

    hindered = Counter(market.hindrance(number, advert) for number, advert in fives)
    women = [(number, advert) for number, advert in fives if workers[number].woman]
    men = [(number, advert) for number, advert in fives if not workers[number].woman]
    seen = {advert for found in lists for advert in found[:TOP]}
    seen_like = {of(advert).group for advert in seen}
    entries = [(number, advert) for number in some for advert in lists[number][:TOP]]
    by_kind = {
        kind: [(number, advert) for number, advert in fives if of(advert).kind == kind]
        for kind in ("job", *programmes.KINDS)
    }
    return {
        "ndcg10": fmean(quality.values()),
        "recall20": fmean(recall(truth[number], lists[number]) for number in some),
        "gini": gini(exposure(len(adverts), lists)),
        "utility5": fmean(served(truth[number], lists[number]).utility5 for number in some),
        "impossible5": share(fives, lambda number, advert: truth[number][advert] == 0),
        "impossible5_home_known": share(
            [(n, advert) for n, advert in fives if workers[n].shown.residence], lambda n, a: truth[n][a] == 0
        ),
        **{f"impossible5_by_{cause}": hindered[cause] / max(1, len(fives)) for cause in HINDRANCES},
        "unseen": 1 - len(seen) / len(adverts),
        "unseen_alike_once": fmean([advert.group not in seen_like for advert in adverts]),
        "programmes": share(entries, lambda number, advert: of(advert).kind != "job"),
        **{f"impossible5_{kind}": share(own, lambda n, a: truth[n][a] == 0) for kind, own in by_kind.items()},
        **{f"utility5_{kind}": fmean([truth[n][a] for n, a in own] or [0.0]) for kind, own in by_kind.items()},
        "opens_more": _opens_more(market, truth, lists),
        "alike": fmean([_alike(market, lists[number]) for number in some]),
        "lodging5": share(fives, lambda number, advert: of(advert).lodging or of(advert).bus),
        "away5": share(fives, lambda number, advert: of(advert).region[:2] != workers[number].region[:2]),
        "elementary5_women": share(women, lambda number, advert: of(advert).elementary),
        "elementary5_men": share(men, lambda number, advert: of(advert).elementary),
        **{group: fmean(own) for group, own in sorted(by_group.items())},
        "listed": fmean(len(lists[number][:TOP]) for number in some),
    }


def _opens_more(market: World, truth: Sequence[Sequence[float]], lists: Lists) -> float:
    """Of those who want trainings or internships and for whom there is one: how many have one on their list."""
    leading = [n for n, advert in enumerate(market.adverts) if advert.kind in ("training", "internship")]
    able = [own for own, utilities in zip(lists, truth, strict=True) if any(utilities[n] > 0 for n in leading)]
    return fmean([not set(leading).isdisjoint(own[:TOP]) for own in able] or [0.0])


def _alike(market: World, found: Sequence[int]) -> bool:
    groups = Counter(market.adverts[number].group for number in found[:TOP])
    return any(count > 1 for count in groups.values())
