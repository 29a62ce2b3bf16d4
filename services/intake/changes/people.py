"""Events about a person: who it is, what is said, and the one or two events that follow on the bus.

A person's document: `{"_id", "sequence", "owner", "state", "sender": the owner's version of the profile, "opened",
"ended": its highest versions of arriving and of leaving, "consent_senders": {"purpose/recipient": its version},
"taken": {the same: the version up to which it was taken back}, "arrival": content of the arrival, "ends": first last
day}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from services.intake.changes.early import counted, early_of, remember
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
)
from services.intake.domain import consents, people
from services.intake.domain.findings import Findings
from services.intake.domain.precedence import (
    floor_of,
    had_ended,
    is_older,
    kept_floors,
    latest,
    remembered_end,
    remembered_withdrawal,
    was_taken,
)
from shared.events import EventType
from shared.events.refusal import Refusal, Refused
from shared.events.topics.people import (
    CONSENT_GIVEN,
    PERSON_LEFT,
    TRAINEE_GRADUATED,
    ConsentAtDoor,
    ConsentGivenAtDoor,
    ConsentKey,
    ConsentWithdrawnAtDoor,
    Person,
    PersonAtDoor,
    PersonLeftAtDoor,
    PersonUpdatedAtDoor,
)
from shared.kit.base.ids import random_id
from shared.kit.store.unit_of_work import Need, UnitOfWork

PersonData = PersonAtDoor | PersonUpdatedAtDoor | PersonLeftAtDoor | ConsentGivenAtDoor | ConsentWithdrawnAtDoor
Document = dict[str, Any]


def needs(event: Accepted, work: UnitOfWork, tools: Tools) -> Iterable[Need]:
    """The reference, then the person and their identity; the agencies that consents name."""
    data = event.incoming.data
    index = _index(event, tools)
    found = [Need.by_id(REFERENCES, index)]
    found += [Need.by_id(AGENCIES, consent.recipient) for consent in _consents(data) if consent.recipient]
    if isinstance(data, ConsentWithdrawnAtDoor | PersonLeftAtDoor):
        found.append(counted(event, work))
    known = work.get(REFERENCES, index)
    if known is not None and "thing" in known:
        found.append(Need.by_id(PEOPLE, known["thing"]))
        if isinstance(data, PersonAtDoor | PersonUpdatedAtDoor):
            found.append(Need.by_id(IDENTITIES, known["thing"]))
    return found


def decide(event: Accepted, work: UnitOfWork, tools: Tools) -> Effect:
    """What becomes of the person. Raises Refused for what only the store can tell is wrong."""
    data = event.incoming.data
    if isinstance(data, ConsentWithdrawnAtDoor):
        return _withdrawn(event, data, work, tools)
    _check_recipients(event, data, work, tools).end()
    return _decided(event, data, work, tools)


def _withdrawn(event: Accepted, data: ConsentWithdrawnAtDoor, work: UnitOfWork, tools: Tools) -> Effect:
    """Refused when it names a purpose or recipient that is not known, for it may be a slip of the pen; but what can be
    understood of it holds, and what it says of a recipient that is yet to be registered is remembered."""
    findings = _check_recipients(event, data, work, tools)
    understood = consents.check_withdrawn(data.consents, findings)
    if not understood:
        findings.end()
    effect = _decided(event, data.model_copy(update={"consents": tuple(understood)}), work, tools)
    effect.refusals = (*findings.refusals, *effect.refusals)
    return effect


def _decided(event: Accepted, data: object, work: UnitOfWork, tools: Tools) -> Effect:
    index = _index(event, tools)
    known = work.get(REFERENCES, index)
    if known is None or "thing" not in known:
        return _of_unknown(event, data, index, early_of(known), work, tools)
    held = work.get(PEOPLE, known["thing"])
    assert held is not None, "a reference without its person"
    effect = _of_known(event, data, held, work, tools)
    effect.person = held["_id"]
    return effect


def _of_unknown(event: Accepted, data: object, index: str, early: Document, work: UnitOfWork, tools: Tools) -> Effect:
    """Who arrives, arrives under what was ended or taken back before; what ends or takes back is remembered."""
    number = event.incoming.sequence
    if isinstance(data, PersonAtDoor):
        return _new(event, data, early, tools)
    if isinstance(data, PersonLeftAtDoor):
        return remember(event, index, remembered_end(early, number), work)
    if isinstance(data, ConsentWithdrawnAtDoor):
        keys = [(consent.purpose, consent.recipient) for consent in data.consents]
        return remember(event, index, remembered_withdrawal(early, keys, number), work)
    raise Refused(Refusal("unknown-reference", "/data/reference"))


def _of_known(event: Accepted, data: object, held: Document, work: UnitOfWork, tools: Tools) -> Effect:
    answer: dict[str, Any] = {"alias": people.alias_of(_person(held), event.agency) or ""}
    if isinstance(data, ConsentGivenAtDoor | ConsentWithdrawnAtDoor):
        return _consent_changed(event, data, held, answer)
    if isinstance(data, PersonLeftAtDoor):
        return _left(event, held, answer)
    if isinstance(data, PersonAtDoor):
        return _arrived_again(event, data, held, answer, work, tools)
    assert isinstance(data, PersonUpdatedAtDoor)
    return _updated(event, data, held, answer, work, tools)


def document_of(person: Person, held: Document, sequence: int) -> Document:
    """The person's document with this state."""
    return {**held, "sequence": sequence, "state": dumped(person), "ends": consents.first_end(person)}


