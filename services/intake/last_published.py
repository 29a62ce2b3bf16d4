"""How things were last told on the bus, so that the very same events can be told again; a part of their documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.events import Event, EventType
from shared.events.topics.prohibitions import Floors
from shared.kit.store.mongo import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Causation:
    """What every event on the bus that follows from one acceptance has in common."""

    correlationid: str
    causationid: str
    time: datetime
    recordedtime: datetime
    actor: str | None = None
    traceparent: str | None = None

    @staticmethod
    def of(event: Event[Any]) -> Causation:
        """What an event of ours says."""
        return Causation(
            correlationid=event.correlationid or "",
            causationid=event.causationid or "",
            time=event.time,
            recordedtime=event.recordedtime or event.time,
            actor=event.actor,
            traceparent=event.traceparent,
        )

    def document(self) -> Document:
        """As it is kept. By hand: `asdict` copies every value deeply, which took a fifth of an event's whole time."""
        return {
            "correlationid": self.correlationid,
            "causationid": self.causationid,
            "time": self.time,
            "recordedtime": self.recordedtime,
            "actor": self.actor,
            "traceparent": self.traceparent,
        }


@dataclass(frozen=True, slots=True)
class LastPublished:
    """How a thing's newest event was told, so that the very same event can be told again."""

    type: str
    version: int
    causation: Causation

    @staticmethod
    def by(event_type: EventType, causation: Causation) -> LastPublished:
        """Told as this type."""
        return LastPublished(event_type.name, event_type.version, causation)

    @staticmethod
    def kept_in(document: Mapping[str, Any]) -> LastPublished | None:
        """How the thing in this document was last told; None: never."""
        kept = document.get("last")
        return None if kept is None else LastPublished(kept["type"], kept["version"], Causation(**kept["causation"]))


@dataclass(frozen=True, slots=True)
class KeptFloors:
    """What is forbidden of a person's older states, and how that was last told."""

    sequence: int
    state: Floors
    causation: Causation

    @staticmethod
    def kept_in(document: Mapping[str, Any]) -> KeptFloors | None:
        """The floors in a person's document; None: nothing was ever forbidden."""
        kept = document.get("floors")
        if kept is None:
            return None
        state = Floors.model_validate(kept["state"], strict=False)
        return KeptFloors(kept["sequence"], state, Causation(**kept["causation"]))

    def document(self) -> Document:
        """The part of the person's document that keeps them."""
        state = self.state.model_dump(mode="json", exclude_none=True)
        return {"sequence": self.sequence, "state": state, "causation": self.causation.document()}


def told(last: LastPublished | None) -> Document:
    """The part of a thing's document that keeps how it was last told."""
    if last is None:
        return {}
    return {"last": {"type": last.type, "version": last.version, "causation": last.causation.document()}}
