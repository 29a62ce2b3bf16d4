"""Events about an agency: its whole state, rights and keys included. Kept in the layout that every service uses."""

from __future__ import annotations

from collections.abc import Iterable

from services.intake.changes.effect import AGENCIES, Accepted, Effect, Emission, Tools
from services.intake.domain.precedence import is_older
from shared.access.agencies import agency_document, held_agency
from shared.events.refusal import Refusal, Refused
from shared.events.topics.agencies import AGENCY_REGISTERED, Agency
from shared.kit.store.unit_of_work import Need, UnitOfWork

KEY_ID = "state.keys.key_id"


def needs(event: Accepted, work: UnitOfWork, tools: Tools) -> Iterable[Need]:
    """The agency, and whoever else has a key of the same name."""
    agency = _agency(event)
    return [Need.by_id(AGENCIES, agency.agency), *(Need.where(AGENCIES, KEY_ID, key.key_id) for key in agency.keys)]


def decide(event: Accepted, work: UnitOfWork, tools: Tools) -> Effect:
    """Register or change. Raises Refused for an agency that is there already, or is not, or a key id in use."""
    agency = _agency(event)
    for index, key in enumerate(agency.keys):
        if any(other["_id"] != agency.agency for other in work.find(AGENCIES, KEY_ID, key.key_id)):
            raise Refused(Refusal("key-taken", f"/data/keys/{index}/key_id"))
    held = work.get(AGENCIES, agency.agency)
    registering = event.name == AGENCY_REGISTERED.name
    answer = {"agency": agency.agency}
    if held is None:
        if not registering:
            raise Refused(Refusal("unknown-agency", "/data/agency"))
        sequence = 0
    else:
        sequence = held["sequence"]
        if is_older(event.incoming.sequence, held.get("sender")):
            return Effect(answer, "superseded")
        if held_agency(held) == agency:
            return Effect(answer, "duplicate" if registering else "accepted")
        if registering:
            raise Refused(Refusal("already-known", "/data/agency"))
    sender = event.incoming.sequence if event.incoming.sequence is not None else (held or {}).get("sender")
    return Effect(
        answer,
        thing=(AGENCIES, {**agency_document(agency, sequence + 1), "sender": sender}),
        emitted=[Emission(event.incoming.event_type, agency.agency, sequence + 1, agency)],
    )


def _agency(event: Accepted) -> Agency:
    assert isinstance(event.incoming.data, Agency)
    return event.incoming.data
