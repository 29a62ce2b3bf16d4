"""The open adverts under their keys: which of another agency is of the same vacancy, and which may be.

A key's document holds a few adverts of each agency and is read by its id: what a look costs is bounded, whatever
anybody sends, and two portals that speak at the same moment write the same document, so that one of them comes second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from services.intake.documents import ADVERTS, QUESTIONS, AdvertsDocument, QuestionDocument
from services.intake.domain.same_advert import Facts, compared
from shared.kit.base.ids import Ids
from shared.kit.store.mongo import Document
from shared.kit.store.unit_of_work import Need, UnitOfWork

MOST = 12  # adverts under one key; what comes after them is not found, and may be told twice
MOST_OF_AN_AGENCY = 4
KEPT = timedelta(days=400)
Save = tuple[str, Document]


def needs(*several: Facts | None) -> Iterable[Need]:
    """All that `found` and `listed` look at."""
    return [ADVERTS.by_id(key) for key in _keys(several)]


def found(facts: Facts, agency: str, work: UnitOfWork) -> tuple[str | None, list[str]]:
    """The opportunity that is of the same vacancy, and those that may be. Of two that both are the same nobody can
    tell which one it is: they are questions."""
    same, doubtful = dict[str, None](), dict[str, None]()
    for key in facts.lookup_keys():
        for entry in _entries(key, work):
            if entry["agency"] == agency:
                continue  # an agency that lists two adverts means two
            verdict = compared(facts, Facts.kept_in(entry["facts"]))
            if verdict != "different":
                (same if verdict == "same" else doubtful)[entry["id"]] = None
    if len(same) == 1:
        (one,) = same
        return one, []
    return None, [*same, *doubtful]


def listed(id: str, agency: str, before: Facts | None, after: Facts | None, work: UnitOfWork) -> Iterator[Save]:
    """The keys' documents with this advert as it is now. `after`: None once it is closed."""
    under = set() if after is None else set(after.lookup_keys())
    for key in _keys((before, after)):
        held = _entries(key, work)
        entries = [entry for entry in held if entry["id"] != id]
        if after is not None and key in under and _has_room(entries, agency):
            entries.append({"id": id, "agency": agency, "facts": after.document()})
        if entries != held:
            yield ADVERTS.name, dict(AdvertsDocument(_id=key, entries=entries, until=work.trusted + KEPT))


def _has_room(entries: list[Document], agency: str) -> bool:
    return len(entries) < MOST and sum(entry["agency"] == agency for entry in entries) < MOST_OF_AN_AGENCY


def question(one: str, other: str, agencies: list[str], work: UnitOfWork, ids: Ids) -> Save:
    """That an operator should look at the two."""
    pair = sorted((one, other))
    row = QuestionDocument(_id=ids.derived("question", *pair), opportunities=pair, agencies=agencies, at=work.trusted)
    return QUESTIONS.name, dict(row)


def agency_of(id: str, facts: Facts, work: UnitOfWork) -> str:
    """Whose advert it is, of one that was found."""
    return next(
        str(entry["agency"]) for key in facts.lookup_keys() for entry in _entries(key, work) if entry["id"] == id
    )


def _entries(key: str, work: UnitOfWork) -> list[Document]:
    """Shared by all who ask, not to be changed."""
    return work.parsed(ADVERTS.name, key, _entries_of) or []


def _entries_of(document: Document) -> list[Document]:
    return list(document["entries"])


def _keys(several: Iterable[Facts | None]) -> list[str]:
    return list(dict.fromkeys(key for facts in several if facts is not None for key in facts.lookup_keys()))
