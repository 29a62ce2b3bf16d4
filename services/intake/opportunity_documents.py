"""What intake stores of adverts: one type per kind of document, and the one way into a document and back.

opportunities  _id opportunity; the state as told, the adverts of all its sources, the first last day (`ends`)
adverts        _id employer, place and unit group; the open opportunities that have them
questions      _id keyed hash of two opportunities that may be one
references     besides what documents.py says: _id employer/number, the operator's list of employers
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any, ClassVar, TypedDict

from bson.raw_bson import RawBSONDocument

from services.intake.documents import OPPORTUNITIES, REFERENCES, dumped
from services.intake.domain.record_linkage import Facts
from services.intake.domain.vacancy import Source, alike, facts_of
from services.intake.domain.vetting import Judgement, Status, binds, same_verdict
from services.intake.last_published import LastPublished, told
from shared.events.topics.opportunities import Opportunity, Verdict, Vetting, VettingReason
from shared.kit.store.mongo import Document
from shared.kit.store.typed_collection import Collection

MOST_SOURCES = 24  # of one opportunity; a further one stays one of its own
MOST_JUDGED = 8  # words of one opportunity that an operator held or refused, the last ones


@dataclass(frozen=True, slots=True)
class JudgedWords:
    """What an advert said when an operator held or refused it, and whose it has been, then or since."""

    facts: Facts
    agencies: tuple[str, ...]

    @staticmethod
    def kept_in(document: Mapping[str, Any]) -> JudgedWords:
        """Back from `document`."""
        return JudgedWords(Facts.kept_in(document["facts"]), tuple(document["agencies"]))

    def said_by(self, sources: Iterable[Source]) -> JudgedWords:
        """With the agencies of those that surely say the same by now, of so many as an opportunity has sources."""
        new = [each.agency for each in sources if alike(facts_of(each.words), self.facts)]
        return replace(self, agencies=tuple(dict.fromkeys((*self.agencies, *new)))[:MOST_SOURCES])

    def document(self) -> Document:
        """As they are stored."""
        return {"facts": self.facts.document(), "agencies": list(self.agencies)}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOpportunity:
    """One vacancy. `state`: as it was told last; `sources`: whose adverts it is made of, the one whose words are told
    first; none, once all of them are of other vacancies. `apart`: marks of those that it is not
    (separated_vacancies.py); `merged_into`: of which its last open source is by now.
    `judgement`: whether it may be told as open; `judged`: the words on which an operator's fell; `ends`: the day after
    which it has to be looked at again."""

    COLLECTION: ClassVar[str] = OPPORTUNITIES
    id: str
    sequence: int
    state: Opportunity
    sources: tuple[Source, ...]
    apart: tuple[str, ...] = ()
    merged_into: str | None = None
    judgement: Judgement | None = None
    judged: tuple[JudgedWords, ...] = ()
    ends: date | None = None
    last: LastPublished | None = None

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
            merged_into=document["merged_into"],
            judgement=None if document["judgement"] is None else Judgement(**document["judgement"]),
            judged=tuple(map(JudgedWords.kept_in, document["judged"])),
            ends=None if document["ends"] is None else date.fromisoformat(document["ends"]),
            last=LastPublished.kept_in(document),
        )

    def document(self) -> Document:
        """As it is stored. The first source's words are the state: they are kept once."""
        return {
            "_id": self.id,
            "sequence": self.sequence,
            "state": dumped(self.state),
            "sources": [_kept(source, told_first=not n) for n, source in enumerate(self.sources)],
            "apart": list(self.apart),
            "merged_into": self.merged_into,
            "judgement": None if self.judgement is None else asdict(self.judgement),
            "judged": [each.document() for each in self.judged],
            "ends": None if self.ends is None else self.ends.isoformat(),
            **told(self.last),
        }

    def judged_now(self) -> tuple[JudgedWords, ...]:
        """The judged words, when what it says now is among them; they are those of all of its sources."""
        if (facts := facts_of(self.state)) is None:
            return self.judged
        new = JudgedWords(facts, tuple(dict.fromkeys(each.agency for each in self.sources)))
        return (*(each for each in self.judged if each.facts != facts), new)[-MOST_JUDGED:]

    def may_be_joined(self, facts: Facts, word: Judgement | None) -> bool:
        """By an advert of this vacancy; `word`: an operator's on where it comes from. Not where other words than these
        were held: whoever is held could say another's words then, and take its advert away."""
        if word is not None:
            return same_verdict(word, self.judgement)
        return not binds(self.judgement) or any(alike(facts, each.facts) for each in self.judged)

    def source(self, index: str) -> Source:
        """The one with this index, which is one of them."""
        return next(source for source in self.sources if source.index == index)


