"""What is proposed to everybody in a world: by the service's engine, and by all other ways to rank."""

from __future__ import annotations

from collections.abc import Mapping

from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.congestion import Congestion, whole
from services.matching.domain.match_index import MatchIndex
from services.matching.domain.opening_facts import opening_facts
from services.matching.domain.person_facts import person_facts
from shared.reference import Pack
from verification.evaluation.baselines import (
    Admitted,
    Learned,
    admitted,
    by_bm25,
    by_bm25_of_syllables,
    by_lot,
    by_ngrams,
)
from verification.evaluation.measures import LONG, Lists
from verification.evaluation.previous_engine import Before
from verification.evaluation.truth import TODAY, World

NOW, WITHOUT_CONGESTION = "now", "without_congestion"
OTHERS = ("boosting", "logistic", "ngrams", "bm25", "bm25_syllables", "before", "random")
"""What the service is compared with; "truth" and "surest" are bounds, not ways that anybody could go."""
DAYS = 3  # turns of the day, each with a table made from the one before


def all_ways(market: World, pack: Pack, truth: list[list[float]], learned: Learned | None) -> Mapping[str, Lists]:
    """The lists by way; without ``learned`` only the service's own. Every way ranks inside the service's conditions."""
    found = {NOW: matched(market, pack, DAYS), WITHOUT_CONGESTION: matched(market, pack)}
    if learned is None:
        return found
    context = AssessmentContext(pack, TODAY)
    allowed = admitted(market, context)
    logistic, boosting, surest = learned.lists(allowed, context)
    by_truth = [sorted(own, key=lambda n: -truth[number][n])[:LONG] for number, own in enumerate(allowed.by_worker)]
    return found | {
        "before": matched_before(market, allowed, context),
        "random": by_lot(market, allowed),
        "bm25": by_bm25(market, allowed),
        "bm25_syllables": by_bm25_of_syllables(market, allowed),
        "ngrams": by_ngrams(market, allowed),
        "logistic": logistic,
        "boosting": boosting,
        "surest": surest,
        "truth": by_truth,
    }


def matched(market: World, pack: Pack, days: int = 0) -> Lists:
    """What the service's engine proposes; after so many turns of a day with the table of congestion. A list ends at
    ten: for measures of longer ones the next of the person's pool by score, which nobody is shown, stand behind it."""
    index = MatchIndex(pack, TODAY)
    numbers = {advert.shown.opportunity: number for number, advert in enumerate(market.adverts)}
    for advert in market.adverts:
        index.put_opening(opening_facts(advert.shown, pack), 1)
    people = [worker.shown.person for worker in market.workers]
    for worker in market.workers:
        index.put_person(person_facts(worker.shown, pack), 1)
        index.scan_person(worker.shown.person)
    index.set_congestion(Congestion(TODAY, {}))
    for _ in range(days):
        index.set_congestion(congestion_of(index))
    most = pack.matching.best_of_person
    return [[numbers[opening] for opening in _prolonged(index, id, most)] for id in people]


def _prolonged(index: MatchIndex, person: str, most: int) -> list[str]:
    shown, listed = index.best(person), index.list_of(person)
    if listed is None or len(shown) < most:  # on a short list nothing else stands: measures would take it for shown
        return shown
    return [*shown, *(id for id, _ in listed[1].entries if id not in shown)][:LONG]


def congestion_of(index: MatchIndex) -> Congestion:
    """The next day's table, in one go."""
    return whole(index.next_congestion())


def matched_before(market: World, allowed: Admitted, context: AssessmentContext) -> Lists:
    """What it proposed before issue 12."""
    before, found = Before(market.pack, context), []
    for worker, person in zip(market.workers, allowed.people, strict=True):
        scored = ((before.score(worker.shown, person, one), n) for n, one in enumerate(allowed.openings))
        ordered = sorted((-score, n) for score, n in scored if score is not None)
        found.append([n for _, n in ordered[:LONG]])
    return found
