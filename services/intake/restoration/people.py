"""People as they were told since the copy: taken back in, and said anew where that is not what holds.

Who came after the copy cannot be found again by a reference, for the bus carries none: they are told as having left,
and arrive anew when their agency says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.intake.dependencies import Dependencies
from services.intake.documents import AGENCIES, LEAVING, PEOPLE, StoredAgency, StoredPerson
from services.intake.domain import consent_rules, person_state
from services.intake.domain.raised_prohibitions import has_left, permitted, raised, taken_back
from services.intake.event_handlers.effect import Effect, Emission
from services.intake.event_handlers.publish import publish
from services.intake.identity import References
from services.intake.last_published import Causation, KeptFloors, LastPublished
from services.intake.restoration.own_topics import latest_time
from services.intake.restoration.to_do import TO_DO, ToDo
from shared.events import Event
from shared.events.topics.people import CONSENT_LAPSED, CONSENT_WITHDRAWN, PERSON_LEFT, ConsentKey, Person
from shared.events.topics.prohibitions import Floors, merged
from shared.kit.base.ids import random_id
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import Need, UnitOfWork

Forbidden = Iterable[tuple[str, str | None]]


def state_told(event: Event[Any], references: References) -> Operation[None]:
    """A person's state was told. Of two that are newer each by another measure, number and time, nobody can say which
    one came last: what only one of them allows is held back."""
    person: Person = event.data

    def do(work: UnitOfWork) -> None:
        document, number = work.get(PEOPLE, person.person), event.sequence or 0
        if document is None:
            work.save(PEOPLE, _nobody_we_know(event).document())
            _note(work, person.person)
            return
        held = StoredPerson.kept_in(document)
        moment = Causation.of(event).recordedtime
        known = moment if held.last is None else held.last.causation.recordedtime
        newer = number > held.sequence
        if not newer and _milliseconds(moment) <= _milliseconds(known):
            return
        if newer and _milliseconds(moment) >= _milliseconds(known):
            work.save(PEOPLE, _following(held, event, references).document())
            return
        either = {*taken_back(held.state, person), *taken_back(person, held.state)}  # from here on, whatever follows
        _note(work, person.person, either, left="left" in (held.state.status, person.status))
        if newer:
            work.save(PEOPLE, _following(held, event, references).document())

    return Operation(lambda work: _needs(person.person), do)


def floors_told(event: Event[Any], references: References) -> Operation[None]:
    """A person's floors were told. Where they forbid more than the newest state that was told, that state was about to
    be followed by one that was not."""
    told: Floors = event.data

    def do(work: UnitOfWork) -> None:
        document = work.get(PEOPLE, told.person)
        if document is None:
            return
        held = StoredPerson.kept_in(document)
        floors = merged(Floors(person=held.id) if held.floors is None else held.floors.state, told)
        allowed = permitted(held.state, held.sequence, floors)
        if allowed != held.state:
            _note(work, held.id, taken_back(held.state, allowed), left=allowed.status != "active")
            held = replace(held, taken_at=_marked(held, allowed, latest_time(event), references))
        elif held.floors is not None and floors == held.floors.state and (event.sequence or 0) <= held.sequence:
            return
        kept = KeptFloors(event.sequence or 0, floors, Causation.of(event))
        if held.floors is not None and held.floors.sequence > kept.sequence:
            kept = replace(held.floors, state=floors)
        work.save(PEOPLE, replace(held, sequence=max(held.sequence, kept.sequence), floors=kept).document())

    return Operation(lambda work: _needs(told.person), do)


def said_anew(id: str, dependencies: Dependencies) -> Operation[None]:
    """What is to be said of a person, under the next number."""

    def needs(work: UnitOfWork) -> Iterable[Need]:
        yield from _needs(id)
        if (document := work.get(PEOPLE, id)) is not None:
            yield Need.by_id(AGENCIES, document["owner"])

    def do(work: UnitOfWork) -> None:
        to_do, document = TO_DO.get(work, _name(id)), work.get(PEOPLE, id)
        if to_do is None or document is None:
            return
        held = StoredPerson.kept_in(document)
        if _is_nobody_we_know(held):
            state = held.state  # nothing else of somebody whom nobody can name any more
            after = Person(person=state.person, status="left", owner=state.owner, aliases=state.aliases)
            _tell_the_owner(held, dependencies.references, work)
        else:
            keys = [ConsentKey(purpose=purpose or "", recipient=who) for purpose, who in to_do.get("forbidden", ())]
            after = consent_rules.withdraw(held.state, keys)
            after = person_state.left(after) if to_do.get("left") else after
        TO_DO.delete(work, _name(id))
        if after == held.state:  # it was told so already
            return
        kind = CONSENT_WITHDRAWN if after.status == "active" else PERSON_LEFT
        sequence = held.sequence + 1
        effect = Effect(
            {},
            thing=replace(held, sequence=sequence, state=after),
            emitted=[Emission(kind, id, sequence, after)],
        )
        causation = Causation(correlationid=random_id(), causationid=random_id(), time=work.now, recordedtime=work.now)
        publish(effect, causation, work, dependencies.ids)

    return Operation(needs, do)


def _following(held: StoredPerson, event: Event[Any], references: References) -> StoredPerson:
    """The person as they were told next."""
    person: Person = event.data
    causation, number = Causation.of(event), event.sequence or 0
    last = LastPublished.by(event.event_type, causation)
    after = replace(held, sequence=max(number, held.sequence), state=person, last=last)
    if event.event_type is CONSENT_LAPSED:  # the clock's word, not the sender's
        return after
    before = Floors(person=held.id) if held.floors is None else held.floors.state
    floors = raised(before, held.state, person, number)
    if floors != before:
        after = replace(after, floors=KeptFloors(number, floors, causation))
    return replace(after, taken_at=_marked(held, person, latest_time(event), references))


def _marked(held: StoredPerson, after: Person, said: datetime, references: References) -> dict[str, datetime]:
    """Until when what was taken back by this was taken back. Who has left has taken back all."""
    left = has_left(held.state, after)
    taken = [(c.purpose, c.recipient) for c in held.state.consents] if left else taken_back(held.state, after)
    names = [references.consent(purpose, recipient) for purpose, recipient in taken]
    marks = dict(held.taken_at)
    for name in [*names, LEAVING] if left else names:
        marks[name] = max(said, marks.get(name, said))
    return marks


def _tell_the_owner(held: StoredPerson, references: References, work: UnitOfWork) -> None:
    """Whoever of this agency arrives anew may be the one who took something back: they arrive without that."""
    document = work.get(AGENCIES, held.owner)
    if document is None or not held.taken_at:
        return
    agency = StoredAgency.kept_in(document)
    marks = dict(agency.taken_at)
    for name, at in held.taken_at.items():
        if name != LEAVING:
            marks[name] = max(at, marks.get(name, at))
    work.save(AGENCIES, replace(agency, taken_at=marks).document())


def _nobody_we_know(event: Event[Any]) -> StoredPerson:
    person: Person = event.data
    return StoredPerson(
        id=person.person,
        sequence=event.sequence or 0,
        owner=person.owner,
        state=person,
        arrival="",
        profile="",
        last=LastPublished.by(event.event_type, Causation.of(event)),
    )


def _is_nobody_we_know(person: StoredPerson) -> bool:
    return not person.arrival


def _note(work: UnitOfWork, person: str, forbidden: Forbidden = (), *, left: bool = False) -> None:
    known = TO_DO.get(work, _name(person)) or ToDo(_id=_name(person))
    both = {*forbidden, *((str(purpose), who) for purpose, who in known.get("forbidden", ()))}
    listed: list[list[str | None]] = [[purpose, who] for purpose, who in sorted(both, key=str)]
    TO_DO.save(work, ToDo(_id=_name(person), forbidden=listed, left=left or known.get("left", False)))


def _needs(person: str) -> list[Need]:
    return [Need.by_id(PEOPLE, person), TO_DO.by_id(_name(person))]


def _name(person: str) -> str:
    return f"people/{person}"


def _milliseconds(moment: datetime) -> datetime:
    """As it is kept."""
    return moment.replace(microsecond=moment.microsecond // 1_000 * 1_000)
