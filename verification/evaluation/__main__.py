"""`python -m verification.evaluation [--people N] [--adverts N] [--seeds 101,102,103]`: one line per world, then one
JSON object with the means."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from random import Random
from statistics import fmean

from services.matching.domain.index import MatchIndex
from services.matching.domain.opening_facts import opening_facts
from services.matching.domain.person_facts import person_facts
from shared.reference import Pack, load_pack
from verification.evaluation.measures import TOP, Lists, figures
from verification.evaluation.world import TODAY, Market


def matched(market: Market, pack: Pack) -> Lists:
    """What the service's engine proposes."""
    index = MatchIndex(pack, TODAY)
    numbers = {advert.shown.opportunity: number for number, advert in enumerate(market.adverts)}
    for advert in market.adverts:
        index.put_opening(opening_facts(advert.shown, pack), 1)
    found = []
    for worker in market.workers:
        id = worker.shown.person
        index.put_person(person_facts(worker.shown, pack), 1)
        for _ in index.scan_person(id):
            pass
        found.append([numbers[opening] for opening in index.best(id)])
        index.remove_person(id)
    return found


def drawn(market: Market) -> Lists:
    """Ten at random."""
    return [Random(worker.whim).sample(range(len(market.adverts)), TOP) for worker in market.workers]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m verification.evaluation")
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--adverts", type=int, default=900)
    parser.add_argument("--seeds", default="101,102,103")
    parser.add_argument("--pack", default="kr-gyeonggi")
    asked = parser.parse_args(arguments)
    pack, all_figures = load_pack(asked.pack), []
    for seed in map(int, asked.seeds.split(",")):
        market = Market(pack, seed, asked.people, asked.adverts)
        truth = [[market.utility(worker, advert) for advert in market.adverts] for worker in market.workers]
        found = figures(market, truth, matched(market, pack))
        drawn_by_lot = figures(market, truth, drawn(market))["ndcg10"]
        all_figures.append({**found, "random": drawn_by_lot})
        print(seed, json.dumps({name: round(value, 3) for name, value in all_figures[-1].items()}))
    means = {name: round(fmean(one[name] for one in all_figures), 3) for name in all_figures[0]}
    print(json.dumps({"people": asked.people, "adverts": asked.adverts, **means}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
