"""The open opportunities under their keys: which of another agency is of the same vacancy, and which may be; and beside
them the words that an operator held or refused, which bind their agencies under every reference.

A key's document holds a bounded number of both and is read by its id: what a look costs is bounded, whatever
anybody sends, and two portals that speak at the same moment write the same document, so that one of them comes second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from services.intake.domain.record_linkage import Facts, compared, document_of
from services.intake.domain.separated_vacancies import are_apart
from services.intake.domain.vacancy import facts_of
from services.intake.domain.vetting import Judgement, binds, stricter
from services.intake.opportunity_documents import ADVERTS, AdvertsDocument, JudgedWords, StoredOpportunity
from shared.kit.store.mongo import Document
from shared.kit.store.unit_of_work import Need, UnitOfWork

MOST = 64  # opportunities under one key; what comes after them is compared with them, but is not found by others
MOST_OF_AN_AGENCY = 32
MOST_BINDING = 128  # words beside them, the last ones that an operator held or refused
MOST_BINDING_OF_AN_AGENCY = 64
KEPT = timedelta(days=400)
Save = tuple[str, Document]


def needs(facts: Facts | None) -> Iterable[Need]:
    """All that an `AdvertIndex` looks at for these."""
    return () if facts is None else map(ADVERTS.by_id, facts.lookup_keys)


@dataclass(frozen=True, slots=True)
class Listing:
    """What is found of an opportunity. `facts`: of its words, while it is open or held; `judged`: the words that an
    operator held or refused of it, whatever has become of it since, and `judgement`: how."""

    agency: str
    apart: tuple[str, ...]
    facts: Facts | None
    judged: tuple[JudgedWords, ...]
    judgement: Judgement | None

    @staticmethod
    def of(held: StoredOpportunity | None) -> Listing:
        """As it is; nothing, where there is none yet."""
        if held is None:
            return _NOWHERE
        facts = None if held.state.status == "closed" else facts_of(held.state)
        judgement = held.judgement if held.judged and binds(held.judgement) else None
        return Listing(held.state.owner, held.apart, facts, held.judged if judgement else (), judgement)

    @property
    def lookup_keys(self) -> Iterator[str]:
        """Under which any of it stands."""
        for facts in (self.facts, *(each.facts for each in self.judged)):
            yield from () if facts is None else facts.lookup_keys


_NOWHERE = Listing("", (), None, (), None)


class Listed:
    """What stands under one key. Shared by all who ask, not to be changed."""

    def __init__(self, entries: list[Document], bound: list[Document]) -> None:
        self.entries, self.bound = entries, bound
        self.places = {entry["id"]: at for at, entry in enumerate(entries)}
        self.agencies = Counter(entry["agency"] for entry in entries)
        self.alone = next(iter(self.agencies)) if len(self.agencies) == 1 and not bound else None
        """The one agency of which anything stands here, and nothing binds it."""

    @staticmethod
    def kept_in(document: Document) -> Listed:
        """As this document has it."""
        return Listed(list(document["entries"]), list(document["bound"]))

    def has_room(self, agency: str) -> bool:
        """For one more of this agency."""
        return len(self.entries) < MOST and self.agencies[agency] < MOST_OF_AN_AGENCY


_NOTHING = Listed([], [])


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
            for entry in listed.entries:
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
        """What an operator held or refused of words of this agency that surely say the same; the strictest."""
        found: Judgement | None = None
        since = self._work.trusted - KEPT
        for key in facts.lookup_keys:
            for entry in self._listed(key).bound:
                if entry["id"] == but or agency not in entry["agencies"] or are_apart(marks, entry["apart"]):
                    continue
                if entry["judgement"]["at"] >= since and compared(facts, Facts.kept_in(entry["facts"])) == "same":
                    found = stricter(found, Judgement(**entry["judgement"]))
        return found

    def listed(self, id: str, was: Listing, now: Listing) -> None:
        """What is found of this opportunity from here on."""
        self._no_room.discard(id)
        for key in dict.fromkeys([*was.lookup_keys, *now.lookup_keys]):
            held = self._listed(key)
            at = held.places.get(id)
            entries = [entry for entry in held.entries if entry["id"] != id]
            if now.facts is not None and key in now.facts.lookup_keys:
                if at is None and not held.has_room(now.agency):
                    self._no_room.add(id)
                else:
                    place = len(entries) if at is None else at
                    entries.insert(place, _entry(id, now.apart, now.facts, agency=now.agency))
            bound = [entry for entry in held.bound if entry["id"] != id]
            bound += [
                _entry(id, now.apart, each.facts, agencies=list(each.agencies), judgement=asdict(now.judgement))
                for each in now.judged
                if now.judgement is not None and key in each.facts.lookup_keys
            ]
            if (entries, bound) != (held.entries, held.bound):
                self._changed[key] = Listed(entries, _bounded(bound, self._work.trusted - KEPT))

    @property
    def not_listed(self) -> int:
        """How many opportunities that were to be listed had no room under a key of theirs."""
        return len(self._no_room)

    def saves(self) -> Iterator[Save]:
        """The documents with what has changed."""
        for key, listed in self._changed.items():
            before = self._stored(key)
            if (listed.entries, listed.bound) != (before.entries, before.bound):
                until = self._work.trusted + KEPT
                document = AdvertsDocument(_id=key, entries=listed.entries, bound=listed.bound, until=until)
                yield ADVERTS.name, dict(document)

    def _listed(self, key: str) -> Listed:
        return self._changed.get(key) or self._stored(key)

    def _stored(self, key: str) -> Listed:
        return stored(key, self._work)


def stored(key: str, work: UnitOfWork) -> Listed:
    """What stands under this key in this transaction."""
    return work.parsed(ADVERTS.name, key, Listed.kept_in) or _NOTHING


def meets_others(keys: Iterable[str], agency: str, work: UnitOfWork) -> bool:
    """Whether anything under these keys is of another agency, or binds this one."""
    for key in keys:
        listed = stored(key, work)
        if listed.alone != agency and (listed.entries or listed.bound):
            return True
    return False


def listed_anew(id: str, agency: str, keys: Iterable[str], facts: tuple[Any, ...], work: UnitOfWork) -> list[Save]:
    """`AdvertIndex.listed` and its `saves`, of one that stands nowhere yet and meets no others; none under a key where
    there is no room. `facts`: their values."""
    saves: list[Save] = []
    for key in keys:
        if (listed := stored(key, work)).has_room(agency):
            entry = {"id": id, "apart": [], "facts": document_of(facts), "agency": agency}
            document = AdvertsDocument(_id=key, entries=[*listed.entries, entry], bound=[], until=work.trusted + KEPT)
            saves.append((ADVERTS.name, dict(document)))
    return saves


def _entry(id: str, marks: tuple[str, ...], facts: Facts, **more: object) -> Document:
    return {"id": id, "apart": list(marks), "facts": facts.document(), **more}


def _bounded(bound: list[Document], since: datetime) -> list[Document]:
    """The last words of each agency and of all, judged since then, oldest first."""
    left = Counter[str]()
    kept = list[Document]()
    for entry in sorted(bound, key=lambda each: each["judgement"]["at"], reverse=True):
        first = entry["agencies"][0]
        if left.total() == MOST_BINDING or left[first] == MOST_BINDING_OF_AN_AGENCY:
            continue
        if entry["judgement"]["at"] >= since:
            left[first] += 1
            kept.append(entry)
    return kept[::-1]
