"""Why nothing stands for somebody, so that an empty list is never without a word: what is found but not likely enough
to be shown, on whose answer it hangs, or that nothing passes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from services.matching.domain.assessment import Assessment
from services.matching.domain.factors.certainty import likelihood

SHOWN = 3  # openings that wait, the least unlikely first

Reason = Literal["not_matched", "soon", "waits", "nothing"]


class EmptyList(NamedTuple):
    """``why``: nobody may be matched who does not take part (`not_matched`); something is likely, or nobody has looked
    yet, and matches are on their way (`soon`); what may match is not likely as long as something is not known
    (`waits`), ``waiting`` says what; or no opening passes all conditions and fits (`nothing`)."""

    why: Reason
    waiting: tuple[Assessment, ...] = ()


def empty_list(pool: Iterable[Assessment] | None) -> EmptyList:
    """Of somebody for whom nothing stands. ``pool``: what their matches would be chosen from, as it is now; None:
    nobody has looked for them yet."""
    if pool is None:
        return EmptyList("soon")
    found: dict[tuple[str, ...], tuple[float, Assessment]] = {}
    for each in pool:
        data = each.context.pack.matching
        if each.state == "no" or each.fit < data.threshold:
            continue
        chance = likelihood(each.person, each.opening, each.context)
        if chance >= data.likely_from:
            return EmptyList("soon")
        before = found.get(each.opening.crowd.alike)
        if before is None or _order((chance, each)) < _order(before):
            found[each.opening.crowd.alike] = chance, each
    least_unlikely = sorted(found.values(), key=_order)[:SHOWN]
    return EmptyList("waits" if found else "nothing", tuple(each for _, each in least_unlikely))


def _order(one: tuple[float, Assessment]) -> tuple[float, float, str]:
    chance, each = one
    return -chance, -each.score, each.opening.id
