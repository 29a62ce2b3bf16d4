"""Figures of recommendation lists against the truth."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from verification.evaluation import programmes
from verification.evaluation.truth import HINDRANCES, Offer, Seeker, World

TOP = 10
GROUPS = (
    "women", "men", "below35", "from50", "school_to_9", "university", "childcare", "gyeonggi", "elsewhere",
    "jobs_only", "more_than_jobs",
)  # fmt: skip
"""Whose nDCG is told apart."""
GAINFUL = 50  # what is not among a person's best fifty brings nothing
Lists = Sequence[Sequence[int]]
"""Of each worker the numbers of adverts, best first."""


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


def figures(market: World, truth: Sequence[Sequence[float]], lists: Lists) -> Mapping[str, float]:
    """All figures of one world. Of people for whom nothing at all is possible nothing is asked."""
    workers, adverts = market.workers, market.adverts
    some = [number for number in range(len(workers)) if max(truth[number]) > 0]
    quality = {number: ndcg(truth[number], lists[number]) for number in some}
    fives = [(number, advert) for number in some for advert in lists[number][:5]]

    def mean_of(which: Callable[[Seeker], bool]) -> float:
        return fmean([quality[number] for number in some if which(workers[number])] or [0.0])

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
        "utility5": fmean(truth[number][advert] for number, advert in fives) if fives else 0.0,
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
        "jobs_only": mean_of(lambda worker: len(worker.kinds) == 1),
        "more_than_jobs": mean_of(lambda worker: len(worker.kinds) > 1),
        "alike": fmean([_alike(market, lists[number]) for number in some]),
        "lodging5": share(fives, lambda number, advert: of(advert).lodging or of(advert).bus),
        "away5": share(fives, lambda number, advert: of(advert).region[:2] != workers[number].region[:2]),
        "elementary5_women": share(women, lambda number, advert: of(advert).elementary),
        "elementary5_men": share(men, lambda number, advert: of(advert).elementary),
        "below35": mean_of(lambda worker: worker.age < 35),
        "from50": mean_of(lambda worker: worker.age >= 50),
        "school_to_9": mean_of(lambda worker: worker.education <= 2),
        "university": mean_of(lambda worker: worker.education >= 4),
        "women": mean_of(lambda worker: worker.woman),
        "men": mean_of(lambda worker: not worker.woman),
        "childcare": mean_of(lambda worker: worker.childcare),
        "gyeonggi": mean_of(lambda worker: worker.region.startswith("41")),
        "elsewhere": mean_of(lambda worker: not worker.region.startswith("41")),
        "listed": fmean(len(lists[number]) for number in some),
    }


def _opens_more(market: World, truth: Sequence[Sequence[float]], lists: Lists) -> float:
    """Of those who want trainings or internships and for whom there is one: how many have one on their list."""
    leading = [n for n, advert in enumerate(market.adverts) if advert.kind in ("training", "internship")]
    able = [own for own, utilities in zip(lists, truth, strict=True) if any(utilities[n] > 0 for n in leading)]
    return fmean([not set(leading).isdisjoint(own[:TOP]) for own in able] or [0.0])


def _alike(market: World, found: Sequence[int]) -> bool:
    groups = Counter(market.adverts[number].group for number in found[:TOP])
    return any(count > 1 for count in groups.values())
