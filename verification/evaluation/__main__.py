"""`make evaluate`: how good the matches are on four families of worlds with a hidden truth, beside other ways to rank.

`python -m verification.evaluation [--people N] [--adverts N] [--seeds 101,102,103] [--quick]`: one line per family,
then one JSON object with the means of the three families on which numbers were chosen, and those of the fourth, on
which nothing ever is, under names that end in `_settlement`. What learns is fitted on `--fitted-on`, other seeds of the
same family; ``--quick`` leaves out all other ways.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import fmean

from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.congestion import Congestion
from services.matching.domain.match_index import MatchIndex
from services.matching.domain.opening_facts import opening_facts
from services.matching.domain.person_facts import person_facts
from shared.reference import Pack, load_pack
from verification.evaluation.baselines import Admitted, Learned, admitted, by_bm25, by_lot, by_ngrams
from verification.evaluation.cohort_assignment import classes
from verification.evaluation.counterfactuals import whynot
from verification.evaluation.families import FAMILIES
from verification.evaluation.measures import GROUPS, TOP, Lists, figures
from verification.evaluation.previous_engine import Before
from verification.evaluation.settlement import Settlement
from verification.evaluation.truth import TODAY, World
from verification.evaluation.world import Market

Families = Mapping[str, Callable[[int, int, int], World]]
"""By name: a world of this seed, so many people and adverts."""
OTHER_SEED = 301
DAYS = 3  # turns of the day, each with a table made from the one before


def matched(market: World, pack: Pack, days: int = 0) -> Lists:
    """What the service's engine proposes; after so many turns of a day with the table of congestion."""
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
    return [[numbers[opening] for opening in index.best(id)] for id in people]


def congestion_of(index: MatchIndex) -> Congestion:
    """The next day's table, in one go."""
    making = index.next_congestion()
    while True:
        try:
            next(making)
        except StopIteration as done:
            table: Congestion = done.value
            return table


def matched_before(market: World, allowed: Admitted, context: AssessmentContext) -> Lists:
    """What it proposed before issue 12."""
    before, found = Before(market.pack, context), []
    for worker, person in zip(market.workers, allowed.people, strict=True):
        scored = ((before.score(worker.shown, person, one), n) for n, one in enumerate(allowed.openings))
        ordered = sorted((-score, n) for score, n in scored if score is not None)
        found.append([n for _, n in ordered[:TOP]])
    return found


def measured(market: World, pack: Pack, learned: Learned | None) -> Mapping[str, float]:
    """All figures of one world; without ``learned`` only of the service."""
    truth = market.truth()
    found = dict(figures(market, truth, matched(market, pack, DAYS)))
    alone = figures(market, truth, matched(market, pack))
    found |= {f"{name}_without_congestion": alone[name] for name in ("ndcg10", "impossible5", "unseen")}
    if learned is None:
        return found
    context = AssessmentContext(pack, TODAY)
    allowed = admitted(market, context)
    logistic, boosting, surest = learned.lists(allowed, context)
    others = {
        "ndcg10_before": matched_before(market, allowed, context),
        "random": by_lot(market, allowed),
        "bm25": by_bm25(market, allowed),
        "ngrams": by_ngrams(market, allowed),
        "logistic": logistic,
        "boosting": boosting,
        "truth": [sorted(own, key=lambda n: -truth[number][n])[:TOP] for number, own in enumerate(allowed.by_worker)],
    }
    for name, lists in others.items():
        of_it = figures(market, truth, lists)
        found[name] = of_it["ndcg10"]
        if name in ("ndcg10_before", "boosting"):
            found |= {f"{part}_{name.removeprefix('ndcg10_')}": of_it[part] for part in ("impossible5", "unseen")}
        if name == "boosting":
            found |= {f"{group}_boosting": of_it[group] for group in GROUPS}
    return found | {"impossible5_surest": figures(market, truth, surest)["impossible5"]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m verification.evaluation")
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--adverts", type=int, default=900)
    parser.add_argument("--seeds", default="101,102,103")
    parser.add_argument("--fitted-on", default="1,2")
    parser.add_argument("--pack", default="kr-gyeonggi")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args(arguments)
    pack, means = load_pack(asked.pack), list[Mapping[str, float]]()
    seeds, fitted_on = ([int(seed) for seed in some.split(",")] for some in (asked.seeds, asked.fitted_on))
    chosen_on: Families = {family.name: partial(Market, pack, family) for family in FAMILIES}
    for families in (chosen_on, {Settlement.name: partial(Settlement, pack)}):
        learned = None if asked.quick else Learned()
        if learned is not None:
            learned.fit(pack, [make(n, asked.people, asked.adverts) for make in families.values() for n in fitted_on])
        found = []
        for name, make in families.items():
            found += [measured(make(seed, asked.people, asked.adverts), pack, learned) for seed in seeds]
            print(name, json.dumps(_means(found[-len(seeds) :])), flush=True)
        means.append(_means(found))
    more: dict[str, float] = {}
    if not asked.quick:
        more = {**classes(pack, OTHER_SEED), **whynot(pack, asked.people, asked.adverts, OTHER_SEED)}
    fourth = {f"{name}_{Settlement.name}": value for name, value in means[1].items()}
    print(json.dumps({"people": asked.people, "adverts": asked.adverts, **means[0], **fourth, **more}))
    return 0


def _means(several: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: round(fmean(one[name] for one in several), 3) for name in several[0]}


if __name__ == "__main__":
    raise SystemExit(main())
