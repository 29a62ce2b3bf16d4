"""What intake stores: one type per kind of document, and the one way into a document and back.

agencies       _id agency; as in every service (shared.access.agencies), the sender's number, and the keyed hash by
               which a recipient is found
people         _id person; the state, the sender's numbers, what was taken back, the floors, the first last day (`ends`)
identities     _id person; who it is, sealed (identity/vault.py)
references     _id keyed hash of agency and reference; the thing it leads to, or a tombstone of one that is not
               here yet; and tallies, _id agency/month or agency/day: how many of something the agency has begun
inbox          _id keyed hash of source and id; an accepted event and its receipt
rejections     _id keyed hash of agency and id; a refused event, without any value of it
steps          _id event; what the other services said that followed from an accepted event
audit          _id random; who read about whom

What is kept of adverts is in opportunity_documents.py, of files in file_mappings/service.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, ClassVar, NotRequired, TypedDict

from services.intake.domain.consent_rules import first_end
from services.intake.domain.sequence_ordering import Tombstone
from services.intake.last_published import KeptFloors, LastPublished, told
from shared.access.agencies import agency_document, held_agency
from shared.events.data_classification import Model
from shared.events.topics.agencies import Agency
from shared.events.topics.people import Person
from shared.kit.store.mongo import Document
from shared.kit.store.typed_collection import Collection

AGENCIES = "agencies"
AUDIT = "audit"
OPPORTUNITIES = "opportunities"
PEOPLE = "people"
LEAVING = "leaving"  # no name of a consent
REFERENCES = "references"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAgency:
    """`recipient`: keyed hash of its id (`References.recipient`); `sender`: the sender's own version of the
    registration; `taken_at`: of people whom it brought and who are not known any more, as in `StoredPerson`."""

    COLLECTION: ClassVar[str] = AGENCIES
    id: str
    recipient: str
    sequence: int
    state: Agency
    sender: int | None = None
    last: LastPublished | None = None
    taken_at: Mapping[str, datetime] = field(default_factory=dict)

    @staticmethod
    def kept_in(document: Document) -> StoredAgency:
        """The agency in this document."""
        return StoredAgency(
            id=document["_id"],
            recipient=document["recipient"],
            sequence=document["sequence"],
            state=held_agency(document),
            sender=document.get("sender"),
            last=LastPublished.kept_in(document),
            taken_at=document.get("taken_at", {}),
        )

    def document(self) -> Document:
        """As it is stored."""
        document = agency_document(self.state, self.sequence)
        more = {"taken_at": dict(self.taken_at)} if self.taken_at else {}
        return {**document, "recipient": self.recipient, "sender": self.sender, **more, **told(self.last)}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPerson:
    """`sender`: the owner's version of the profile; `opened`, `ended`: its highest versions of arriving and of leaving;
    `arrival`, `profile`: content of the arrival and of what last said the profile, as keyed hashes; `consent_senders`:
    its version of each consent, by its name (`References.consent`); `taken`: by the same names the version up to which
    a consent was taken back; `taken_at`: the time up to which it was, where the version is not known any more (the
    database was put back from a copy; `LEAVING`: all of it)."""

    COLLECTION: ClassVar[str] = PEOPLE
    id: str
    sequence: int
    owner: str
    state: Person
    arrival: str
    profile: str
    sender: int | None = None
    opened: int | None = None
    ended: int | None = None
    consent_senders: Mapping[str, int | None] = field(default_factory=dict)
    taken: Mapping[str, int] = field(default_factory=dict)
    taken_at: Mapping[str, datetime] = field(default_factory=dict)
    floors: KeptFloors | None = None
    last: LastPublished | None = None

    @staticmethod
    def kept_in(document: Document) -> StoredPerson:
        """The person in this document."""
        return StoredPerson(
            id=document["_id"],
            sequence=document["sequence"],
            owner=document["owner"],
            state=Person.model_validate(document["state"], strict=False),
            arrival=document["arrival"],
            profile=document["profile"],
            sender=document["sender"],
            opened=document["opened"],
            ended=document["ended"],
            consent_senders=document["consent_senders"],
            taken=document["taken"],
            taken_at=document.get("taken_at", {}),
            floors=KeptFloors.kept_in(document),
            last=LastPublished.kept_in(document),
        )

    def document(self) -> Document:
        """As it is stored; `ends`, the first last day of a consent, is there to be found by."""
        return {
            "_id": self.id,
            "sequence": self.sequence,
            "owner": self.owner,
            "state": dumped(self.state),
            "arrival": self.arrival,
            "profile": self.profile,
            "sender": self.sender,
            "opened": self.opened,
            "ended": self.ended,
            "consent_senders": dict(self.consent_senders),
            "taken": dict(self.taken),
            "ends": first_end(self.state),
            **({"taken_at": dict(self.taken_at)} if self.taken_at else {}),
            **({} if self.floors is None else {"floors": self.floors.document()}),
            **told(self.last),
        }


_NEVER_ENDED = Tombstone()


@dataclass(frozen=True, slots=True)
class Reference:
    """What a reference leads to: a thing, or a tombstone of one that is not here yet; neither when nothing is known."""

    id: str
    thing: str | None = None
    tombstone: Tombstone = _NEVER_ENDED
    until: datetime | None = None

    @staticmethod
    def kept_in(id: str, document: Document | None) -> Reference:
        """What is known under this hash."""
        if document is None:
            return Reference(id)
        tombstone = Tombstone(**document["tombstone"]) if "tombstone" in document else _NEVER_ENDED
        return Reference(id, document.get("thing"), tombstone, document.get("until"))

    def document(self) -> Document:
        """As it is stored; what leads to a thing has no `until` and stays."""
        if self.thing is not None:
            return {"_id": self.id, "thing": self.thing}
        return {"_id": self.id, "tombstone": asdict(self.tombstone), "until": self.until}


class TallyDocument(TypedDict):
    """How many of something an agency has begun in a month or a day; forgotten at `until`."""

    _id: str
    count: int
    until: datetime


class IdentityDocument(TypedDict):
    """`key`: the wrapped data key; `sealed`: field to sealed value."""

    _id: str
    key: bytes
    sealed: dict[str, bytes]


class EmittedEntry(TypedDict):
    """One event on the bus that an accepted event led to."""

    type: str
    sequence: int


class InboxDocument(TypedDict):
    """`event`, `actor`: the sender's id and, where one was named, actor, sealed; `about`: the topic; `person`: whom the
    event was about."""

    _id: str
    receipt: str
    content: str
    agency: str
    type: str
    event: bytes
    actor: bytes | None
    status: str
    answer: dict[str, Any]
    about: str
    person: str | None
    at: datetime
    correlationid: str
    emitted: list[EmittedEntry]


class FindingEntry(TypedDict):
    """One reason of a refusal; `values` are public."""

    rule: str
    field: str
    values: dict[str, str | int | float]


class RejectionDocument(TypedDict):
    """`event`: the sender's id, sealed, for it may hold a reference; `reference`: its keyed hash, where it could be
    read; `findings`: only read, of a list that shows the first ones: how many there are."""

    _id: str
    agency: str
    event: bytes
    type: str | None
    at: datetime
    refusals: list[FindingEntry]
    reference: NotRequired[str]
    findings: NotRequired[int]


class StepDocument(TypedDict):
    """What happened and when: no person, no alias, no match. `kept_since`: by MongoDB's clock, which deletes by age.
    The last three of a delivery only."""

    _id: str
    type: str
    correlationid: str
    at: datetime
    kept_since: datetime
    recipient: NotRequired[str]
    channel: NotRequired[str]
    about: NotRequired[str]


class StepKind(TypedDict):
    """What the steps of a group have in common; the last three are missing of a match."""

    type: str
    recipient: str
    channel: str
    about: str


class StepsSummary(TypedDict):
    """Steps of one kind that followed from an event, grouped by the database: how often, first and last time."""

    _id: StepKind
    count: int
    first: datetime
    last: datetime


IDENTITIES = Collection[IdentityDocument]("identities")
INBOX = Collection[InboxDocument]("inbox")
REJECTIONS = Collection[RejectionDocument]("rejections")
STEPS = Collection[StepDocument]("steps")
TALLIES = Collection[TallyDocument](REFERENCES)


def dumped(state: Model) -> Document:
    """A state as it is stored."""
    found: Document = state.__pydantic_serializer__.to_python(state, mode="json", by_alias=True, exclude_none=True)
    return found
