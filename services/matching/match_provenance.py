"""Provenance of matches: what those that were told were made of, kept so that each can be worked out again
(`recomputation.py`): the state of the person and of the opening, one document for each revision that a match
was told by, however many matches name it.

It is written in the transaction that tells. Of a person at most the `MOST_STATES` newest stay, so that neither their
sum nor the transaction that deletes them grows with how often somebody changes. They go in the transaction by which
the person may no longer be matched, and at the latest when the consent ends under which they were told, or an earlier
last day that a later state says; all of it after `KEEP_DAYS`. Names by which agencies know the person, and consents to
anything but matching, are not in it: no rule of a pair asks for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import partial
from typing import ClassVar, Self

from pymongo import ASCENDING, IndexModel

from services.matching.documents import Stored, StoredOpening, StoredPerson, Telling
from services.matching.domain.visibility import MATCHING, is_matched
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.kit.store.mongo import Document
from shared.kit.store.unit_of_work import Need, UnitOfWork

PEOPLE_TOLD, OPENINGS_TOLD, REVISIONS_TOLD = "told_people", "told_openings", "told_revisions"
KEEP_DAYS = 400  # as the tables of congestion are
RENEW_DAYS = 200  # what a match that stands was told by is kept anew when it would go sooner than that
# of one person: a match names ten, and where one is told others may stay the same, so all of them name some more
MOST_STATES = 20
SAME_DAY = timedelta(hours=1)  # consents end by days; two clocks read one after the other say the same day's end so
MOST_REMEMBERED = 50_000  # documents of which this process knows that they are kept
_KEPT = IndexModel([("expires", ASCENDING)], expireAfterSeconds=0, name="kept_until")
INDEXES = {
    PEOPLE_TOLD: [_KEPT, IndexModel([("person", ASCENDING)], name="of_person")],
    OPENINGS_TOLD: [_KEPT],
    REVISIONS_TOLD: [_KEPT],
}


def input_id(id: str, revision: int) -> str:
    """The id of what is kept of a person or an opening at this revision."""
    return f"{id}/{revision}"


@dataclass(frozen=True, slots=True)
class StoredInput(Stored):
    """What both kinds have in common. ``expires``: when the database deletes it."""

    id: str
    expires: datetime
    state: Document

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """Read it back."""
        return cls(document["_id"], document["expires"], document["state"])

    def to_document(self) -> Document:
        """As it is found by the revision."""
        return {"_id": self.id, "expires": self.expires, "state": self.state}


@dataclass(frozen=True, slots=True)
class StoredPersonInput(StoredInput):
    """A person as the rules saw them."""

    collection: ClassVar[str] = PEOPLE_TOLD

    @classmethod
    def of(cls, stored: StoredPerson, expires: datetime) -> StoredPersonInput:
        """As they are stored now."""
        state = {name: value for name, value in stored.state.items() if name not in ("aliases", "owner")}
        state["consents"] = [one for one in stored.state.get("consents", ()) if one["purpose"] == MATCHING]
        return cls(input_id(stored.id, stored.revision), expires, state)

    @property
    def person(self) -> Person:
        """The state as the contract's model; whose person it is nobody asks here."""
        return Person.model_validate({**self.state, "owner": "nobody"}, strict=False)

    def to_document(self) -> Document:
        """With whose it is, to find all of somebody."""
        return {**StoredInput.to_document(self), "person": self.state["person"]}


@dataclass(frozen=True, slots=True)
class StoredOpeningInput(StoredInput):
    """An opening as the rules saw it."""

    collection: ClassVar[str] = OPENINGS_TOLD

    @classmethod
    def of(cls, stored: StoredOpening, expires: datetime) -> StoredOpeningInput:
        """As it is stored now."""
        return cls(input_id(stored.id, stored.revision), expires, stored.state)

    @property
    def opportunity(self) -> Opportunity:
        """The state as the contract's model."""
        return Opportunity.model_validate(self.state, strict=False)


@dataclass(frozen=True, slots=True)
class StoredRevisions(Stored):
    """Which states of a person are kept, and until when each, the oldest first: so that the oldest can be deleted and
    what a match names be looked for without reading any of them."""

    collection: ClassVar[str] = REVISIONS_TOLD
    person: str
    kept: tuple[tuple[int, datetime], ...]

    @classmethod
    def from_document(cls, document: Document) -> StoredRevisions:
        """Read it back."""
        return cls(document["_id"], tuple((one["revision"], one["expires"]) for one in document["kept"]))

    def to_document(self) -> Document:
        """It goes with the last of them."""
        kept = [{"revision": revision, "expires": expires} for revision, expires in self.kept]
        return {"_id": self.person, "expires": max(expires for _, expires in self.kept), "kept": kept}


