"""Numbers of people by group for as few months as may be: the newest, and older ones until none is of fewer than ten.

A month is that in which what is held of somebody was last recorded: when they came first is not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from services.matching.domain.disclosure_control import LEAST, GroupBy, may_tell_by, may_tell_share

FEWER = f"fewer than {LEAST}"
"""What stands in place of such a number, and of one that leaves so few of the rest. It never says which."""
NO_MONTH = ""  # before all others

Groupings = Mapping[GroupBy, Mapping[str, list[int]]]
"""By grouping and group the places of its members."""
Cells = Mapping[GroupBy, Mapping[str, int | str]]


class Pooled(NamedTuple):
    """``since``: the oldest month that was needed, None where it is not known; ``cells``: by grouping and group."""

    since: str | None
    cells: Cells

    def said(self) -> Mapping[str, Any] | str:
        """For a report. Where no number reaches ten there is no table."""
        cells = table_of(self.cells)
        return cells if isinstance(cells, str) else {"since": self.since, **cells}


def table_of(cells: Cells) -> Mapping[str, Any] | str:
    """For a report. Where no number reaches ten there is no table."""
    if all(cell == FEWER for groups in cells.values() for cell in groups.values()):
        return FEWER
    return {str(by): groups for by, groups in cells.items()}


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


def _since(groups: Mapping[str, list[int]], months: Sequence[str], oldest: str) -> Mapping[str, list[int]]:
    return {group: [one for one in members if months[one] >= oldest] for group, members in groups.items()}


def _newest_that(suffices: Callable[[str], bool], months: Sequence[str]) -> str:
    """The newest month from which on it suffices, else the oldest there is."""
    oldest = NO_MONTH
    for oldest in sorted(set(months), reverse=True):
        if suffices(oldest):
            break
    return oldest