def person_of(document: Document) -> Person:
    """The state in a person's document."""
    return Person.model_validate(document["state"], strict=False)


_person = person_of


def _new(event: Accepted, data: PersonAtDoor, early: Document, tools: Tools) -> Effect:
    number = event.incoming.sequence
    person = people.arrived(random_id(), event.agency, event.features, random_id)
    held: Document = {
        "_id": person.person,
        "sequence": 0,
        "owner": event.agency,
        "state": None,
        "consent_senders": {},
        "taken": kept_floors(early, number),
    }
    if early.get("ended"):
        held["ended"] = latest(early.get("by"), number if early.get("by") is None else None)
    given = [c for c in data.consents if not was_taken(early, c.purpose, c.recipient, number)]
    answer = {"alias": people.alias_of(person, event.agency) or ""}
    left = had_ended(early, number)
    effect = _arrival(event, data, held, people.left(person) if left else person, answer, given)
    if left:  # from the first word on: nobody is told that they were here
        effect.answer["withheld"] = ["active", *effect.answer.get("withheld", ())]
    effect.saves.append((REFERENCES, {"_id": _index(event, tools), "thing": person.person}))
    effect.saves.append((IDENTITIES, tools.vault.new_record(person.person, data.reference, data.identity)))
    effect.person = person.person
    return effect


def _arrived_again(
    event: Accepted, data: PersonAtDoor, held: Document, answer: dict[str, Any], work: UnitOfWork, tools: Tools
) -> Effect:
    """The same arrival under another id changes nothing; somebody who had left comes back by an act that is none of
    before; else it is a mistake."""
    person, number = _person(held), event.incoming.sequence
    opened = {
        **held,
        "opened": latest(number, _opened(held)),
    }  # also when it says nothing else: leaving before it is old
    if person.status == "active":
        if is_older(number, held["sender"]):
            return Effect(answer, "superseded", thing=(PEOPLE, opened))
        if held["arrival"] == event.content:
            return Effect(answer, "duplicate", thing=(PEOPLE, opened))
        raise Refused(Refusal("already-known", "/data/reference"))
    ended = held.get("ended", held["sender"])
    if ended is not None:
        if number is None:
            raise Refused(Refusal("sequence-needed", "/sequence"))
        if number <= ended:
            return Effect(answer, "superseded")
    elif number is None and held["arrival"] == event.content:
        return Effect(answer, "duplicate")
    elif number is None and event.name == TRAINEE_GRADUATED.name:
        raise Refused(Refusal("person-left", "/data/reference"))
    features = people.features_of(person) if is_older(number, held["sender"]) else event.features
    effect = _arrival(event, data, opened, people.returned(person, features), answer, data.consents)
    effect.saves.append((IDENTITIES, tools.vault.with_identity(_identity(held, work), data.identity)))
    return effect


def _arrival(
    event: Accepted,
    data: PersonAtDoor,
    held: Document,
    person: Person,
    answer: dict[str, Any],
    consents_given: Sequence[ConsentAtDoor],
) -> Effect:
    """`withheld` in the answer: the consents that somebody has taken back since they were given."""
    senders = held["consent_senders"]
    given = _not_older(consents_given, event, held)
    withheld = [_key(consent) for consent in data.consents if consent not in given]
    if person.status == "left":
        states = [(PERSON_LEFT, _with(person, given))]
    else:
        states = [(event.incoming.event_type, person)]
        if given:
            states.append((CONSENT_GIVEN, _with(person, given)))
    held["arrival"] = event.content
    held["opened"] = latest(event.incoming.sequence, held.get("opened"))
    senders |= {_key(consent): event.incoming.sequence for consent in given}
    return _changed(event, held, {**answer, "withheld": withheld} if withheld else answer, states)


def _left(event: Accepted, held: Document, answer: dict[str, Any]) -> Effect:
    """Only a later arrival stands against it: that the profile changed since says nothing."""
    number, opened = event.incoming.sequence, _opened(held)
    if is_older(number, opened):
        return Effect(answer, "superseded")
    ended = number if number is not None else latest(held["sender"], opened)
    held = {**held, "ended": latest(ended, held.get("ended"))}
    return _changed(event, held, answer, [(event.incoming.event_type, people.left(_person(held)))])


def _updated(
    event: Accepted, data: PersonUpdatedAtDoor, held: Document, answer: dict[str, Any], work: UnitOfWork, tools: Tools
) -> Effect:
    if is_older(event.incoming.sequence, held["sender"]):
        return Effect(answer, "superseded")
    person = _person(held)
    if person.status == "left":
        raise Refused(Refusal("person-left", "/data/reference"))
    effect = _changed(event, held, answer, [(event.incoming.event_type, people.updated(person, event.features))])
    if data.identity is not None:
        effect.saves.append((IDENTITIES, tools.vault.with_identity(_identity(held, work), data.identity)))
    return effect


