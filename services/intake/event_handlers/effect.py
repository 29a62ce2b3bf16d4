"""The shape of every decision: what came in, what it changes, what goes on the bus."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from services.intake.documents import StoredAgency, StoredPerson
from services.intake.domain import advert_rules
from services.intake.domain.same_advert import Facts
from services.intake.opportunity_documents import StoredOpportunity
from shared.events import EventType
from shared.events.data_classification import Model
from shared.events.http_binding import Incoming
from shared.events.refusal import Refusal
from shared.events.topics.opportunities import Opportunity
from shared.kit.base.ids import random_id
from shared.kit.store.mongo import Document
from shared.screening.advert_rules import JOB
from shared.screening.door_rules import Features

Thing = StoredAgency | StoredOpportunity | StoredPerson
Status = Literal["accepted", "duplicate", "superseded"]


@dataclass(frozen=True)  # no slots: `facts` and `words` are kept beside the fields
class DoorEvent:
    """An event whose form is sound. `content`: keyed hash of what it says; `features`: what the rules made of its data,
    as far as the bus may carry it; `inbox`: keyed hash of source and id; `index`: of agency and reference, if it is
    about something that goes by one."""

    incoming: Incoming
    agency: str
    content: str
    features: Features
    inbox: str
    index: str

    @cached_property
    def facts(self) -> Facts | None:
        """What of a job's advert is compared with those of other agencies."""
        return Facts.of(self.features) if self.features.get("kind") == JOB else None

    @cached_property
    def words(self) -> Opportunity:
        """Of an advert: what it says, as an opportunity of its own that is open."""
        return advert_rules.opened(random_id(), self.agency, self.features)

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
    state: Model


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
    others: list[Thing] = field(default_factory=list)
    saves: list[tuple[str, Document]] = field(default_factory=list)
    untold: bool = False
    emitted: list[Emission] = field(default_factory=list)
    person: str | None = None
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[Refusal, ...] = ()
