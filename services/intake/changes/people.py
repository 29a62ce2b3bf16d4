"""Events about a person: who it is, what is said, and the one or two events that follow on the bus.

A person's document: `{"_id", "sequence", "owner", "state", "sender": the owner's version of the profile,
"consent_senders": {"purpose/recipient": its version}, "arrival": content of the arrival, "ends": first last day}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.intake.changes.effect import (
    AGENCIES,
    IDENTITIES,
    PEOPLE,
    REFERENCES,
    Accepted,
    Effect,
    Emission,
    Tools,
    dumped,
    is_older,
)
from services.intake.domain import consents, people
from services.intake.domain.findings import Findings
from shared.events import EventType
from shared.events.refusal import Refusal, Refused
from shared.events.topics.people import (
    CONSENT_GIVEN,
    ConsentAtDoor,
    ConsentGivenAtDoor,
    ConsentKey,
    ConsentWithdrawnAtDoor,
    Person,
    PersonAtDoor,
    PersonLeftAtDoor,
    PersonUpdatedAtDoor,
)
from shared.kit.ids import random_id
from shared.kit.work import Need, Work

PersonData = PersonAtDoor | PersonUpdatedAtDoor | PersonLeftAtDoor | ConsentGivenAtDoor | ConsentWithdrawnAtDoor
Document = dict[str, Any]


def needs(event: Accepted, work: Work, tools: Tools) -> Iterable[Need]:
    """The reference, then the person and their identity; the agencies that consents name."""
    data = event.incoming.data
    index = _index(event, tools)
    found = [Need.by_id(REFERENCES, index)]
    found += [Need.by_id(AGENCIES, consent.recipient) for consent in _consents(data) if consent.recipient]
    known = work.get(REFERENCES, index)
    if known is not None:
        found.append(Need.by_id(PEOPLE, known["thing"]))
        if isinstance(data, PersonAtDoor | PersonUpdatedAtDoor):
            found.append(Need.by_id(IDENTITIES, known["thing"]))
    return found


def decide(event: Accepted, work: Work, tools: Tools) -> Effect:
    """What becomes of the person. Raises Refused for what only the store can tell is wrong."""
    data = event.incoming.data
    _check_recipients(event, work, tools)
    known = work.get(REFERENCES, _index(event, tools))
    held = None if known is None else work.get(PEOPLE, known["thing"])
    if held is None:
        if isinstance(data, PersonAtDoor):
            return _new(event, data, tools)
        raise Refused(Refusal("unknown-reference", "/data/reference"))
    effect = _of_known(event, data, held, work, tools)
    effect.person = held["_id"]
    return effect


def _of_known(event: Accepted, data: object, held: Document, work: Work, tools: Tools) -> Effect:
    answer = {"alias": people.alias_of(_person(held), event.agency) or ""}
    if isinstance(data, ConsentGivenAtDoor | ConsentWithdrawnAtDoor):
        return _consent_changed(event, data, held, answer)
    if is_older(event.incoming.sequence, held["sender"]):
        return Effect(answer, "superseded")
    if isinstance(data, PersonAtDoor):
        return _arrived_again(event, data, held, answer, work, tools)
    if isinstance(data, PersonUpdatedAtDoor):
        return _updated(event, data, held, answer, work, tools)
    return _changed(event, held, answer, [(event.incoming.event_type, people.left(_person(held)))])


def document_of(person: Person, held: Document, sequence: int) -> Document:
    """The person's document with this state."""
    return {**held, "sequence": sequence, "state": dumped(person), "ends": consents.first_end(person)}


def person_of(document: Document) -> Person:
    """The state in a person's document."""
    return Person.model_validate(document["state"], strict=False)


_person = person_of


def _new(event: Accepted, data: PersonAtDoor, tools: Tools) -> Effect:
    person = people.arrived(random_id(), event.agency, event.features, random_id)
    held: Document = {
        "_id": person.person,
        "sequence": 0,
        "owner": event.agency,
        "state": None,
        "consent_senders": {},
    }
    effect = _arrival(event, data, held, person, {"alias": people.alias_of(person, event.agency) or ""})
    effect.saves.append((REFERENCES, {"_id": _index(event, tools), "thing": person.person}))
    effect.saves.append((IDENTITIES, tools.vault.new_record(person.person, data.reference, data.identity)))
    effect.person = person.person
    return effect


def _arrived_again(
    event: Accepted, data: PersonAtDoor, held: Document, answer: dict[str, str], work: Work, tools: Tools
) -> Effect:
    """The same arrival under another id changes nothing; somebody who had left may come back; else it is a mistake."""
    person = _person(held)
    if person.status == "active":
        if held["arrival"] == event.content:
            return Effect(answer, "duplicate")
        raise Refused(Refusal("already-known", "/data/reference"))
    effect = _arrival(event, data, held, people.returned(person, event.features), answer)
    effect.saves.append((IDENTITIES, tools.vault.with_identity(_identity(held, work), data.identity)))
    return effect


def _arrival(event: Accepted, data: PersonAtDoor, held: Document, person: Person, answer: dict[str, str]) -> Effect:
    senders = held["consent_senders"]
    given = _not_older(data.consents, event, senders)
    states = [(event.incoming.event_type, person)]
    if given:
        states.append((CONSENT_GIVEN, _with(person, given)))
    held["arrival"] = event.content
    senders |= {_key(consent): event.incoming.sequence for consent in given}
    return _changed(event, held, answer, states)


