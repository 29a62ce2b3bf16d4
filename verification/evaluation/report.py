"""What one run found, as a page of tables, plots and one file of figures: `make evaluate OUT=folder`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil, sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import NamedTuple

from verification.evaluation import plots
from verification.evaluation.families import FAMILIES
from verification.evaluation.groups import GROUPINGS
from verification.evaluation.measures import Served
from verification.evaluation.mix import WORKING_IN
from verification.evaluation.ways import NOW, OTHERS

FEWEST = 10  # a group of fewer people is not told: its figures are chance
OF_ALL = "ndcg10", "recall20", "utility5", "impossible5", "unseen", "gini"
OF_GROUPS = ("random", "before", "bm25", "ngrams", "logistic", NOW, "boosting")
OF_MIX = ("manufacturing", "hospitality", "hourly_pay", "secure", "elementary")
OPEN = "all that is open"


class Someone(NamedTuple):
    """One person of one world: their groups by grouping, and how each way serves them."""

    groups: Mapping[str, str]
    by_way: Mapping[str, Served]


class OfWorld(NamedTuple):
    """What was measured on one world. ``mixes``: by way, and of all that is open; ``exposure``: by way of each opening
    on how many lists it is."""

    name: str
    seed: int
    figures: Mapping[str, Mapping[str, float]]
    mixes: Mapping[str, Mapping[str, float]]
    exposure: Mapping[str, Sequence[int]]
    people: Sequence[Someone]


class Compared(NamedTuple):
    """A group: by way the mean of its members; ``behind``: ways that are better for it, with by how much and with twice
    the standard error of that; ``clearly``: those of them that chance does not explain."""

    name: str
    people: int
    means: Mapping[str, float]
    behind: Mapping[str, tuple[float, float]]

    @property
    def clearly(self) -> list[str]:
        """Ways that are better by more than twice the standard error."""
        return [way for way, (by, error) in self.behind.items() if by > error]


def compared(people: Sequence[Someone], grouping: str, of: Callable[[Served], float]) -> list[Compared]:
    """Each group of a grouping, by all ways that ``people`` were served by."""
    groups: dict[str, list[Someone]] = {}
    for one in people:
        groups.setdefault(one.groups[grouping], []).append(one)
    found = []
    for name, own in sorted(groups.items()):
        if len(own) < FEWEST:
            continue
        ways = own[0].by_way
        means = {way: fmean(of(one.by_way[way]) for one in own) for way in ways}
        behind = {}
        for way in OTHERS:
            if way in ways and means[way] > means[NOW]:
                differences = [of(one.by_way[way]) - of(one.by_way[NOW]) for one in own]
                behind[way] = fmean(differences), 2 * stdev(differences) / sqrt(len(own))
        found.append(Compared(name, len(own), means, behind))
    return found


def write(folder: Path, worlds: Sequence[OfWorld], asked: Mapping[str, object], last_line: Mapping[str, float]) -> None:
    """The page, the plots and the figures, into this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    sections = _sections(worlds)
    for name, text in _plots(next(iter(sections.values()))).items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "README.md").write_text("\n".join(_page(sections, asked)), encoding="utf-8")
    kept = {"asked": asked, "means": last_line, "worlds": [_kept(one) for one in worlds]}
    (folder / "figures.json").write_text(_lines(kept), encoding="utf-8")


def _kept(world: OfWorld) -> Mapping[str, object]:
    """Of the service all figures, of other ways those that are compared."""
    groups = {group for one in world.people for group in one.groups.values()}
    compared_by = {*OF_ALL, *groups}
    ways = {
        way: own if way == NOW else {name: value for name, value in own.items() if name in compared_by}
        for way, own in world.figures.items()
    }
    return {"name": world.name, "seed": world.seed, "ways": ways, "mix": world.mixes}


def _lines(value: object, depth: int = 0) -> str:
    """JSON in which what holds no other object stands in one line."""
    value = _rounded(value)
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    if not any(isinstance(one, dict | list) for one in inner):
        return json.dumps(value, ensure_ascii=False)
    ends, gap = ("{}" if isinstance(value, dict) else "[]"), "\n" + " " * depth
    parts = (
        [f"{json.dumps(name)}: {_lines(one, depth + 1)}" for name, one in value.items()]
        if isinstance(value, dict)
        else [_lines(one, depth + 1) for one in inner]
    )
    return ends[0] + ",".join(f"{gap} {part}" for part in parts) + gap + ends[1] + ("" if depth else "\n")


def _sections(worlds: Sequence[OfWorld]) -> Mapping[str, list[OfWorld]]:
    """The families on which numbers were chosen together, then each other one; plots are of the first."""
    found: dict[str, list[OfWorld]] = {}
    for one in worlds:
        chosen_on = one.name in {family.name for family in FAMILIES}
        found.setdefault("The families that numbers were chosen on" if chosen_on else f"`{one.name}`", []).append(one)
    return found


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Mapping):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value


