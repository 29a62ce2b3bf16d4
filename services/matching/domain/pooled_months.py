"""Numbers by group for as few months as may be: the newest, and older ones until no number is of fewer than ten.

A month is that in which what is held of somebody, or of an opening, was last recorded: when they came first is not
kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from services.matching.domain.small_groups import LEAST, GroupBy, may_tell_by, may_tell_share

FEWER = f"fewer than {LEAST}"
"""What stands in place of such a number, and of one that leaves so few of the rest. It never says which."""
NO_MONTH = ""  # before all others

Groupings = Mapping[GroupBy, Mapping[str, list[int]]]
"""By grouping and group the places of its members."""


class Pooled(NamedTuple):
    """``since``: the oldest month that was needed, None where it is not known; ``cells``: by grouping and group."""

    since: str | None
    cells: Mapping[GroupBy, Mapping[str, int | str]]

    def said(self) -> Mapping[str, Any] | str:
        """For a report. Where no number reaches ten there is no table."""
        if all(cell == FEWER for cells in self.cells.values() for cell in cells.values()):
            return FEWER
        return {"since": self.since, **{str(by): cells for by, cells in self.cells.items()}}


def people_by_month(groupings: Groupings, months: Sequence[str], counted: Sequence[bool]) -> Pooled:
    """How many people of each group count. ``months``: of each person. One stretch of months holds for all groupings,
    and leaves out nobody or so many that they may be told as well: two tables could else be subtracted."""
    told_at_all = {by: may_tell_by(groups, counted, may_tell_share) for by, groups in groupings.items()}

    def suffices(oldest: str) -> bool:
        left = [one for one, month in zip(counted, months, strict=True) if month < oldest]
        if left and not may_tell_share(left):
            return False
        return all(
            told_at_all[by] <= may_tell_by(_since(groups, months, oldest), counted, may_tell_share)
            for by, groups in groupings.items()
        )

    oldest = _newest_that(suffices, months)
    return Pooled(
        oldest or None,
        {
            by: {
                group: sum(counted[one] for one in members) if group in told_at_all[by] else FEWER
                for group, members in _since(groups, months, oldest).items()
            }
            for by, groups in groupings.items()
        },
    )


def openings_by_month(
    found: Mapping[GroupBy, Mapping[str, Collection[int]]],
    months: Sequence[str],
    may_be_told: Mapping[GroupBy, set[str]],
) -> Pooled:
    """How many openings are there for each group. ``found``: their places; ``months``: of each opening;
    ``may_be_told``: by grouping, for which groups so many people are concerned that it tells of nobody."""
    cells = {(by, group) for by, groups in may_be_told.items() for group in groups if len(found[by][group]) >= LEAST}

    def count(by: GroupBy, group: str, oldest: str) -> int:
        return sum(months[one] >= oldest for one in found[by][group])

    oldest = _newest_that(lambda oldest: all(count(*cell, oldest) >= LEAST for cell in cells), months)
    return Pooled(
        oldest or None,
        {
            by: {group: count(by, group, oldest) if (by, group) in cells else FEWER for group in groups}
            for by, groups in found.items()
        },
    )


def _since(groups: Mapping[str, list[int]], months: Sequence[str], oldest: str) -> Mapping[str, list[int]]:
    return {group: [one for one in members if months[one] >= oldest] for group, members in groups.items()}


def _newest_that(suffices: Callable[[str], bool], months: Sequence[str]) -> str:
    """The newest month from which on it suffices, else the oldest there is."""
    oldest = NO_MONTH
    for oldest in sorted(set(months), reverse=True):
        if suffices(oldest):
            break
    return oldest
