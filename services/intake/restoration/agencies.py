"""Agencies as they were told since the copy: what the topic carries is all that there is to know of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.intake.documents import AGENCIES, StoredAgency
from services.intake.identity import References
from services.intake.last_published import Causation, LastPublished
from shared.events import Event
from shared.events.topics.agencies import Agency
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import Need, UnitOfWork


def newest(events: Iterable[Event[Any]]) -> list[Event[Any]]:
    """Of each agency the one with the highest number."""
    found: dict[str, Event[Any]] = {}
    for event in events:
        known = found.get(event.key)
        if known is None or (known.sequence or 0) < (event.sequence or 0):
            found[event.key] = event
    return list(found.values())


def state_told(event: Event[Any], references: References) -> Operation[None]:
    """An agency was told so: rights and keys that were taken away since the copy are gone."""
    agency: Agency = event.data

    def do(work: UnitOfWork) -> None:
        document, number = work.get(AGENCIES, agency.agency), event.sequence or 0
        held = None if document is None else StoredAgency.kept_in(document)
        if held is not None and number <= held.sequence:
            return
        told = StoredAgency(
            id=agency.agency,
            recipient=references.recipient(agency.agency),
            sequence=number,
            state=agency,
            sender=None if held is None else held.sender,
            last=LastPublished.by(event.event_type, Causation.of(event)),
            taken_at={} if held is None else held.taken_at,
        )
        work.save(AGENCIES, told.document())

    return Operation(lambda work: [Need.by_id(AGENCIES, agency.agency)], do)
