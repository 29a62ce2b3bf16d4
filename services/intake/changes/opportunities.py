"""Events about a job or a programme: the advert as a whole replaces what was said before.

An opportunity's document: `{"_id", "sequence", "owner", "state", "sender", "reference": sealed}`.
"""

from __future__ import annotations

from collections.abc import Iterable

from services.intake.changes.effect import (
    OPPORTUNITIES,
    REFERENCES,
    Accepted,
    Effect,
    Emission,
    Tools,
    dumped,
    is_older,
)
from services.intake.domain import opportunities
from services.intake.identity.references import Family
from shared.events.refusal import Refusal, Refused
from shared.events.topics.opportunities import ClosedAtDoor, JobAtDoor, Opportunity, ProgrammeAtDoor
from shared.kit.ids import random_id
from shared.kit.work import Need, Work

_FIRST = ("job-posted", "programme-opened")


def needs(event: Accepted, work: Work, tools: Tools) -> Iterable[Need]:
    """The reference, then the opportunity."""
    index = _index(event, tools)
    known = work.get(REFERENCES, index)
    found = [Need.by_id(REFERENCES, index)]
    return found if known is None else [*found, Need.by_id(OPPORTUNITIES, known["thing"])]


def decide(event: Accepted, work: Work, tools: Tools) -> Effect:
    """What becomes of the opportunity.

    The same advert posted again is an update, and opens one that was closed. Raises Refused for an unknown reference.
    """
    data = event.incoming.data
    assert isinstance(data, JobAtDoor | ProgrammeAtDoor | ClosedAtDoor)
    index = _index(event, tools)
    known = work.get(REFERENCES, index)
    held = None if known is None else work.get(OPPORTUNITIES, known["thing"])
    saves = []
    if held is None:
        if event.name not in _FIRST:
            raise Refused(Refusal("unknown-reference", "/data/reference"))
        new = random_id()
        reference = tools.sealer.seal(data.reference.encode(), OPPORTUNITIES, new, "reference")
        held = {"_id": new, "sequence": 0, "owner": event.agency, "state": None, "sender": None, "reference": reference}
        saves.append((REFERENCES, {"_id": index, "thing": new}))
    answer = {"opportunity": held["_id"]}
    if is_older(event.incoming.sequence, held["sender"]):
        return Effect(answer, "superseded")
    before = None if held["state"] is None else opportunity_of(held)
    if isinstance(data, ClosedAtDoor):
        assert before is not None
        after = opportunities.closed(before)
    else:
        after = opportunities.opened(held["_id"], event.agency, dict(event.features))
    sender = event.incoming.sequence if event.incoming.sequence is not None else held["sender"]
    emitted = [] if after == before else [Emission(event.incoming.event_type, held["_id"], held["sequence"] + 1, after)]
    document = {**held, "sequence": held["sequence"] + len(emitted), "sender": sender, "state": dumped(after)}
    return Effect(answer, thing=(OPPORTUNITIES, document), saves=saves, emitted=emitted)


def opportunity_of(document: dict[str, object]) -> Opportunity:
    """The state in an opportunity's document."""
    return Opportunity.model_validate(document["state"], strict=False)


def _index(event: Accepted, tools: Tools) -> str:
    data = event.incoming.data
    assert isinstance(data, JobAtDoor | ProgrammeAtDoor | ClosedAtDoor)
    family: Family = "job" if event.name.startswith("job-") else "programme"
    return tools.references.index(family, event.agency, data.reference)
