"""The shape of every decision: what came in, what it changes, what goes on the bus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from services.intake.identity import References, Vault
from shared.events import EventType
from shared.events.classes import Model
from shared.events.incoming import Incoming
from shared.events.refusal import Refusal
from shared.kit.base.clock import Clock
from shared.kit.base.ids import Ids
from shared.kit.base.sealing import Sealer
from shared.reference import Pack

Status = Literal["accepted", "duplicate", "superseded"]

AGENCIES = "agencies"
IDENTITIES = "identities"
OPPORTUNITIES = "opportunities"
PEOPLE = "people"
REFERENCES = "references"


@dataclass(frozen=True, slots=True)
class Tools:
    """What decisions use: the pack, the keyed parts of this service, the time."""

    pack: Pack
    ids: Ids
    sealer: Sealer
    vault: Vault
    references: References
    clock: Clock = field(default_factory=Clock)


@dataclass(frozen=True, slots=True)
class Accepted:
    """An event whose envelope and content kept every rule that needs no store.

    `content`: keyed hash of what it says; `features`: what the domain made of its data; `today`: the pack's day.
    """

    incoming: Incoming
    agency: str
    content: str
    features: Mapping[str, Any]
    today: date

    @property
    def name(self) -> str:
        """The event's type."""
        return self.incoming.event_type.name


@dataclass(frozen=True, slots=True)
class Emission:
    """One event for the bus: the whole state of the thing and its number."""

    event_type: EventType
    key: str
    sequence: int
    state: Model


@dataclass(slots=True)
class Effect:
    """`answer`: what the sender may know of the thing; `thing`: collection and document, its state changed.

    `thing` is None when nothing changes; then nothing is emitted either. `saves` are further documents. `person`: the
    person whom the event is about, also when nothing changes: who reads its journey reads about them. With `refusals`
    the event is refused, and of all this only `saves` are kept.
    """

    answer: dict[str, Any]
    status: Status = "accepted"
    thing: tuple[str, dict[str, Any]] | None = None
    saves: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    emitted: list[Emission] = field(default_factory=list)
    person: str | None = None
    refusals: tuple[Refusal, ...] = ()


def dumped(state: Model) -> dict[str, Any]:
    """A state as it is stored."""
    return state.model_dump(mode="json", by_alias=True, exclude_none=True)
