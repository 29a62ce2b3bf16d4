"""The open opportunities under their keys: which of another agency is of the same vacancy, and which may be; and what
an operator held or refused, open or not, which binds its own agencies under every reference.

A key's document holds a bounded number of opportunities and is read by its id: what a look costs is bounded, whatever
anybody sends, and two portals that speak at the same moment write the same document, so that one of them comes second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from services.intake.domain.same_advert import Facts, compared
from services.intake.domain.separated_vacancies import are_apart
from services.intake.domain.vacancy import facts_of
from services.intake.domain.vetting import Judgement, binds, stricter
from services.intake.opportunity_documents import ADVERTS, AdvertsDocument, StoredOpportunity
from shared.kit.store.mongo import Document
from shared.kit.store.unit_of_work import Need, UnitOfWork

MOST = 64  # opportunities under one key; what comes after them is compared with them, but is not found by others
MOST_OF_AN_AGENCY = 32
MOST_BINDING = 64  # beside them, which only bind: the last ones
MOST_BINDING_OF_AN_AGENCY = 16
KEPT = timedelta(days=400)
Save = tuple[str, Document]


def needs(facts: Facts | None) -> Iterable[Need]:
    """All that an `AdvertIndex` looks at for these."""
    return () if facts is None else map(ADVERTS.by_id, facts.lookup_keys)


@dataclass(frozen=True, slots=True)
class Bound:
    """What an operator held or refused, and whose adverts it is made of. `closed`: it only binds, nobody finds it."""

    judgement: Judgement
    agencies: tuple[str, ...]
    closed: bool

    @staticmethod
    def of(held: StoredOpportunity) -> Bound | None:
        """None: nothing binds. That a vacancy was filled says nothing of the next one in the same words."""
        if held.judgement is None or not binds(held.judgement) or not held.sources:
            return None
        if held.judgement.reason == "no-longer-open":
            return None
        return Bound(held.judgement, tuple(each.agency for each in held.sources), held.state.status == "closed")

    def document(self) -> Document:
        """As it stands in an entry."""
        return {"judgement": asdict(self.judgement), "agencies": list(self.agencies), "closed": self.closed}


def found_by(held: StoredOpportunity | None) -> Facts | None:
    """While it is not closed, and as long as it binds."""
    if held is None or (held.state.status == "closed" and Bound.of(held) is None):
        return None
    return facts_of(held.state)


class Listed:
    """What stands under one key. Shared by all who ask, not to be changed."""

    def __init__(self, entries: list[Document]) -> None:
        self.entries = entries
        self.places = {entry["id"]: at for at, entry in enumerate(entries)}
        self.open = [entry for entry in entries if not _closed(entry)]
        self.bound = [entry for entry in entries if entry["bound"] is not None]
        self.agencies = Counter(entry["agency"] for entry in self.open)

    @staticmethod
    def kept_in(document: Document) -> Listed:
        """The entries of this document."""
        return Listed(list(document["entries"]))

    def has_room(self, agency: str) -> bool:
        """For one more of this agency."""
        return len(self.open) < MOST and self.agencies[agency] < MOST_OF_AN_AGENCY


_NOTHING = Listed([])


class AdvertIndex:
    """As one act finds and changes it; nothing is saved before `saves`."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work
        self._changed: dict[str, Listed] = {}
        self._no_room: set[str] = set()

    def found(
        self, facts: Facts, agency: str, but: str | None = None, marks: tuple[str, ...] = ()
    ) -> tuple[list[str], dict[str, str]]:
        """The opportunities that are of the same vacancy, and those that may be, with whose they are. `but`: not this
        one; `marks`: those from which an operator keeps it apart are left out."""
        same, doubtful = dict[str, None](), dict[str, str]()
        for key in facts.lookup_keys:
            listed = self._listed(key)
            if listed.agencies.keys() <= {agency}:
                continue  # an agency that lists two adverts means two
            for entry in listed.open:
                id = entry["id"]
                if entry["agency"] == agency or id == but or id in same or id in doubtful:
                    continue
                if marks and are_apart(marks, entry["apart"]):
                    continue
                verdict = compared(facts, Facts.kept_in(entry["facts"]))
                if verdict == "same":
                    same[id] = None
                elif verdict == "doubtful":
                    doubtful[id] = entry["agency"]
        return list(same), doubtful

    def binding(
        self, facts: Facts, agency: str, but: str | None = None, marks: tuple[str, ...] = ()
    ) -> Judgement | None:
        """What an operator held or refused of an advert of this agency that surely says the same; the strictest."""
        found: Judgement | None = None
        for key in facts.lookup_keys:
            for entry in self._listed(key).bound:
                if entry["id"] == but or agency not in entry["bound"]["agencies"] or are_apart(marks, entry["apart"]):
                    continue
                if compared(facts, Facts.kept_in(entry["facts"])) == "same":
                    found = stricter(found, Judgement(**entry["bound"]["judgement"]))
        return found

    def listed(
        self, id: str, agency: str, marks: tuple[str, ...], bound: Bound | None, was: Facts | None, now: Facts | None
    ) -> None:
        """What is found of this opportunity from here on. `now`: None once it is not open and binds nobody."""
        self._no_room.discard(id)
        for key in dict.fromkeys([*(was.lookup_keys if was else ()), *(now.lookup_keys if now else ())]):
            held = self._listed(key)
            at = held.places.get(id)
            entries = [entry for entry in held.entries if entry["id"] != id]
            if now is not None and key in now.lookup_keys:
                kept = bound
                is_found = at is not None and not _closed(held.entries[at])
                full = not (is_found or (bound is not None and bound.closed) or held.has_room(agency))
                if full:
                    self._no_room.add(id)
                    kept = None if bound is None else replace(bound, closed=True)
                entry: Document = {"id": id, "agency": agency, "apart": list(marks), "facts": now.document()}
                entry["bound"] = None if kept is None else kept.document()
                if not (full and kept is None) and not _is_said(entry, entries):
                    entries.insert(len(entries) if at is None else at, entry)
            if entries != held.entries:
                self._changed[key] = Listed(_without_old(entries, self._work.trusted - KEPT))

    @property
    def not_listed(self) -> int:
        """How many opportunities that were to be listed had no room under a key of theirs."""
        return len(self._no_room)

    def saves(self) -> Iterator[Save]:
        """The documents with what has changed."""
        for key, listed in self._changed.items():
            if listed.entries != self._stored(key).entries:
                document = AdvertsDocument(_id=key, entries=listed.entries, until=self._work.trusted + KEPT)
                yield ADVERTS.name, dict(document)

    def _listed(self, key: str) -> Listed:
        return self._changed.get(key) or self._stored(key)

    def _stored(self, key: str) -> Listed:
        return self._work.parsed(ADVERTS.name, key, Listed.kept_in) or _NOTHING