class MatchProvenance:
    """Keeps what a match is told by, and lets it go. What is there already is not written again, so a flood of matches
    of few people and openings costs few documents. ``zone``: where the days of consents begin and end."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._openings: dict[str, datetime] = {}  # until when each is kept, in the order in which they came

    # --- when a match is told

    def needs_to_keep(self, person: str) -> Need:
        """What has to be loaded before `keep` and `holds`."""
        return StoredRevisions.need(person)

    def keep(self, person: StoredPerson, opening: StoredOpening, consent_until: date, work: UnitOfWork) -> None:
        """Keep both, in this transaction, and no more of the person than the newest."""
        kept, enough = dict(self._kept(person.id, work)), self._enough(consent_until, work)
        if person.revision not in kept or kept[person.revision] < enough - SAME_DAY:
            expires = self._end(consent_until, work)
            StoredPersonInput.of(person, expires).save(work)
            newest = sorted((kept | {person.revision: expires}).items())
            for revision, _ in newest[:-MOST_STATES]:
                work.delete(PEOPLE_TOLD, input_id(person.id, revision))
            StoredRevisions(person.id, tuple(newest[-MOST_STATES:])).save(work)
        id, soon = input_id(opening.id, opening.revision), work.trusted + timedelta(days=RENEW_DAYS)
        if self._openings.get(id, work.trusted) < soon and not work.writes(OPENINGS_TOLD, id):
            expires = work.trusted + timedelta(days=KEEP_DAYS)
            StoredOpeningInput.of(opening, expires).save(work)
            work.after_commit(partial(self._note, id, expires))

    def holds(self, telling: Telling, person: StoredPerson, consent_until: date, work: UnitOfWork) -> bool:
        """Whether what a match was told by stays about as long as it would if it were told now: it is kept, did not
        end with an earlier consent, and is not the one that goes when this state of the person is kept."""
        kept = dict(self._kept(person.id, work))
        if len(kept) >= MOST_STATES and person.revision not in kept:
            del kept[min(kept)]
        expires = kept.get(telling.revisions.person)
        recent = telling.day >= self._today(work) - timedelta(days=RENEW_DAYS)
        return recent and expires is not None and expires >= self._enough(consent_until, work) - SAME_DAY

    # --- when a person changes

    def needs_of_change(self, person: Person, work: UnitOfWork) -> Iterable[Need]:
        """What has to be loaded before `person_changed`: no state of whoever may be matched as long as before."""
        yield StoredRevisions.need(person.person)
        if not self._is_matched(person, work) or self._outlives(person, work):
            yield Need(PEOPLE_TOLD, "person", person.person)

    def person_changed(self, person: Person, work: UnitOfWork) -> None:
        """Nothing stays of whoever left or may not be matched today, and nothing longer than the consent to matching
        holds now. A last day that comes without an event is in what is kept: the database deletes it then."""
        if not self._is_matched(person, work):
            for document in work.find(PEOPLE_TOLD, "person", person.person):
                work.delete(PEOPLE_TOLD, document["_id"])
            work.delete(REVISIONS_TOLD, person.person)
        elif self._outlives(person, work):
            end = self._end(_last_day(person), work)
            for document in work.find(PEOPLE_TOLD, "person", person.person):
                work.save(PEOPLE_TOLD, {**document, "expires": min(document["expires"], end)})
            kept = self._kept(person.person, work)
            StoredRevisions(person.person, tuple((one, min(expires, end)) for one, expires in kept)).save(work)

    def told_from(self, before: StoredPerson | None, person: Person, revision: int, work: UnitOfWork) -> int:
        """From which of their revisions on what the person was told by may still be named, now that they are of this
        one: since when they could be matched without a break."""
        if before is None or not (self._is_matched(person, work) and before.is_matched(self._today(work))):
            return revision
        return before.told_from

    # --- how it is done

    def _kept(self, person: str, work: UnitOfWork) -> tuple[tuple[int, datetime], ...]:
        found = work.parsed(REVISIONS_TOLD, person, StoredRevisions.from_document)
        return () if found is None else tuple(one for one in found.kept if one[1] > work.trusted)

    def _outlives(self, person: Person, work: UnitOfWork) -> bool:
        """Whether anything is kept for longer than the consent holds."""
        end = self._end(_last_day(person), work) + SAME_DAY
        return any(expires > end for _, expires in self._kept(person.person, work))

    def _is_matched(self, person: Person, work: UnitOfWork) -> bool:
        return is_matched(person, self._today(work))

    def _today(self, work: UnitOfWork) -> date:
        """The same for all of a transaction, and as the matches have it (`matching_day.py`)."""
        return work.earliest.astimezone(self._zone).date()

    def _end(self, day: date, work: UnitOfWork) -> datetime:
        """When what is kept now goes: when the day is over where the pack lives, by the clock by which the database
        deletes (a calendar that was moved moves that not); `KEEP_DAYS` from now at the latest."""
        longest = work.trusted + timedelta(days=KEEP_DAYS)
        if day > work.now.date() + timedelta(days=KEEP_DAYS + 1):  # the last days of the calendar have no next one
            return longest
        over = datetime.combine(day + timedelta(days=1), time.min, self._zone).astimezone(UTC)
        return min(longest, over - (work.now - work.trusted))

    def _enough(self, consent_until: date, work: UnitOfWork) -> datetime:
        return min(self._end(consent_until, work), work.trusted + timedelta(days=RENEW_DAYS))

    def _note(self, id: str, expires: datetime) -> None:
        self._openings.pop(id, None)
        self._openings[id] = expires
        if len(self._openings) > MOST_REMEMBERED:
            del self._openings[next(iter(self._openings))]


def _last_day(person: Person) -> date:
    """The last one of the consent to matching."""
    return max((one.until for one in person.consents if one.purpose == MATCHING), default=date.min)
