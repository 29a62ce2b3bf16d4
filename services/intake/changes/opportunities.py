"""Events about a job or a programme: the advert as a whole replaces what was said before.

An opportunity's document: `{"_id", "sequence", "owner", "state", "sender": the owner's version of the advert,
"opened", "ended": its highest versions of an opening and of a closing act, "reference": sealed}`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.intake.changes.early import counted, early_of, remember
from services.intake.changes.effect import (
    OPPORTUNITIES,
    REFERENCES,
    Accepted,
    Effect,
    Emission,
    Tools,
    dumped,
)
from services.intake.domain import opportunities
from services.intake.domain.precedence import had_ended, is_older, latest, remembered_end
from services.intake.identity.references import Family
from shared.events import EventType
from shared.events.refusal import Refusal, Refused
from shared.events.topics.opportunities import (
    JOB_CLOSED,
    PROGRAMME_CLOSED,
    ClosedAtDoor,
    JobAtDoor,
    Opportunity,
    ProgrammeAtDoor,
)
from shared.kit.base.ids import random_id
from shared.kit.store.unit_of_work import Need, UnitOfWork

_FIRST = ("job-posted", "programme-opened")
Document = dict[str, Any]


def needs(event: Accepted, work: UnitOfWork, tools: Tools) -> Iterable[Need]:
    """The reference, then the opportunity."""
    index = _index(event, tools)
    known = work.get(REFERENCES, index)
    found = [Need.by_id(REFERENCES, index)]
    if isinstance(event.incoming.data, ClosedAtDoor):
        found.append(counted(event, work))
    return found if known is None or "thing" not in known else [*found, Need.by_id(OPPORTUNITIES, known["thing"])]


def decide(event: Accepted, work: UnitOfWork, tools: Tools) -> Effect:
    """What becomes of the opportunity.

    Closing is final but for one act: posting it again with a number above the one that closed it. Raises Refused for an
    unknown reference (a closing act is remembered then) and for what would open by the way.
    """
    data = event.incoming.data
    assert isinstance(data, JobAtDoor | ProgrammeAtDoor | ClosedAtDoor)
    index = _index(event, tools)
    known = work.get(REFERENCES, index)
    if known is None or "thing" not in known:
        if isinstance(data, ClosedAtDoor):
            return remember(event, index, remembered_end(early_of(known), event.incoming.sequence), work)
        if event.name not in _FIRST:
            raise Refused(Refusal("unknown-reference", "/data/reference"))
        return _new(event, index, early_of(known), tools)
    held = work.get(OPPORTUNITIES, known["thing"])
    assert held is not None, "a reference without its opportunity"
    before = opportunity_of(held)
    if isinstance(data, ClosedAtDoor):
        return _closed(event, held, before)
    if before.status == "closed":
        return _opened_again(event, held, before)
    return _said_again(event, held, before)


def _new(event: Accepted, index: str, early: Document, tools: Tools) -> Effect:
    new, number = random_id(), event.incoming.sequence
    reference = event.incoming.data.reference  # type: ignore[attr-defined]  # of an advert, see decide
    held: Document = {
        "_id": new,
        "sequence": 0,
        "owner": event.agency,
        "state": None,
        "sender": number,
        "opened": number,
        "reference": tools.sealer.seal(reference.encode(), OPPORTUNITIES, new, "reference"),
    }
    after = opportunities.opened(new, event.agency, dict(event.features))
    if early.get("ended"):
        held["ended"] = latest(early.get("by"), number if early.get("by") is None else None)
    if had_ended(early, number):  # closed from its first word on: nobody is told that it was open
        effect = _changed(event, held, None, opportunities.closed(after), _closing(event))
        effect.answer["withheld"] = ["open"]
    else:
        effect = _changed(event, held, None, after)
    effect.saves.append((REFERENCES, {"_id": index, "thing": new}))
    return effect


def _closed(event: Accepted, held: Document, before: Opportunity) -> Effect:
    """Only a later opening act stands against it: that the advert changed since says nothing."""
    number, opened = event.incoming.sequence, _opened(held)
    if is_older(number, opened):
        return Effect({"opportunity": held["_id"]}, "superseded")
    ended = number if number is not None else latest(held["sender"], opened)
    return _changed(event, {**held, "ended": latest(ended, held.get("ended"))}, before, opportunities.closed(before))


def _opened_again(event: Accepted, held: Document, before: Opportunity) -> Effect:
    number, ended = event.incoming.sequence, held.get("ended", held["sender"])
    if number is not None and ended is not None and number <= ended:
        return Effect({"opportunity": held["_id"]}, "superseded")
    if event.name not in _FIRST or number is None:
        raise Refused(Refusal("opportunity-closed", "/data/reference"))
    after = _advert(event, held, before).model_copy(update={"status": "open"})
    opened = {**held, "sender": latest(number, held["sender"]), "opened": number}
    return _changed(event, opened, before, after)


def _said_again(event: Accepted, held: Document, before: Opportunity) -> Effect:
    """An open advert told anew: an update, or a posting that says it again."""
    number, first = event.incoming.sequence, event.name in _FIRST
    after = _advert(event, held, before)
    kept = {**held, "sender": latest(number, held["sender"])}
    kept["opened"] = latest(number, _opened(held)) if first else _opened(held)
    effect = _changed(event, kept, before, after)
    if is_older(number, held["sender"]):
        effect.status = "superseded"
    elif first and after == before:
        effect.status = "duplicate"
    return effect


def _advert(event: Accepted, held: Document, before: Opportunity) -> Opportunity:
    """The advert that holds: this one, or a newer one that came before."""
    if is_older(event.incoming.sequence, held["sender"]):
        return before
    return opportunities.opened(held["_id"], event.agency, dict(event.features))


def _changed(
    event: Accepted, held: Document, before: Opportunity | None, after: Opportunity, said: EventType | None = None
) -> Effect:
    type = said or event.incoming.event_type
    emitted = [] if after == before else [Emission(type, held["_id"], held["sequence"] + 1, after)]
    document = {**held, "sequence": held["sequence"] + len(emitted), "state": dumped(after)}
    return Effect({"opportunity": held["_id"]}, thing=(OPPORTUNITIES, document), emitted=emitted)


def _opened(held: Document) -> int | None:
    number: int | None = held.get("opened", held["sender"])
    return number


def _closing(event: Accepted) -> EventType:
    return JOB_CLOSED if event.name.startswith("job-") else PROGRAMME_CLOSED


def opportunity_of(document: dict[str, object]) -> Opportunity:
    """The state in an opportunity's document."""
    return Opportunity.model_validate(document["state"], strict=False)


def _index(event: Accepted, tools: Tools) -> str:
    data = event.incoming.data
    assert isinstance(data, JobAtDoor | ProgrammeAtDoor | ClosedAtDoor)
    family: Family = "job" if event.name.startswith("job-") else "programme"
    return tools.references.index(family, event.agency, data.reference)
