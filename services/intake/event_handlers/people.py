"""Events about a person: who it is, what is said, and the one or two events that follow on the bus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from services.intake.dependencies import Dependencies
from services.intake.documents import (
    AGENCIES,
    IDENTITIES,
    LEAVING,
    PEOPLE,
    REFERENCES,
    Reference,
    StoredPerson,
)
from services.intake.domain import identity_rules, person_state
from services.intake.domain.sequence_ordering import is_older, latest, said_before
from services.intake.event_handlers import consents, tombstones
from services.intake.event_handlers.effect import DoorEvent, Effect, Emission
from services.intake.identity import Family
from shared.events import EventType
from shared.events.data_classification import Model
from shared.events.refusal import Refusal, Refused
from shared.events.topics.people import (
    CONSENT_GIVEN,
    PERSON_LEFT,
    TRAINEE_GRADUATED,
    ConsentAtDoor,
    ConsentGivenAtDoor,
    ConsentWithdrawnAtDoor,
    Identity,
    Person,
    PersonAtDoor,
    PersonLeftAtDoor,
    PersonUpdatedAtDoor,
)
from shared.kit.base.ids import random_id
from shared.kit.store.mongo import Document
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.screening.age_rules import check_age
from shared.screening.consent_rules import check_withdrawn
from shared.screening.findings import Findings

STORED = StoredPerson
PersonData = PersonAtDoor | PersonUpdatedAtDoor | PersonLeftAtDoor | ConsentGivenAtDoor | ConsentWithdrawnAtDoor
Answer = dict[str, Any]


def reference(event_type: EventType, data: Model) -> tuple[Family, str] | None:
    """The person's, whatever is said of them."""
    assert isinstance(data, PersonData)
    return "person", data.reference


def check_data(data: Model, findings: Findings) -> None:
    """What of the identity cannot be read is set aside."""
    if isinstance(data, PersonAtDoor | PersonUpdatedAtDoor) and data.identity is not None:
        identity_rules.set_aside(data.identity, findings)


def needs(event: DoorEvent, work: UnitOfWork, dependencies: Dependencies) -> Iterable[Need]:
    """The reference, then the person and their identity; the agencies that consents name."""
    data, known = event.incoming.data, _known(event, work)
    yield Need.by_id(REFERENCES, known.id)
    for consent in consents.named(data):
        if consent.recipient:
            yield consents.the_recipient(consent.recipient, dependencies)
    if isinstance(data, ConsentWithdrawnAtDoor | PersonLeftAtDoor):
        yield tombstones.tally_of(event, work)
    if known.thing is not None:
        yield Need.by_id(PEOPLE, known.thing)
        if isinstance(data, PersonAtDoor | PersonUpdatedAtDoor):
            yield IDENTITIES.by_id(known.thing)


def check(event: DoorEvent, work: UnitOfWork, dependencies: Dependencies) -> Sequence[Refusal]:
    """Recipients that may not be told; not of a withdrawal, of which the rest holds (see `decide`)."""
    if isinstance(event.incoming.data, ConsentWithdrawnAtDoor):
        return ()
    return consents.check_recipients(event, work, dependencies).refusals


def decide(event: DoorEvent, work: UnitOfWork, dependencies: Dependencies) -> Effect:
    """What becomes of the person. Raises Refused for what that person's state does not allow."""
    data, findings = _data(event), Findings(dependencies.pack)
    if isinstance(data, ConsentWithdrawnAtDoor):
        # refused when it names a purpose or recipient that is not known, for it may be a slip of the pen; but what can
        # be understood of it holds, and what it says of a recipient that is yet to be registered leaves a tombstone
        findings = consents.check_recipients(event, work, dependencies)
        understood = check_withdrawn(data.consents, findings)
        if not understood:
            findings.end()
        data = data.model_copy(update={"consents": tuple(understood)})
    known = _known(event, work)
    if known.thing is None:
        effect = _of_unknown(event, data, known, work, dependencies)
    else:
        document = work.get(PEOPLE, known.thing)
        assert document is not None, "a reference without its person"
        effect = _of_known(event, data, StoredPerson.kept_in(document), work, dependencies)
        effect.person = known.thing
    effect.refusals = (*findings.refusals, *effect.refusals)
    return effect