def _mean(worlds: Sequence[OfWorld], way: str, name: str) -> float:
    return fmean(one.figures[way][name] for one in worlds)


# --- the page


def _page(sections: Mapping[str, Sequence[OfWorld]], asked: Mapping[str, object]) -> Iterator[str]:
    yield "# One run of `make evaluate`\n"
    yield "Written by the command; not by hand. What it was asked:\n"
    yield from (f"- {name}: {value}" for name, value in asked.items())
    yield (
        '\nAll ways but "before" rank inside the service\'s conditions. nDCG@10, recall@20: higher is better. Recall '
        "is how many of a person's truly best twenty are among the first twenty, where the service's ten go on with "
        "the next of the person's pool, and a shorter list does not. Utility: the mean over five places, an empty one "
        "brings nothing. Impossible: of the first five entries. Unseen: openings in nobody's first ten. Gini: of how "
        'often openings are shown (0: all alike). "Truth" ranks by the hidden truth and "surest" by a learned chance '
        "of being possible: bounds, not ways to go. By group: the people of all these worlds together; behind: each "
        "way that is better for the group, by how much, with twice the standard error of that difference, and a star "
        "where it is larger than that. Wish: the first digit of the occupation that somebody says they want.\n"
    )
    for title, some in sections.items():
        yield f"## {title}\n"
        yield from _ways(some)
        for measure, of in MEASURES.items():
            yield f"### {measure} by group\n"
            yield from _groups([one for world in some for one in world.people], of)
        yield "### What the first five are made of (jobs)\n"
        yield from _mixes(some)
    yield "![nDCG by group](groups.svg)\n\n![Utility by group](utility.svg)\n\n![Exposure](exposure.svg)\n"


MEASURES: Mapping[str, Callable[[Served], float]] = {
    "nDCG@10": lambda one: one.ndcg10,
    "Utility of the first five": lambda one: one.utility5,
}


def _ways(worlds: Sequence[OfWorld]) -> Iterator[str]:
    names = [name for name in OF_ALL if name in worlds[0].figures[NOW]]
    yield f"| way | {' | '.join(names)} | nDCG@10 by world |"
    yield "|---" * (len(names) + 2) + "|"
    for way in worlds[0].figures:
        each = ", ".join(f"{one.name} {one.seed}: {one.figures[way]['ndcg10']:.3f}" for one in worlds)
        yield _row(way, [*(f"{_mean(worlds, way, name):.3f}" for name in names), each])
    yield ""


def _groups(people: Sequence[Someone], of: Callable[[Served], float]) -> Iterator[str]:
    """The table: each group, each way, and where the service is behind: a star where chance does not explain it."""
    ways = [way for way in OF_GROUPS if way in people[0].by_way]
    yield f"| group | people | {' | '.join(ways)} | behind |"
    yield "|---" * (len(ways) + 3) + "|"
    for grouping in GROUPINGS:
        for one in compared(people, grouping, of):
            behind = ", ".join(
                f"{way} by {by:.3f} ± {error:.3f}{' *' if way in one.clearly else ''}"
                for way, (by, error) in one.behind.items()
            )
            means = [f"**{one.means[way]:.3f}**" if way == NOW else f"{one.means[way]:.3f}" for way in ways]
            yield _row(f"{grouping}: {one.name}", [str(one.people), *means, behind or "ahead of all"])
    yield ""


def _mixes(worlds: Sequence[OfWorld]) -> Iterator[str]:
    yield f"| of | {' | '.join(OF_MIX)} |"
    yield "|---" * (len(OF_MIX) + 1) + "|"
    for way in worlds[0].mixes:
        means = {name: fmean(one.mixes[way][name] for one in worlds) for name in OF_MIX}
        yield _row(way, [f"{value:,.0f}" if name == "hourly_pay" else f"{value:.3f}" for name, value in means.items()])
    yield _row("who works (survey)", [f"{WORKING_IN[name]:.3f}" if name in WORKING_IN else "" for name in OF_MIX])
    yield ""


def _row(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def _plots(worlds: Sequence[OfWorld]) -> Mapping[str, str]:
    people = [one for world in worlds for one in world.people]
    shown = [way for way in (NOW, "boosting", "bm25", "before") if way in people[0].by_way]
    found = {}
    for file, (title, of) in zip(("groups.svg", "utility.svg"), MEASURES.items(), strict=True):
        rows = [
            (one.name, {way: one.means[way] for way in shown})
            for grouping in GROUPINGS
            for one in compared(people, grouping, of)
        ]
        most = ceil(10 * max((value for _, values in rows for value in values.values()), default=1.0)) / 10
        found[file] = plots.points(f"{title} by group", rows, most)
    exposure = {way: [count for one in worlds for count in one.exposure[way]] for way in shown}
    return found | {"exposure.svg": plots.shares("How evenly openings are shown", exposure)}