def _closed(entry: Document) -> bool:
    return entry["bound"] is not None and entry["bound"]["closed"]


def _is_said(entry: Document, entries: list[Document]) -> bool:
    """Whether it would bind nobody and nothing that another one does not: copies push nothing out."""
    return _closed(entry) and any(_says(one, entry) for one in entries if _closed(one))


def _says(one: Document, other: Document) -> bool:
    """Of two that only bind, whether the first binds whom the other does, as strictly and for as long."""
    words, others = one["bound"]["judgement"], other["bound"]["judgement"]
    return (
        words["verdict"] == others["verdict"]
        and words["at"] >= others["at"]
        and set(one["bound"]["agencies"]) >= set(other["bound"]["agencies"])
        and set(one["apart"]) <= set(other["apart"])
        and compared(Facts.kept_in(one["facts"]), Facts.kept_in(other["facts"])) == "same"
    )


def _without_old(entries: list[Document], since: datetime) -> list[Document]:
    """Of those that only bind the last ones of each agency and of all, judged since then."""
    left = Counter[str]()
    kept = list[Document]()
    for entry in reversed(entries):
        if _closed(entry):
            full = left.total() >= MOST_BINDING or left[entry["agency"]] >= MOST_BINDING_OF_AN_AGENCY
            if full or entry["bound"]["judgement"]["at"] < since:
                continue
            left[entry["agency"]] += 1
        kept.append(entry)
    return kept[::-1]