@dataclass(frozen=True, slots=True)
class NewOpportunity:
    """One that is new by one open advert and meets no other, from what was made of the advert before (`kept`): its
    document is that of the `StoredOpportunity` that it is from then on."""

    COLLECTION: ClassVar[str] = OPPORTUNITIES
    sequence: ClassVar[int] = 1
    id: str
    kept: bytes
    index: str
    heard: date
    reference: bytes
    number: int | None
    ends: date | None

    def document(self) -> Document:
        """As it is stored."""
        source = {
            "index": self.index,
            "open": True,
            "heard": self.heard.isoformat(),
            "words": None,
            "reference": self.reference,
            "sender": self.number,
            "opened": self.number,
            "ended": None,
        }
        return {
            "_id": self.id,
            "sequence": self.sequence,
            "state": RawBSONDocument(self.kept),
            "sources": [source],
            "apart": [],
            "merged_into": None,
            "judgement": None,
            "judged": [],
            "ends": None if self.ends is None else self.ends.isoformat(),
        }


def with_status(words: Opportunity, status: Status, vetting: Vetting | None) -> Opportunity:
    """The same advert, told so."""
    if words.status == status and words.vetting == vetting:
        return words
    return words.model_copy(update={"status": status, "vetting": vetting})


def _source(kept: Mapping[str, Any], state: Opportunity) -> Source:
    words = kept["words"]
    return Source(
        index=kept["index"],
        open=kept["open"],
        heard=date.fromisoformat(kept["heard"]),
        words=with_status(state, "open", None) if words is None else Opportunity.model_validate(words, strict=False),
        reference=kept["reference"],
        sender=kept["sender"],
        opened=kept["opened"],
        ended=kept["ended"],
        ended_at=kept.get("ended_at"),
    )


def _kept(source: Source, *, told_first: bool) -> Document:
    return {
        "index": source.index,
        "open": source.open,
        "heard": source.heard.isoformat(),
        "words": None if told_first else dumped(source.words),
        "reference": source.reference,
        "sender": source.sender,
        "opened": source.opened,
        "ended": source.ended,
        **({} if source.ended_at is None else {"ended_at": source.ended_at}),
    }


class AdvertsDocument(TypedDict):
    """Open opportunities that may be of one vacancy, by a key of theirs (employer, place, unit group), oldest first:
    `id`, whose words they have (`agency`), from which they are `apart`, and the facts that are compared. `bound`: words
    that an operator held or refused, whatever became of their advert since: its `id`, whose they were (`agencies`), the
    `judgement`."""

    _id: str
    entries: list[dict[str, Any]]
    bound: list[dict[str, Any]]
    until: datetime


class QuestionDocument(TypedDict):
    """Two opportunities that may be one, the one that was there first, then the other, and whose they are; the last
    three once it is answered."""

    _id: str
    opportunities: list[str]
    agencies: list[str]
    at: datetime
    answer: str | None
    by: str | None
    answered: datetime | None


class EmployerDocument(TypedDict):
    """An entry of the operator's list; `verdict`: None once it is taken off; `applied`: whether all adverts of this
    employer have been looked at since."""

    _id: str
    verdict: Verdict | None
    reason: VettingReason | None
    by: str
    at: datetime
    applied: bool


ADVERTS = Collection[AdvertsDocument]("adverts")
QUESTIONS = Collection[QuestionDocument]("questions")
# beside the references, which nearly every event reads anyway
EMPLOYERS = Collection[EmployerDocument](REFERENCES)


def employer_id(key: str) -> str:
    """Of an employer's entry in the list."""
    return f"employer/{key}"
