"""Adverts that say the same work again: beside the one that stands as a match they are named, and not shown."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from services.matching.domain.assessment import Assessment


def near_identical(shown: Collection[str], assessed: Iterable[Assessment]) -> dict[str, tuple[str, ...]]:
    """Of each opening that is shown the others that are nearly the same (kind, employer, work, place, times of day),
    may match and are not shown themselves, in the order of ``assessed``; none for what was not assessed."""
    crowds, copies = dict[str, tuple[str, ...]](), dict[tuple[str, ...], tuple[str, ...]]()
    for one in assessed:
        alike = crowds[one.opening.id] = one.opening.crowd.alike
        if one.state != "no" and one.opening.id not in shown:
            copies[alike] = (*copies.get(alike, ()), one.opening.id)
    return {id: copies.get(crowds[id], ()) if id in crowds else () for id in shown}
