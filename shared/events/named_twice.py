"""Names that stand twice in a JSON object: all do not read it alike (RFC 8259, 4), so it is refused, and said where."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

MOST_OPENED = 2_000  # objects and lists on the way to a place: all of an event's take several times what reading takes


class _Twice(dict[str, Any]):
    """An object in which this name stands twice."""

    name = ""


class _Seen(threading.local):
    """Whether what this thread parses has one: nothing is parsed again to find that out."""

    twice = False


_seen = _Seen()


def begin() -> None:
    """Before a text is parsed with `marked`."""
    _seen.twice = False


def found_one() -> bool:
    """After it: whether an object was marked."""
    return _seen.twice


def marked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs, for a decoder of JSON. One with a name twice is marked, for `place_in`."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    _seen.twice = True
    twice, seen = _Twice(found), set[str]()
    for name, _ in pairs:
        if name in seen:
            twice.name = name
            break
        seen.add(name)
    return twice


def place_in(value: Any) -> tuple[str | int, ...]:
    """Of the first name that stands twice in this value of marked objects: the names and indexes that lead to it,
    itself the last. One that was overwritten lies in what stands twice itself. Nothing, if it is not among the first
    MOST_OPENED that are looked into.

    One path for all of the walk: a copy for each value would cost its depth times as much as reading it."""
    path: list[str | int] = []
    opened = 0
    if isinstance(value, _Twice):
        return (value.name,)
    levels = [_inner(value)]
    while levels:
        for at, each in levels[-1]:
            if isinstance(each, _Twice):
                return (*path, at, each.name)
            if each and isinstance(each, dict | list):
                if (opened := opened + 1) > MOST_OPENED:
                    return ()
                path.append(at)
                levels.append(_inner(each))
                break
        else:
            levels.pop()
            path[-1:] = []
    raise AssertionError("nothing stands twice")


def _inner(value: Any) -> Iterator[tuple[str | int, Any]]:
    return iter(value.items()) if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else iter(())
