"""`make evaluate`: how good the matches are on four families of worlds with a hidden truth, beside other ways to rank.

`python -m verification.evaluation [--people N] [--adverts N] [--seeds 101,102,103] [--quick] [--out FOLDER]`: one line
per family, then one JSON object with the means of the three families on which numbers were chosen, and those of the
fourth, on which nothing ever is, under names that end in `_settlement`. What learns is fitted on `--fitted-on`, other
seeds of the same family; ``--quick`` leaves out all other ways. Into ``--out`` go tables and plots, by group.
`--families first-half-year` measures a fifth, by another author, alone; it comes in no other run, so that nobody
chooses a number on it by the way.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean

from shared.reference import Pack, load_pack
from verification.evaluation.baselines import Learned
from verification.evaluation.cohort_assignment import classes
from verification.evaluation.counterfactuals import whynot
from verification.evaluation.families import FAMILIES
from verification.evaluation.first_half_year import FirstHalfYear
from verification.evaluation.groups import groups_of
from verification.evaluation.measures import exposure, figures, served
from verification.evaluation.mix import mix, mix_of_all
from verification.evaluation.report import OPEN, OfWorld, Someone, write
from verification.evaluation.settlement import Settlement
from verification.evaluation.truth import World
from verification.evaluation.ways import NOW, WITHOUT_CONGESTION, all_ways
from verification.evaluation.world import Market

Families = Mapping[str, Callable[[int, int, int], World]]
"""By name: a world of this seed, so many people and adverts."""
OTHER_SEED = 301
OF_OTHERS = ("impossible5", "unseen", "gini", "recall20", "utility5")


def measured(name: str, seed: int, market: World, pack: Pack, learned: Learned | None) -> OfWorld:
    """All figures of one world; without ``learned`` only of the service."""
    truth = market.truth()
    ways = all_ways(market, pack, truth, learned)
    some = [number for number, own in enumerate(truth) if max(own) > 0]
    return OfWorld(
        name,
        seed,
        {way: figures(market, truth, lists) for way, lists in ways.items()},
        {OPEN: mix_of_all(market), **{way: mix(market, lists) for way, lists in ways.items()}},
        {way: exposure(len(market.adverts), lists) for way, lists in ways.items()},
        [
            Someone(
                groups_of(market.workers[number]),
                {way: served(truth[number], lists[number]) for way, lists in ways.items()},
            )
            for number in some
        ],
    )


def in_one(world: OfWorld) -> Mapping[str, float]:
    """Of one world the figures of the last line: all of the service's, of others the most important ones."""
    found = dict(world.figures[NOW])
    alone = world.figures[WITHOUT_CONGESTION]
    found |= {f"{name}_without_congestion": alone[name] for name in ("ndcg10", "impossible5", "unseen")}
    found |= {f"{name}5": value for name, value in world.mixes[NOW].items()}
    for way, own in world.figures.items():
        if way in (NOW, WITHOUT_CONGESTION):
            continue
        found["ndcg10_before" if way == "before" else way] = own["ndcg10"]
        found |= {f"{name}_{way}": own[name] for name in OF_OTHERS}
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m verification.evaluation")
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--adverts", type=int, default=900)
    parser.add_argument("--seeds", default="101,102,103")
    parser.add_argument("--fitted-on", default="1,2")
    parser.add_argument("--pack", default="kr-gyeonggi")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--families", help="only these, by name and with commas; first-half-year comes in no other run")
    asked = parser.parse_args(arguments)
    pack, means, worlds = load_pack(asked.pack), list[Mapping[str, float]](), list[OfWorld]()
    seeds, fitted_on = ([int(seed) for seed in some.split(",")] for some in (asked.seeds, asked.fitted_on))
    chosen_on: Families = {family.name: partial(Market, pack, family) for family in FAMILIES}
    fourth_family: Families = {Settlement.name: partial(Settlement, pack)}
    every: Families = {**chosen_on, **fourth_family, FirstHalfYear.name: partial(FirstHalfYear, pack)}
    names = asked.families.split(",") if asked.families else []
    if unknown := [name for name in names if name not in every]:
        parser.error(f"no such family: {', '.join(unknown)}; there are {', '.join(every)}")
    for families in [{name: every[name] for name in names}] if names else [chosen_on, fourth_family]:
        learned = None if asked.quick else Learned()
        if learned is not None:
            learned.fit(pack, [make(n, asked.people, asked.adverts) for make in families.values() for n in fitted_on])
        found = []
        for name, make in families.items():
            own = [measured(name, seed, make(seed, asked.people, asked.adverts), pack, learned) for seed in seeds]
            found += [in_one(one) for one in own]
            worlds += own
            print(name, json.dumps(_means(found[-len(seeds) :])), flush=True)
        means.append(_means(found))
    more: dict[str, float] = {}
    if not asked.quick and not names:
        more = {**classes(pack, OTHER_SEED), **whynot(pack, asked.people, asked.adverts, OTHER_SEED)}
    fourth = {f"{name}_{Settlement.name}": value for name, value in means[-1].items()} if not names else {}
    last_line = {"people": asked.people, "adverts": asked.adverts, **means[0], **fourth, **more}
    if asked.out is not None:
        how = {
            "people, adverts": f"{asked.people}, {asked.adverts}, and programmes",
            "seeds": asked.seeds,
            "what learns was fitted on seeds": asked.fitted_on,
            "model": pack.weights_version,
        }
        write(asked.out, worlds, how, last_line)
    print(json.dumps(last_line))
    return 0


def _means(several: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of each figure the mean over those worlds that have it: a small one may lack a group."""
    names = dict.fromkeys(name for one in several for name in one)
    return {name: round(fmean(one[name] for one in several if name in one), 3) for name in names}


if __name__ == "__main__":
    raise SystemExit(main())
