"""What intake stores of adverts: one type per kind of document, and the one way into a document and back.

opportunities  _id opportunity; the state as told, and the adverts of all its sources
adverts        _id employer, place and unit group; the open opportunities that have them
questions      _id keyed hash of two opportunities that may be one
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, TypedDict

from services.intake.documents import OPPORTUNITIES, dumped
from services.intake.domain.vacancy import Source
from services.intake.last_told import LastTold, told
from shared.events.topics.opportunities import Opportunity
from shared.kit.store.mongo import Document
from shared.kit.store.typed_collection import Collection


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOpportunity:
    """One vacancy. `state`: as it was told last; `sources`: whose adverts it is made of, the one whose words are told
    first; none, once all of them are of other vacancies. `apart`: opportunities that an operator said it is not."""

    COLLECTION: ClassVar[str] = OPPORTUNITIES
    id: str
    sequence: int
    state: Opportunity
    sources: tuple[Source, ...]
    apart: tuple[str, ...] = ()
    last: LastTold | None = None

    @staticmethod
    def kept_in(document: Document) -> StoredOpportunity:
        """The opportunity in this document."""
        state = Opportunity.model_validate(document["state"], strict=False)
        return StoredOpportunity(
            id=document["_id"],
            sequence=document["sequence"],
            state=state,
            sources=tuple(_source(kept, state) for kept in document["sources"]),
            apart=tuple(document["apart"]),
            last=LastTold.kept_in(document),
        )

    def document(self) -> Document:
        """As it is stored. The first source's words are the state: they are kept once."""
        return {
            "_id": self.id,
            "sequence": self.sequence,
            "state": dumped(self.state),
            "sources": [_kept(source, told_first=not n) for n, source in enumerate(self.sources)],
            "apart": list(self.apart),
            **told(self.last),
        }

    def source(self, index: str) -> Source:
        """The one with this index, which is one of them."""
        return next(source for source in self.sources if source.index == index)


def as_open(state: Opportunity) -> Opportunity:
    """The words of an advert: those of a state that is open."""
    return state if state.status == "open" else state.model_copy(update={"status": "open"})


def _source(kept: Mapping[str, Any], state: Opportunity) -> Source:
    words = kept["words"]
    return Source(
        index=kept["index"],
        open=kept["open"],
        words=as_open(state) if words is None else Opportunity.model_validate(words, strict=False),
        reference=kept["reference"],
        sender=kept["sender"],
        opened=kept["opened"],
        ended=kept["ended"],
    )


def _kept(source: Source, *, told_first: bool) -> Document:
    return {
        "index": source.index,
        "open": source.open,
        "words": None if told_first else dumped(source.words),
        "reference": source.reference,
        "sender": source.sender,
        "opened": source.opened,
        "ended": source.ended,
    }


class AdvertsDocument(TypedDict):
    """Open opportunities that may be of one vacancy, by a key of theirs (employer, place, unit group), oldest first:
    `id`, whose words they have (`agency`), and the facts that are compared."""

    _id: str
    entries: list[dict[str, Any]]
    until: datetime


class QuestionDocument(TypedDict):
    """Two opportunities that may be one, for an operator to look at."""

    _id: str
    opportunities: list[str]
    agencies: list[str]
    at: datetime


ADVERTS = Collection[AdvertsDocument]("adverts")
QUESTIONS = Collection[QuestionDocument]("questions")
