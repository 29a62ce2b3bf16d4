"""What the adverts of one vacancy come to: whose words are told, and whether it is open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from services.intake.domain.same_advert import Facts, compared
from shared.events.topics.opportunities import Opportunity


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One agency's advert. `index`: keyed hash of agency and reference; `words`: the advert as one that is open;
    `open`: whether the agency says so; `reference`: sealed; `sender`: its version of the advert; `opened`, `ended`: its
    highest versions of an opening and of a closing act."""

    index: str
    open: bool
    words: Opportunity
    reference: bytes
    sender: int | None = None
    opened: int | None = None
    ended: int | None = None

    @property
    def agency(self) -> str:
        """Whose advert it is."""
        return self.words.owner


def live(source: Source, today: date) -> bool:
    """Whether it counts as open: its agency says so, and its last day is not over. Nobody ends another's word."""
    closes = source.words.closes
    return source.open and (closes is None or closes >= today)


def arranged(sources: Iterable[Source], today: date) -> tuple[Source, ...]:
    """The one whose words are told first: the first that is live; when none is, the one whose words were told last."""
    found = list(sources)
    first = next((n for n, source in enumerate(found) if live(source, today)), 0)
    return (*found[first : first + 1], *found[:first], *found[first + 1 :])


def differs(one: Facts | None, other: Facts | None) -> bool:
    """Whether two adverts cannot be of one vacancy. A doubtful pair stays as it is, one or two."""
    return one is None or other is None or compared(one, other) == "different"