def _consent_changed(
    event: Accepted, data: ConsentGivenAtDoor | ConsentWithdrawnAtDoor, held: Document, answer: dict[str, Any]
) -> Effect:
    """Each consent has the sender's version for itself: an old message never brings back what was taken back since,
    and a late withdrawal still holds for what nobody gave anew."""
    senders, person, number = held["consent_senders"], _person(held), event.incoming.sequence
    if isinstance(data, ConsentGivenAtDoor):
        if person.status == "left":
            raise Refused(Refusal("person-left", "/data/reference"))
        _check_counted(data.consents, held, number)
        given = _not_older(data.consents, event, held)
        fresh, after = [_key(consent) for consent in given], _with(person, given)
    else:
        taken = _each(data.consents, person)
        taken = [key for key in taken if not is_older(number, senders.get(_key(key)))]
        fresh, after = [_key(key) for key in taken], consents.withdraw(person, taken)
        floors = _floors_raised(data.consents, fresh, held, number)
        for everybody in (_key(key) for key in data.consents if key.recipient is None):
            if number is not None:  # holds for consents that are still on their way, too
                senders[everybody] = max(number, senders.get(everybody) or 0)
        held["taken"] = floors
    if not fresh:
        return Effect(answer, "superseded", thing=(PEOPLE, held))
    senders |= {key: number for key in fresh if number is not None}
    return _changed(event, held, answer, [(event.incoming.event_type, after)])


def _floors_raised(
    named: Sequence[ConsentKey], fresh: Sequence[str], held: Document, number: int | None
) -> dict[str, int]:
    """The floors after a withdrawal. One without a number takes back everything that was said so far."""
    floors: dict[str, int] = dict(held.get("taken", {}))
    senders: dict[str, int | None] = held["consent_senders"]
    for key in (*fresh, *(_key(one) for one in named if one.recipient is None)):
        everybody = key.endswith("/")
        said = [each for other, each in senders.items() if other == key or (everybody and other.startswith(key))]
        floor = latest(number if number is not None else latest(*said), floors.get(key))
        if floor is not None:
            floors[key] = floor
    return floors


def _check_counted(given: Sequence[ConsentAtDoor], held: Document, number: int | None) -> None:
    """Who takes back with a number gives with a number: without one nobody can tell which came later."""
    if number is None:
        for index, consent in enumerate(given):
            if floor_of(held.get("taken", {}), consent.purpose, consent.recipient) is not None:
                raise Refused(Refusal("sequence-needed", f"/data/consents/{index}"))


def _not_older(given: Sequence[ConsentAtDoor], event: Accepted, held: Document) -> list[ConsentAtDoor]:
    """Those about which the sender has not said something newer, by name or by taking back from everybody."""
    number, senders = event.incoming.sequence, held["consent_senders"]

    def holds(consent: ConsentAtDoor) -> bool:
        floor = floor_of(held.get("taken", {}), consent.purpose, consent.recipient)
        if floor is not None and (number is None or number <= floor):
            return False
        return not is_older(number, latest(senders.get(_key(consent)), senders.get(f"{consent.purpose}/")))

    return [consent for consent in given if holds(consent)]


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
    event: Accepted, held: Document, answer: dict[str, Any], states: Sequence[tuple[EventType, Person]]
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
        document["sender"] = latest(event.incoming.sequence, held.get("sender"))
    return Effect(answer, thing=(PEOPLE, document), emitted=emitted)


def _check_recipients(event: Accepted, data: object, work: UnitOfWork, tools: Tools) -> Findings:
    named = _consents(data)
    classes = {}
    for consent in named:
        agency = work.get(AGENCIES, consent.recipient) if consent.recipient else None
        if agency is not None:
            classes[agency["_id"]] = agency["state"]["recipient_class"]
    findings = Findings(tools.pack)
    consents.check_recipients(named, classes, findings, given=not isinstance(data, ConsentWithdrawnAtDoor))
    return findings


def _consents(data: object) -> Sequence[ConsentAtDoor | ConsentKey]:
    if isinstance(data, PersonAtDoor | ConsentGivenAtDoor | ConsentWithdrawnAtDoor):
        return data.consents
    return ()


def _opened(held: Document) -> int | None:
    number: int | None = held.get("opened", held["sender"])
    return number


def _identity(held: Document, work: UnitOfWork) -> Document:
    record = work.get(IDENTITIES, held["_id"])
    assert record is not None, "a person without identity record"
    return record


def _index(event: Accepted, tools: Tools) -> str:
    data = event.incoming.data
    assert isinstance(data, PersonData)
    return tools.references.index("person", event.agency, data.reference)


def _key(consent: ConsentAtDoor | ConsentKey) -> str:
    return f"{consent.purpose}/{consent.recipient or ''}"
