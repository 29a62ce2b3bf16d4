"""The shape of every decision: what came in, what it changes, what goes on the bus."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from services.intake.documents import INBOX, REFERENCES, StoredAgency, StoredPerson
from services.intake.event_handlers.prepared_adverts import PreparedAdvert
from services.intake.opportunity_documents import NewOpportunity, StoredOpportunity
from shared.events import EventType
from shared.events.data_classification import Model
from shared.events.envelope import Dumped
from shared.events.incoming import Incoming
from shared.events.refusal import Refusal
from shared.kit.store.mongo import Document
from shared.kit.store.unit_of_work import Need
from shared.screening.door_rules import Features

Thing = StoredAgency | StoredOpportunity | StoredPerson
Status = Literal["accepted", "duplicate", "superseded"]


@dataclass(frozen=True)  # no slots: what it needs is asked for several times, and kept beside the fields
class DoorEvent:
    """An event whose form is sound. `content`: keyed hash of what it says; `features`: what the rules made of its data,
    as far as the bus may carry it; `inbox`: keyed hash of source and id; `index`: of agency and reference, if it is
    about something that goes by one. `advert`: of an advert in which nothing is wrong, all that it says; its data and
    features stay behind where a worker made it."""

    incoming: Incoming
    agency: str
    content: str
    features: Features
    inbox: str
    index: str
    advert: PreparedAdvert | None = None

    @cached_property
    def reference(self) -> Need:
        """What is kept under `index`."""
        return Need.by_id(REFERENCES, self.index)

    @cached_property
    def seen(self) -> Need:
        """What is kept under `inbox`."""
        return INBOX.by_id(self.inbox)

    @property
    def name(self) -> str:
        """The event's type."""
        return self.incoming.event_type.name

    @property
    def sequence(self) -> int | None:
        """The sender's own version of the thing, if it counts."""
        return self.incoming.sequence


@dataclass(frozen=True, slots=True)
class Emission:
    """One event for the bus: the whole state of the thing and its number."""

    event_type: EventType
    key: str
    sequence: int
    state: Model | Dumped


@dataclass(slots=True)
class Effect:
    """`answer`: what the sender may know of the thing; `thing`: the thing with its state changed.

    `thing` is None when nothing of it changes. `others`: further things whose state changed, each emission goes by its
    key; `saves` are further documents. `untold`: something new was said, whoever else is told. `person`: the person
    whom the event is about, also when nothing changes: who reads its journey reads about them. With `refusals` the
    event is refused, and of all this only `thing`, `others`, `saves` and `emitted` have their effect. `warnings`: why
    what was accepted does not hold for now.
    """

    answer: dict[str, Any]
    status: Status = "accepted"
    thing: Thing | None = None
    others: list[Thing | NewOpportunity] = field(default_factory=list)
    saves: list[tuple[str, Document]] = field(default_factory=list)
    untold: bool = False
    emitted: list[Emission] = field(default_factory=list)
    person: str | None = None
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[Refusal, ...] = ()
