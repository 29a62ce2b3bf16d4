"""The open opportunities under their keys: which of another agency is of the same vacancy, and which may be.

A key's document holds a bounded number of opportunities and is read by its id: what a look costs is bounded, whatever
anybody sends, and two portals that speak at the same moment write the same document, so that one of them comes second.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import timedelta

from services.intake.domain.same_advert import Facts, compared
from services.intake.opportunity_documents import ADVERTS, AdvertsDocument
from shared.kit.store.mongo import Document
from shared.kit.store.unit_of_work import Need, UnitOfWork

MOST = 64  # opportunities under one key; what comes after them is compared with them, but is not found by others
MOST_OF_AN_AGENCY = 32
KEPT = timedelta(days=400)
Save = tuple[str, Document]


def needs(facts: Facts | None) -> Iterable[Need]:
    """All that an `AdvertIndex` looks at for these."""
    return () if facts is None else map(ADVERTS.by_id, facts.lookup_keys())


class AdvertIndex:
    """As one act finds and changes it; nothing is saved before `saves`."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work
        self._changed: dict[str, list[Document]] = {}
        self._no_room: set[str] = set()

    def found(self, facts: Facts, agency: str, skipped: Collection[str]) -> tuple[list[str], dict[str, str]]:
        """The opportunities that are of the same vacancy, and those that may be, with whose they are."""
        same, doubtful = dict[str, None](), dict[str, str]()
        for key in facts.lookup_keys():
            for entry in self._entries(key):
                id = entry["id"]
                if entry["agency"] == agency or id in same or id in doubtful or id in skipped:
                    continue  # an agency that lists two adverts means two
                verdict = compared(facts, Facts.kept_in(entry["facts"]))
                if verdict == "same":
                    same[id] = None
                elif verdict == "doubtful":
                    doubtful[id] = entry["agency"]
        return list(same), doubtful

    def listed(self, id: str, agency: str, was: Facts | None, now: Facts | None) -> None:
        """What is found of this opportunity from here on. `now`: None once it is not open."""
        self._no_room.discard(id)
        under = set() if now is None else set(now.lookup_keys())
        for key in dict.fromkeys([*(was.lookup_keys() if was else ()), *(now.lookup_keys() if now else ())]):
            held = self._entries(key)
            at = next((n for n, entry in enumerate(held) if entry["id"] == id), len(held))
            entries = [entry for entry in held if entry["id"] != id]
            if now is not None and key in under:
                if at < len(held) or _has_room(entries, agency):
                    entries.insert(at, {"id": id, "agency": agency, "facts": now.document()})
                else:
                    self._no_room.add(id)
            if entries != held:
                self._changed[key] = entries

    @property
    def not_listed(self) -> int:
        """How many opportunities that were to be listed had no room under a key of theirs."""
        return len(self._no_room)

    def saves(self) -> Iterator[Save]:
        """The documents with what has changed."""
        for key, entries in self._changed.items():
            if entries != self._stored(key):
                yield ADVERTS.name, dict(AdvertsDocument(_id=key, entries=entries, until=self._work.trusted + KEPT))

    def _entries(self, key: str) -> list[Document]:
        changed = self._changed.get(key)
        return self._stored(key) if changed is None else changed

    def _stored(self, key: str) -> list[Document]:
        """Shared by all who ask, not to be changed."""
        return self._work.parsed(ADVERTS.name, key, _entries_of) or []


def _has_room(entries: list[Document], agency: str) -> bool:
    return len(entries) < MOST and sum(entry["agency"] == agency for entry in entries) < MOST_OF_AN_AGENCY


def _entries_of(document: Document) -> list[Document]:
    return list(document["entries"])
