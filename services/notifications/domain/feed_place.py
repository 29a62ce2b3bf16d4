"""Where a reader of a feed is: behind an entry, or within a page.

A page is sorted by alias and not by position, so that a position alone cannot say how much of a page has arrived. A
place within one says which positions the page took in, and the last entry in the page's order that was given of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Place:
    """Everything up to ``position`` is before it. Within a page that goes on to ``until``: also what stands in the
    order of the page (``alias``, then position) no later than the entry at ``at``."""

    position: int
    until: int | None = None
    alias: str = ""
    at: int = 0

    def is_before(self, alias: str, position: int) -> bool:
        """Whether an entry behind ``position`` is still to be given."""
        return self.until is None or position > self.until or (alias, position) > (self.alias, self.at)

    def within(self, until: int, alias: str, at: int) -> Place:
        """The place behind one entry of the page that begins here and goes on to ``until``."""
        return Place(self.position, until, alias, at)

    def to_bytes(self) -> bytes:
        """As it is sealed: longer where it is within a page."""
        if self.until is None:
            return self.position.to_bytes(8)
        return b"".join(each.to_bytes(8) for each in (self.position, self.until, self.at)) + self.alias.encode()

    @classmethod
    def of_bytes(cls, kept: bytes) -> Self:
        """The same again."""
        if len(kept) == 8:
            return cls(int.from_bytes(kept))
        position, until, at = (int.from_bytes(kept[start : start + 8]) for start in (0, 8, 16))
        return cls(position, until, kept[24:].decode(), at)
