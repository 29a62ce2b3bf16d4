"""From an event to what is published: identity in a box, and nothing else that may name a person. Pure.

What lies in a topic stays there until its retention ends, also when intake refuses it. So an event of a type that holds
an identity, or of no known type, is published only when all of it is of the contract's form: a name in a field that is
not the identity's (`idenity`) would travel in clear. It is refused here then, in the words of the door.
"""

from __future__ import annotations

from clients.ieum.hub import Json, encoded
from shared.events.boxes import seal
from shared.events.http_binding import read, with_data
from shared.events.limits import check_structure
from shared.events.refusal import Refusal, Refused
from shared.events.registry import registry
from shared.reference import Pack

HEADERS: list[tuple[str, str | bytes | None]] = [("content-type", b"application/cloudevents+json; charset=UTF-8")]


def record_of(event: Json, public: bytes, pack: Pack) -> bytes | Json:
    """The value of the record, or an answer like the door's why it is not published."""
    try:
        event = with_data(event)
        if _names_nobody(event):
            return encoded(event)
        check_structure(event)
        read(event)
    except Refused as refused:
        return {"status": "refused", "problem": {"errors": [_finding(each, pack) for each in refused.refusals]}}
    data = event["data"]
    if "identity" in data:
        data = {**data, "identity": seal(data["identity"], public, event["source"], event["id"])}
    return encoded({**event, "data": data})


def _names_nobody(event: Json) -> bool:
    """Whether it is of a type without identity, and has none."""
    name, data = event.get("type"), event.get("data")
    versions = registry.versions(name) if isinstance(name, str) else []
    models = [each.door.model_fields for each in versions if each.door is not None]
    return bool(models) and not any("identity" in each for each in models) and "identity" not in (data or ())


def _finding(refusal: Refusal, pack: Pack) -> Json:
    remedy = pack.remedy(refusal.rule, refusal.field, refusal.values)
    return {"field": refusal.field, "rule": refusal.rule, "remedy": remedy}