def _updated(
    event: Accepted, data: PersonUpdatedAtDoor, held: Document, answer: dict[str, str], work: Work, tools: Tools
) -> Effect:
    person = _person(held)
    if person.status == "left":
        raise Refused(Refusal("person-left", "/data/reference"))
    effect = _changed(event, held, answer, [(event.incoming.event_type, people.updated(person, event.features))])
    if data.identity is not None:
        effect.saves.append((IDENTITIES, tools.vault.with_identity(_identity(held, work), data.identity)))
    return effect


def _consent_changed(
    event: Accepted, data: ConsentGivenAtDoor | ConsentWithdrawnAtDoor, held: Document, answer: dict[str, str]
) -> Effect:
    """Each consent has the sender's version for itself: an old message never brings back what was taken back since,
    and a late withdrawal still holds for what nobody gave anew."""
    senders, person = held["consent_senders"], _person(held)
    if isinstance(data, ConsentGivenAtDoor):
        if person.status == "left":
            raise Refused(Refusal("person-left", "/data/reference"))
        given = _not_older(data.consents, event, senders)
        fresh, after = [_key(consent) for consent in given], _with(person, given)
    else:
        taken = _each(data.consents, person)
        taken = [key for key in taken if not is_older(event.incoming.sequence, senders.get(_key(key)))]
        fresh, after = [_key(key) for key in taken], consents.withdraw(person, taken)
        for everybody in (_key(key) for key in data.consents if key.recipient is None):
            if event.incoming.sequence is not None:  # holds for consents that are still on their way, too
                senders[everybody] = max(event.incoming.sequence, senders.get(everybody) or 0)
    if not fresh:
        return Effect(answer, "superseded", thing=(PEOPLE, held))
    senders |= {key: event.incoming.sequence for key in fresh if event.incoming.sequence is not None}
    return _changed(event, held, answer, [(event.incoming.event_type, after)])


def _not_older(
    given: Sequence[ConsentAtDoor], event: Accepted, senders: Mapping[str, int | None]
) -> list[ConsentAtDoor]:
    """Those about which the sender has not said something newer, by name or by taking back from everybody."""

    def newest(consent: ConsentAtDoor) -> int | None:
        said = (senders.get(_key(consent)), senders.get(f"{consent.purpose}/"))
        return max((version for version in said if version is not None), default=None)

    return [consent for consent in given if not is_older(event.incoming.sequence, newest(consent))]


def _with(person: Person, given: Sequence[ConsentAtDoor]) -> Person:
    """The person with these consents. Raises Refused when the contract has no room for so many."""
    after = consents.give(person, given, random_id)
    if consents.too_many(after):
        raise Refused(Refusal("too-many", "/data/consents", {"max_length": consents.MOST}))
    return after


def _each(keys: Sequence[ConsentKey], person: Person) -> list[ConsentKey]:
    """A purpose named without recipient means every recipient that stands; else the key as it is."""
    found: list[ConsentKey] = []
    for key in keys:
        standing = [c for c in person.consents if c.purpose == key.purpose and key.recipient in (None, c.recipient)]
        found += [ConsentKey(purpose=c.purpose, recipient=c.recipient) for c in standing] or [key]
    return found


def _changed(
    event: Accepted, held: Document, answer: dict[str, str], states: Sequence[tuple[EventType, Person]]
) -> Effect:
    """The document and the emissions for these states in turn; a state that equals the one before is not emitted."""
    before = None if held["state"] is None else _person(held)
    emitted: list[Emission] = []
    for event_type, person in states:
        if person != before:
            emitted.append(Emission(event_type, held["_id"], held["sequence"] + len(emitted) + 1, person))
            before = person
    assert before is not None
    document = document_of(before, held, held["sequence"] + len(emitted))
    if event.name not in (CONSENT_GIVEN.name, "consent-withdrawn"):
        document["sender"] = event.incoming.sequence if event.incoming.sequence is not None else held.get("sender")
    return Effect(answer, thing=(PEOPLE, document), emitted=emitted)


def _check_recipients(event: Accepted, work: Work, tools: Tools) -> None:
    named = _consents(event.incoming.data)
    classes = {}
    for consent in named:
        agency = work.get(AGENCIES, consent.recipient) if consent.recipient else None
        if agency is not None:
            classes[agency["_id"]] = agency["state"]["recipient_class"]
    findings = Findings(tools.pack)
    given = not isinstance(event.incoming.data, ConsentWithdrawnAtDoor)
    consents.check_recipients(named, classes, findings, given=given)
    findings.end()


def _consents(data: object) -> Sequence[ConsentAtDoor | ConsentKey]:
    if isinstance(data, PersonAtDoor | ConsentGivenAtDoor | ConsentWithdrawnAtDoor):
        return data.consents
    return ()


def _identity(held: Document, work: Work) -> Document:
    record = work.get(IDENTITIES, held["_id"])
    assert record is not None, "a person without identity record"
    return record


def _index(event: Accepted, tools: Tools) -> str:
    data = event.incoming.data
    assert isinstance(data, PersonData)
    return tools.references.index("person", event.agency, data.reference)


def _key(consent: ConsentAtDoor | ConsentKey) -> str:
    return f"{consent.purpose}/{consent.recipient or ''}"
