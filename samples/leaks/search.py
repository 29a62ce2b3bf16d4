"""Needles and haystack together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from samples.leaks.haystack import haystack
from samples.leaks.needles import Finder, Planted, disguises, planted_by

if TYPE_CHECKING:
    from samples.play import Play


@dataclass(frozen=True)
class Leak:
    """Something was found where it must not be. The value itself is not repeated."""

    place: str
    kind: str
    encoding: str
    times: int

    def __str__(self) -> str:
        return f"{self.kind} ({self.encoding}) in {self.place}, {self.times} times"


class BlindSearch(Exception):
    """The search does not find what was put there on purpose: its silence would mean nothing."""


async def search(play: Play) -> list[Leak]:
    """Everything that the demo's day leaked. Raises BlindSearch when the search itself does not work."""
    items = [item for chapter in play.world.day(1) for item in chapter.items]
    planted = planted_by(play.world, items)
    finder = Finder.of(planted)
    check(finder, planted)
    found: Counter[tuple[str, str, str]] = Counter()
    async for place, data in haystack(play):
        for kind, encoding in finder.find(data):
            found[place, kind, encoding] += 1
    return [Leak(*what, times) for what, times in sorted(found.items())]


def check(finder: Finder, planted: Iterable[Planted]) -> None:
    """Every kind in every disguise is found where it was planted, and nothing where nothing was."""
    examples = {each.kind: each for each in sorted(planted, key=lambda each: each.value)}
    for each in examples.values():
        for how, needle in disguises(each.value):
            if not any(kind == each.kind for kind, _ in finder.find(b'{"a": "' + needle + b'"}')):
                raise BlindSearch(f"{each.kind}, {how}")
    if finder.find(b'{"a": "1b' + b"0" * 64 + b'", "year_of_birth": 1991, "until": "2027-05-15"}'):
        raise BlindSearch("finds what is not there")
