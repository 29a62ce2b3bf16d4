"""That an operator said of two vacancies that they are two.

Each such word is a mark with two sides. A vacancy keeps the side on which it was, and a source that leaves it takes all
of its marks along; those that have the two sides of one mark are never taken for one, however their sources have moved
since.
"""

from __future__ import annotations

from collections.abc import Iterable

MOST = 64  # marks of a vacancy, the last ones
_SIDES = ("a", "b")


def sides(mark: str) -> tuple[str, str]:
    """Of a new mark: of the one, of the other."""
    return mark + _SIDES[0], mark + _SIDES[1]


def with_marks(held: tuple[str, ...], more: Iterable[str]) -> tuple[str, ...]:
    """Both, without the oldest ones where they are too many."""
    new = dict.fromkeys(more)
    return (*(each for each in held if each not in new), *new)[-MOST:]


def are_apart(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether an operator said so."""
    return not {_opposite(each) for each in one}.isdisjoint(other)


def reconciled(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    """The marks of two that an operator says are one: that they were two holds no longer."""
    both = {*one, *other}
    return with_marks((), (each for each in (*one, *other) if _opposite(each) not in both))


def _opposite(side: str) -> str:
    return side[:-1] + (_SIDES[1] if side.endswith(_SIDES[0]) else _SIDES[0])