def _of_unknown(
    event: DoorEvent, data: PersonData, known: Reference, work: UnitOfWork, dependencies: Dependencies
) -> Effect:
    """Who arrives, arrives under what was ended or taken back before; what ends or takes back leaves a tombstone."""
    if isinstance(data, PersonAtDoor):
        return _new(event, data, known, work, dependencies)
    if isinstance(data, PersonLeftAtDoor):
        return tombstones.keep(event, known, known.tombstone.with_end(event.sequence), work)
    if isinstance(data, ConsentWithdrawnAtDoor):
        names = [consents.kept_name(consent, dependencies.references) for consent in data.consents]
        return tombstones.keep(event, known, known.tombstone.with_withdrawal(names, event.sequence), work)
    raise Refused(Refusal("unknown-reference", "/data/reference"))


def _of_known(
    event: DoorEvent, data: PersonData, held: StoredPerson, work: UnitOfWork, dependencies: Dependencies
) -> Effect:
    answer: Answer = {"alias": person_state.alias_of(held.state, event.agency) or ""}
    if isinstance(data, ConsentGivenAtDoor | ConsentWithdrawnAtDoor):
        return _consent_changed(event, data, held, answer, dependencies)
    if isinstance(data, PersonLeftAtDoor):
        return _left(event, held, answer)
    if isinstance(data, PersonAtDoor):
        return _arrived_again(event, data, held, answer, work, dependencies)
    return _updated(event, data, held, answer, work, dependencies)


def _new(
    event: DoorEvent, data: PersonAtDoor, known: Reference, work: UnitOfWork, dependencies: Dependencies
) -> Effect:
    number, tombstone = event.sequence, known.tombstone
    person = person_state.arrived(random_id(), event.agency, event.features, random_id)
    answer: Answer = {"alias": person_state.alias_of(person, event.agency) or ""}
    left, agency = tombstone.forbids(number), work.get(AGENCIES, event.agency, shared=True) or {}
    held = StoredPerson(
        id=person.person,
        sequence=0,
        owner=event.agency,
        state=person,
        arrival=event.content,
        profile=event.content,
        ended=tombstone.end(number),
        taken=tombstone.floors(number),
        taken_at=agency.get("taken_at", {}),  # it may be one of those whom nobody knows any more
    )
    given = [c for c in data.consents if not tombstone.took(consents.kept_name(c, dependencies.references), number)]
    after = person_state.left(person) if left else person
    effect = _arrival(event, data, held, None, after, answer, given, dependencies)
    if left:  # from the first word on: nobody is told that they were here
        effect.answer["withheld"] = ["active", *effect.answer.get("withheld", ())]
    effect.saves.append((REFERENCES, Reference(known.id, person.person).document()))
    values = identity_rules.values_of(data.identity, dependencies.pack)
    record = dependencies.vault.new_record(person.person, data.reference, values)
    effect.saves.append((IDENTITIES.name, dict(record)))
    effect.person = person.person
    return effect


def _arrived_again(
    event: DoorEvent,
    data: PersonAtDoor,
    held: StoredPerson,
    answer: Answer,
    work: UnitOfWork,
    dependencies: Dependencies,
) -> Effect:
    """The same arrival under another id changes nothing; somebody who had left comes back by an act that is none of
    before; else it is a mistake."""
    number, same = event.sequence, held.arrival == event.content
    opened = replace(
        held, opened=latest(number, held.opened)
    )  # also when it says nothing else: leaving before it is old
    if held.state.status == "active":
        if is_older(number, held.sender):
            return Effect(answer, "superseded", thing=opened)
        if same:
            return Effect(answer, "duplicate", thing=opened)
        raise Refused(Refusal("already-known", "/data/reference"))
    if said_before(event.incoming.time, held.taken_at, LEAVING):
        return Effect(answer, "superseded")
    if held.ended is not None:
        if number is None:
            raise Refused(Refusal("sequence-needed", "/sequence"))
        if number <= held.ended:
            return Effect(answer, "superseded")
    elif number is None and same:
        return Effect(answer, "duplicate")
    elif number is None and event.name == TRAINEE_GRADUATED.name:
        raise Refused(Refusal("person-left", "/data/reference"))
    features = person_state.features_of(held.state) if is_older(number, held.sender) else event.features
    person = person_state.returned(held.state, features)
    effect = _arrival(event, data, opened, held.state, person, answer, data.consents, dependencies)
    effect.saves.append(_with_identity(data.identity, held, work, dependencies))
    return effect


