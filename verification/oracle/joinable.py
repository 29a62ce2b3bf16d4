"""How many people two partners could join, if they laid their whole lists side by side.

`python -m verification.oracle.joinable`. What a partner holds about a person is, among others, a set of openings, and
openings have one id for everybody. A person whose set nobody else has on either list is joined by that set alone. Works
out what the first day of the demo's world leaves with the two partners, without starting anything; the last line is one
JSON object. Band, kind, month and version, and the course of time, narrow further: the share is a lower bound of what
bad faith could do.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date

from samples.world import World, load_setting
from samples.world.days import today_of
from verification.oracle.expected import Told, expected_of, receivers
from verification.oracle.state import Own, State


@dataclass(frozen=True)
class Joinable:
    """``shared``: people told to both partners. ``joined``: those whose set of openings is alone on either list.

    ``mistaken``: sets that are alone on either list and belong to two different people.
    """

    shared: int
    joined: int
    mistaken: int


def joinable(told: Iterable[Told], one: str, other: str) -> Joinable:
    """What the sets of openings alone give away to these two partners."""
    openings: dict[str, dict[Own, set[Own]]] = {one: defaultdict(set), other: defaultdict(set)}
    for partner, person, opening in told:
        if partner in openings:
            openings[partner][person].add(opening)
    alone = [_alone(openings[partner]) for partner in (one, other)]
    met = [(alone[0][held], alone[1][held]) for held in alone[0].keys() & alone[1].keys()]
    joined = sum(mine == theirs for mine, theirs in met)
    return Joinable(len(openings[one].keys() & openings[other].keys()), joined, len(met) - joined)


def _alone(held: dict[Own, set[Own]]) -> dict[frozenset[Own], Own]:
    often = Counter(map(frozenset, held.values()))
    return {frozenset(openings): person for person, openings in held.items() if often[frozenset(openings)] == 1}


def of_a_first_day(pack: str, seed: int, people: int, today: date | None = None) -> Joinable:
    """Of the demo's world at the end of its first day; ids, which only decide ties, are made up."""
    setting = load_setting(pack)
    day = today or today_of(setting)
    world = World(setting, seed=seed, people=people, today=day)
    state = State(world.pack)
    for chapter in world.day(1):
        for item in chapter.items:
            if item.mistake is None:
                state.apply(item.agency, item.event)
    person_ids = {own: f"{number:032x}" for number, own in enumerate(state.people)}
    opening_ids = {own: f"{number:032x}" for number, own in enumerate(state.openings)}
    one, other = setting.partners.feed, setting.partners.webhook
    expected = expected_of(state, receivers(world.agencies()), person_ids, opening_ids, day)
    return joinable(expected.told, one, other)


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(prog="python -m verification.oracle.joinable", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--people", type=int, default=120)
    parser.add_argument("--pack", default="kr-gyeonggi")
    parser.add_argument("--today", type=date.fromisoformat, help="the world's day; without it, the real one")
    options = parser.parse_args()
    print(json.dumps(asdict(of_a_first_day(options.pack, options.seed, options.people, options.today))))


if __name__ == "__main__":
    main()
