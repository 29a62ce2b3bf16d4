"""What the adverts of one vacancy come to: whose words are told, and whether it is open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from services.intake.domain.record_linkage import Facts, compared
from shared.events.topics.opportunities import Opportunity
from shared.screening.advert_rules import JOB

_MOST_KEPT = 24
_kept: dict[int, tuple[Opportunity, Facts | None]] = {}  # of adverts, which are public


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One agency's advert. `index`: keyed hash of agency and reference; `words`: the advert as one that is open;
    `open`: whether the agency says so; `heard`: the day on which it last spoke; `reference`: sealed; `sender`: its
    version of the advert; `opened`, `ended`: its highest versions of an opening and of a closing act; `ended_at`: up to
    when it was closed by an act whose version is not known any more (the database was put back from a copy)."""

    index: str
    open: bool
    heard: date
    words: Opportunity
    reference: bytes
    sender: int | None = None
    opened: int | None = None
    ended: int | None = None
    ended_at: datetime | None = None

    @property
    def agency(self) -> str:
        """Whose advert it is."""
        return self.words.owner


@dataclass(frozen=True, slots=True)
class Calendar:
    """`today`: by the earlier of two clocks; `open_ended`: so long an advert without a last day holds after its agency
    last spoke of it; None: for ever."""

    today: date
    open_ended: timedelta | None = None

    def last_day(self, source: Source) -> date | None:
        """On which it counts as open; None: there is none."""
        if source.words.closes is not None or self.open_ended is None:
            return source.words.closes
        return source.heard + self.open_ended

    def live(self, source: Source) -> bool:
        """Whether it counts as open: its agency says so, and its last day is not over. Nobody ends another's word."""
        last = self.last_day(source)
        return source.open and (last is None or last >= self.today)

    def ends(self, sources: Iterable[Source]) -> date | None:
        """The first last day of those that are live."""
        days = (self.last_day(source) for source in sources if self.live(source))
        return min((day for day in days if day is not None), default=None)


def arranged(sources: Iterable[Source], calendar: Calendar) -> tuple[Source, ...]:
    """The one whose words are told first: the first that is live; when none is, the one whose words were told last."""
    found = tuple(sources)
    if len(found) < 2:
        return found
    first = next((n for n, source in enumerate(found) if calendar.live(source)), 0)
    return (*found[first : first + 1], *found[:first], *found[first + 1 :])


def alike(one: Facts | None, other: Facts | None) -> bool:
    """Whether two adverts are surely of one vacancy."""
    return one is not None and other is not None and compared(one, other) == "same"


def facts_of(words: Opportunity) -> Facts | None:
    """What of a job's advert is compared; of a programme nothing is. Kept of the last few words: an act asks several
    times for those of the same."""
    known = _kept.get(id(words))
    return remembered(words, Facts.of(vars(words)) if words.kind == JOB else None) if known is None else known[1]


def remembered(words: Opportunity, facts: Facts | None) -> Facts | None:
    """``facts``: of these words, made already from what they were made of."""
    if len(_kept) == _MOST_KEPT:
        _kept.clear()
    _kept[id(words)] = words, facts
    return facts


def differs(one: Facts | None, other: Facts | None) -> bool:
    """Whether two adverts cannot be of one vacancy. A doubtful pair stays as it is, one or two."""
    return one is None or other is None or compared(one, other) == "different"