def _arrival(
    event: DoorEvent,
    data: PersonAtDoor,
    held: StoredPerson,
    before: Person | None,
    person: Person,
    answer: Answer,
    consents_given: Sequence[ConsentAtDoor],
    dependencies: Dependencies,
) -> Effect:
    """`withheld` in the answer: the consents that somebody has taken back since they were given."""
    number, references = event.sequence, dependencies.references
    given = consents.not_older(consents_given, held, number, references, said=event.incoming.time)
    withheld = [consents.answered_name(consent) for consent in data.consents if consent not in given]
    if person.status == "left":
        states = [(PERSON_LEFT, consents.with_given(person, given))]
    else:
        states = [(event.incoming.event_type, person)]
        if given:
            states.append((CONSENT_GIVEN, consents.with_given(person, given)))
    senders = {**held.consent_senders, **{consents.kept_name(consent, references): number for consent in given}}
    held = replace(
        held, arrival=event.content, profile=event.content, opened=latest(number, held.opened), consent_senders=senders
    )
    return _said(event, held, before, {**answer, "withheld": withheld} if withheld else answer, states)


def _left(event: DoorEvent, held: StoredPerson, answer: Answer) -> Effect:
    """Only a later arrival stands against it: that the profile changed since says nothing."""
    number = event.sequence
    if is_older(number, held.opened):
        return Effect(answer, "superseded")
    ended = number if number is not None else latest(held.sender, held.opened)
    after = replace(held, ended=latest(ended, held.ended))
    return _said(event, after, held.state, answer, [(event.incoming.event_type, person_state.left(held.state))])


def _updated(
    event: DoorEvent,
    data: PersonUpdatedAtDoor,
    held: StoredPerson,
    answer: Answer,
    work: UnitOfWork,
    dependencies: Dependencies,
) -> Effect:
    if is_older(event.sequence, held.sender):
        return Effect(answer, "superseded")
    if held.state.status == "left":
        raise Refused(Refusal("person-left", "/data/reference"))
    after = person_state.updated(held.state, event.features)
    if data.identity is None and after.year_of_birth is not None:  # with one it was checked at the door
        findings = Findings(dependencies.pack)
        day = dependencies.day(work.now)
        check_age(str(after.year_of_birth), data.wants.kinds, "/data/wants/kinds", findings, day)
        findings.end()
    record = replace(held, profile=event.content)
    effect = _said(event, record, held.state, answer, [(event.incoming.event_type, after)])
    if data.identity is not None and event.content != held.profile:  # else it is the one that is kept
        effect.saves.append(_with_identity(data.identity, held, work, dependencies))
    return effect


def _consent_changed(
    event: DoorEvent,
    data: ConsentGivenAtDoor | ConsentWithdrawnAtDoor,
    held: StoredPerson,
    answer: Answer,
    dependencies: Dependencies,
) -> Effect:
    if isinstance(data, ConsentGivenAtDoor):
        record, after = consents.given(data, held, event.sequence, dependencies.references, said=event.incoming.time)
    else:
        record, after = consents.withdrawn(data, held, event.sequence, dependencies.references)
    if after is None:
        return Effect(answer, "superseded", thing=record)
    return _changed(record, held.state, answer, [(event.incoming.event_type, after)])


def _said(
    event: DoorEvent,
    held: StoredPerson,
    before: Person | None,
    answer: Answer,
    states: Sequence[tuple[EventType, Person]],
) -> Effect:
    """The same for what is said of the person as a whole: it has a version of its own."""
    return _changed(replace(held, sender=latest(event.sequence, held.sender)), before, answer, states)


def _changed(
    held: StoredPerson, before: Person | None, answer: Answer, states: Sequence[tuple[EventType, Person]]
) -> Effect:
    """The record and the emissions for these states in turn; a state that equals the one before is not emitted."""
    emitted: list[Emission] = []
    for event_type, person in states:
        if person != before:
            emitted.append(Emission(event_type, held.id, held.sequence + len(emitted) + 1, person))
            before = person
    assert before is not None
    return Effect(answer, thing=replace(held, sequence=held.sequence + len(emitted), state=before), emitted=emitted)


def _with_identity(
    identity: Identity, held: StoredPerson, work: UnitOfWork, dependencies: Dependencies
) -> tuple[str, Document]:
    """The identity record with what is said of it; what of it cannot be read erases nothing that is held."""
    record = IDENTITIES.get(work, held.id)
    assert record is not None, "a person without identity record"
    values, stay = (
        identity_rules.values_of(identity, dependencies.pack),
        identity_rules.unreadable(identity, dependencies.pack),
    )
    return IDENTITIES.name, dict(dependencies.vault.with_identity(record, values, stay))


def _known(event: DoorEvent, work: UnitOfWork) -> Reference:
    return Reference.kept_in(event.index, work.get(REFERENCES, event.index))


def _data(event: DoorEvent) -> PersonData:
    data = event.incoming.data
    assert isinstance(data, PersonData)
    return data
