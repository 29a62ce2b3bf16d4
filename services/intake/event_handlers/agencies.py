"""Events about an agency: its whole state, rights and keys included. Kept in the layout that every service uses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.intake.dependencies import Dependencies
from services.intake.documents import AGENCIES, StoredAgency
from services.intake.domain.sequence_ordering import is_older
from services.intake.event_handlers.effect import DoorEvent, Effect, Emission
from services.intake.identity import Family
from shared.events import EventType
from shared.events.data_classification import Model
from shared.events.refusal import Refusal, Refused
from shared.events.topics.agencies import AGENCY_REGISTERED, Agency
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.screening.findings import Findings

STORED = StoredAgency
KEY_ID = "state.keys.key_id"


def reference(event_type: EventType, data: Model) -> tuple[Family, str] | None:
    """None: an agency goes by its name."""
    return None


def check_data(data: Model, findings: Findings) -> None:
    """Nothing that the client does not know, too."""


def needs(event: DoorEvent, work: UnitOfWork, dependencies: Dependencies) -> Iterable[Need]:
    """The agency, and whoever else has a key of the same name."""
    agency = _agency(event)
    return [Need.by_id(AGENCIES, agency.agency), *(Need(AGENCIES, KEY_ID, key.key_id) for key in agency.keys)]


def check(event: DoorEvent, work: UnitOfWork, dependencies: Dependencies) -> Sequence[Refusal]:
    """Key ids that are in use."""
    agency = _agency(event)
    return [
        Refusal("key-taken", f"/data/keys/{index}/key_id")
        for index, key in enumerate(agency.keys)
        if any(other["_id"] != agency.agency for other in work.find(AGENCIES, KEY_ID, key.key_id))
    ]


def decide(event: DoorEvent, work: UnitOfWork, dependencies: Dependencies) -> Effect:
    """Register or change. Raises Refused for an agency that is there already, or is not."""
    agency, number = _agency(event), event.sequence
    document = work.get(AGENCIES, agency.agency)
    held = None if document is None else StoredAgency.kept_in(document)
    registering = event.name == AGENCY_REGISTERED.name
    answer, sequence, sender = {"agency": agency.agency}, 1, number
    if held is None:
        if not registering:
            raise Refused(Refusal("unknown-agency", "/data/agency"))
    else:
        if is_older(number, held.sender):
            return Effect(answer, "superseded")
        if not registering and "keys" not in agency.model_fields_set:  # its own change of keys is not undone by chance
            agency = agency.model_copy(update={"keys": held.state.keys})
        if held.state == agency:
            return Effect(answer, "duplicate" if registering else "accepted")
        if registering:
            raise Refused(Refusal("already-known", "/data/agency"))
        sequence, sender = held.sequence + 1, held.sender if number is None else number
    return Effect(
        answer,
        thing=StoredAgency(
            id=agency.agency,
            recipient=dependencies.references.recipient(agency.agency),
            sequence=sequence,
            state=agency,
            sender=sender,
            taken_at={} if held is None else held.taken_at,
        ),
        emitted=[Emission(event.incoming.event_type, agency.agency, sequence, agency)],
    )


def _agency(event: DoorEvent) -> Agency:
    assert isinstance(event.incoming.data, Agency)
    return event.incoming.data
