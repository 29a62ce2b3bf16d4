"""What giving and taking back makes of a person. Each consent has the sender's version for itself: an old message never
brings back what was taken back since, and a late withdrawal still holds for what nobody gave anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from services.intake.dependencies import Dependencies
from services.intake.documents import AGENCIES, StoredAgency, StoredPerson
from services.intake.domain import consent_rules
from services.intake.domain.sequence_ordering import (
    MOST_NAMES_OF_A_PERSON,
    floor_of,
    for_everybody,
    is_older,
    latest,
    said_before,
    widened,
)
from services.intake.event_handlers.effect import DoorEvent
from services.intake.identity import References
from shared.events.data_classification import Model
from shared.events.refusal import Refusal, Refused
from shared.events.topics.people import (
    Consent,
    ConsentAtDoor,
    ConsentGivenAtDoor,
    ConsentKey,
    ConsentWithdrawnAtDoor,
    Person,
    PersonAtDoor,
)
from shared.kit.base.ids import random_id
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.screening.findings import Findings


def named(data: Model) -> Sequence[ConsentAtDoor | ConsentKey]:
    """The consents that an event names."""
    if isinstance(data, PersonAtDoor | ConsentGivenAtDoor | ConsentWithdrawnAtDoor):
        return data.consents
    return ()


def the_recipient(agency: str, dependencies: Dependencies) -> Need:
    """Who is named. The database is not asked for what somebody wrote: it logs its slow queries."""
    return Need(AGENCIES, "recipient", dependencies.references.recipient(agency))


def check_recipients(event: DoorEvent, work: UnitOfWork, dependencies: Dependencies) -> Findings:
    """What is wrong with the recipients that the event names, as far as only the store can tell."""
    data = event.incoming.data
    classes = {}
    for recipient in {consent.recipient for consent in named(data) if consent.recipient}:
        for document in work.find(*the_recipient(recipient, dependencies)):
            classes[document["_id"]] = StoredAgency.kept_in(document).state.recipient_class
    findings = Findings(dependencies.pack)
    given = not isinstance(data, ConsentWithdrawnAtDoor)
    consent_rules.check_recipients(named(data), classes, findings, given=given)
    return findings


def given(
    data: ConsentGivenAtDoor, held: StoredPerson, number: int | None, references: References, *, said: datetime
) -> tuple[StoredPerson, Person | None]:
    """The person's record, and the state with these consents; None when all of it is old. Raises Refused."""
    if held.state.status == "left":
        raise Refused(Refusal("person-left", "/data/reference"))
    if number is None:  # who takes back with a number gives with a number: else nobody can tell which came later
        for index, consent in enumerate(data.consents):
            if floor_of(held.taken, kept_name(consent, references)) is not None:
                raise Refused(Refusal("sequence-needed", f"/data/consents/{index}"))
    fresh = not_older(data.consents, held, number, references, said=said)
    if not fresh:
        return held, None
    names = [kept_name(consent, references) for consent in fresh]
    return _said(held, names, number), with_given(held.state, fresh)


def withdrawn(
    data: ConsentWithdrawnAtDoor, held: StoredPerson, number: int | None, references: References
) -> tuple[StoredPerson, Person | None]:
    """The person's record, and the state without these consents; None when all of it is old."""
    named = {kept_name(one, references): one for one in _each(data.consents, held.state)}
    taken = {name: one for name, one in named.items() if not is_older(number, held.consent_senders.get(name))}
    fresh, everybody = list(taken), [kept_name(one, references) for one in data.consents if one.recipient is None]
    floors, senders = dict(held.taken), dict(held.consent_senders)
    for name in (*fresh, *everybody):
        floor = latest(number if number is not None else _said_so_far(held, name), floors.get(name))
        if floor is not None:
            floors[name] = floor
    for name in everybody:
        if number is not None:  # holds for consents that are still on their way, too
            senders[name] = max(number, senders.get(name) or 0)
    after = _said(replace(held, taken=floors, consent_senders=senders), fresh, number)
    return _bounded(after, references), consent_rules.withdraw(held.state, taken.values()) if taken else None


def not_older(
    given: Sequence[ConsentAtDoor], held: StoredPerson, number: int | None, references: References, *, said: datetime
) -> list[ConsentAtDoor]:
    """Those about which the sender has not said something newer, by name or by taking back from everybody. ``said``:
    the sender's time, which is looked at only where the number of what took back is not known any more."""

    def holds(consent: ConsentAtDoor) -> bool:
        name = kept_name(consent, references)
        floor = floor_of(held.taken, name)
        if floor is not None and (number is None or number <= floor):
            return False
        if said_before(said, held.taken_at, name, for_everybody(name)):
            return False
        senders = held.consent_senders
        return not is_older(number, latest(senders.get(name), senders.get(for_everybody(name))))

    return [consent for consent in given if holds(consent)]


def with_given(person: Person, given: Sequence[ConsentAtDoor]) -> Person:
    """The person with these consents. Raises Refused when the contract has no room for so many."""
    after = consent_rules.give(person, given, random_id)
    if consent_rules.too_many(after):
        raise Refused(Refusal("too-many", "/data/consents", {"max_length": consent_rules.MOST}))
    return after


def answered_name(consent: ConsentAtDoor) -> str:
    """The name of a consent in an answer to whoever gave it."""
    return f"{consent.purpose}/{consent.recipient or ''}"


def kept_name(consent: Consent | ConsentAtDoor | ConsentKey, references: References) -> str:
    """Its name in a person's record and in a tombstone."""
    return references.consent(consent.purpose, consent.recipient)


def _said(held: StoredPerson, names: Sequence[str], number: int | None) -> StoredPerson:
    if number is None:
        return held
    return replace(held, consent_senders={**held.consent_senders, **dict.fromkeys(names, number)})


def _bounded(held: StoredPerson, references: References) -> StoredPerson:
    """The record without what grows with every recipient that somebody thinks of."""
    if len(held.taken) <= MOST_NAMES_OF_A_PERSON:
        return held
    floors = widened(held.taken)
    stay = {kept_name(consent, references) for consent in held.state.consents} | floors.keys()
    senders = {name: number for name, number in held.consent_senders.items() if name in stay}
    return replace(held, taken=floors, consent_senders=senders)


def _said_so_far(held: StoredPerson, name: str) -> int | None:
    """The highest number of a consent, or of all of its purpose: what a withdrawal without a number takes back."""
    everybody = name.endswith("/")
    senders = held.consent_senders.items()
    return latest(*(each for other, each in senders if other == name or (everybody and other.startswith(name))))


def _each(keys: Sequence[ConsentKey], person: Person) -> list[ConsentKey]:
    """A purpose named without recipient means every recipient that stands; else the key as it is."""
    found: list[ConsentKey] = []
    for one in keys:
        standing = [c for c in person.consents if c.purpose == one.purpose and one.recipient in (None, c.recipient)]
        found += [ConsentKey(purpose=c.purpose, recipient=c.recipient) for c in standing] or [one]
    return found
