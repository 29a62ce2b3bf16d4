"""What every reader of a file gives: one row or advert after the other, and how much of anything there may be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar

from shared.events.refusal import Refusal

MOST_ROWS = 1_000_000
MOST_COLUMNS = 300
LONGEST_CELL = 4_000  # characters
PIECE = 65_536  # bytes or characters that are read at once

T = TypeVar("T")
Cell = str | int | float | bool | date | datetime


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that cannot be read, and why. What comes after it is read all the same."""

    number: int
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: `number` as the sender sees it, its cells by the position of their column; `wrong`: those of
    which only the rule is known that refuses them."""

    number: int
    cells: Mapping[int, Cell]
    wrong: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Object:
    """What a line of JSON, or an advert, says by itself: an event, or only its data."""

    number: int
    value: Mapping[str, Any]
    warnings: tuple[Refusal, ...] = field(default=())


class Unreadable(Exception):
    """The file as a whole is none that is taken, or nothing after this place can be read."""

    def __init__(self, rule: str, **values: str | int) -> None:
        super().__init__(rule)
        self.refusal = Refusal(rule, "", values)

    @classmethod
    def of(cls, refusal: Refusal) -> Unreadable:
        """For what was found at one place already."""
        unreadable = cls(refusal.rule)
        unreadable.refusal = refusal
        return unreadable


@dataclass(slots=True)
class EmptyRows:
    """How many rows of a file held nothing. They cost work and nothing comes of them, so more than `most` beyond those
    that held something end the reading."""

    most: int = MOST_ROWS
    empty: int = 0
    full: int = 0

    def passed(self, count: int = 1) -> None:
        """So many more. Raises Unreadable."""
        self.empty += count
        if self.empty > self.most + self.full:
            raise Unreadable("too-many-empty-rows", most=self.most)

    def beside(self, rows: Iterable[T]) -> Iterator[T]:
        """The rows that hold something, counted."""
        for row in rows:
            self.full += 1
            yield row
