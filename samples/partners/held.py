"""What a partner holds, from what it received, in whatever order and however often. Pure.

The rules a partner has to keep: a notice id counts once; within an alias the version decides what is newer; ``ended``
takes one opportunity away, a recall everything under its alias.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

NOTICE, RECALL = "notice", "recall"


@dataclass(frozen=True)
class Received:
    """One notice or recall as it arrived; ``at``: seconds since 1970, ``event``: the CloudEvent."""

    at: float
    event: dict[str, Any]

    @property
    def notice(self) -> str:
        """The id to acknowledge."""
        return str(self.event["data"]["notice"])

    @property
    def recalls(self) -> bool:
        """Whether it says to forget."""
        return bool(self.event["type"] == RECALL)


@dataclass(frozen=True)
class Holding:
    """``pairs``: what is held now, (alias, opportunity). ``first``: when each notice id arrived first.

    ``duplicates``: arrivals of an id that had arrived before: allowed, only counted. ``doubled``: two ids for one
    change (the same alias and version, or the same news twice in a row): a fault of the sender.
    """

    pairs: frozenset[tuple[str, str]]
    first: dict[str, float]
    duplicates: int
    doubled: int
    notices: int
    recalls: int
    aliases_recalled: frozenset[str] = field(default_factory=frozenset)


def holding_of(received: Iterable[Received]) -> Holding:
    """What is held after all of this."""
    first: dict[str, float] = {}
    news: list[Received] = []
    duplicates = 0
    for one in received:
        if one.notice in first:
            duplicates += 1
            first[one.notice] = min(first[one.notice], one.at)
        else:
            first[one.notice] = one.at
            news.append(one)
    by_alias: dict[str, list[Received]] = {}
    for one in news:
        by_alias.setdefault(one.event["data"]["alias"], []).append(one)
    pairs: set[tuple[str, str]] = set()
    doubled = 0
    for alias, told in by_alias.items():
        opportunities, twice = _told_of(told)
        pairs |= {(alias, opportunity) for opportunity in opportunities}
        doubled += twice
    recalls = [one for one in news if one.recalls]
    return Holding(
        pairs=frozenset(pairs),
        first=first,
        duplicates=duplicates,
        doubled=doubled,
        notices=len(news) - len(recalls),
        recalls=len(recalls),
        aliases_recalled=frozenset(one.event["data"]["alias"] for one in recalls),
    )


def _told_of(told: list[Received]) -> tuple[set[str], int]:
    """The opportunities held under one alias, and how many changes came under two ids."""
    ordered = sorted(told, key=lambda one: (one.event["data"]["version"], one.notice))
    versions = Counter(one.event["data"]["version"] for one in ordered)
    doubled = sum(count - 1 for count in versions.values())
    last: dict[str, tuple[Any, ...]] = {}
    for one in ordered:
        data = one.event["data"]
        if one.recalls:
            last.clear()
            continue
        says = (data["state"], data["band"], data["kind"])
        if last.get(data["opportunity"]) == says and versions[data["version"]] == 1:
            doubled += 1
        last[data["opportunity"]] = says
    return {opportunity for opportunity, says in last.items() if says[0] == "proposed"}, doubled
