"""From an event to what is published: identity in a box, and nothing else that may name a person. Pure.

What lies in a topic stays there until its retention ends, also when intake refuses it. So only the attributes that the
door goes by are published, no number or name that the pack refuses, and an event about a person only when all of it is
of the contract's form: a name in a field that is not the identity's (`idenity`) would travel in clear. What is not is
refused here, in the words of the door. Not guaranteed: whoever writes a name into an id, a reference or an advert's
title publishes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from clients.ieum.api_client import Json, encoded
from shared.events.data_classification import DataClass, highest_class
from shared.events.http_binding import with_data
from shared.events.identity_boxes import seal
from shared.events.incoming import Incoming, Unfit, read
from shared.events.limits import check_structure
from shared.events.refusal import Refusal, Refused
from shared.events.registry import EventType
from shared.reference import Pack
from shared.screening.sensitive_data import NeverCollected

HEADERS: list[tuple[str, str | bytes | None]] = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
# The others, extensions too, change nothing at the door: they would only lie there to be read.
_SENT = ("specversion", "id", "source", "type", "time", "dataschema", "sequence", "actor", "testrun", "data")
_WORKER = re.compile(r"[!-~]+")  # a number and a role, as `w-17/counsellor`: nobody's name


@dataclass(frozen=True, slots=True)
class Record:
    """What is published; `warnings`: of what is left out that may have been meant for something."""

    value: bytes
    warnings: list[Json]


class Records:
    """Makes them, sealed to the public key `public`. Made once."""

    def __init__(self, public: bytes, pack: Pack) -> None:
        self._public, self._pack = public, pack
        self._never = NeverCollected(pack)

    def of(self, event: Json) -> Record | Json:
        """The record, or an answer like the door's why it is not published."""
        try:
            event = with_data(event)
            contents = check_structure(event)
            if never := self._never.find(event, contents)[0]:
                raise Refused(*never)
            incoming = _read(event)
        except Refused as refused:
            return {"status": "refused", "problem": {"errors": [self._finding(each) for each in refused.refusals]}}
        sent = {name: event[name] for name in _SENT if name in event}
        data = sent["data"]
        if "identity" in data:
            sent["data"] = {**data, "identity": seal(data["identity"], self._public, event["source"], event["id"])}
        return Record(encoded(sent), [self._finding(each) for each in incoming.warnings])

    def _finding(self, refusal: Refusal) -> Json:
        remedy = self._pack.remedy(refusal.rule, refusal.field, refusal.values)
        return {"field": refusal.field, "rule": refusal.rule, "remedy": remedy}


def _read(event: Json) -> Incoming:
    """Raises Refused for what is not published as it is. An advert with a wrong value is, so that the door keeps what
    was wrong with it; with a field that the contract does not know it is not, for it may be about a person."""
    try:
        incoming = read(event)
    except Unfit as unfit:
        if unfit.rest is None or not _about_nobody(unfit.rest.event_type):
            raise
        if any(each.rule == "unknown-field" for each in unfit.refusals):
            raise
        incoming = unfit.rest
    if incoming.actor is not None and _WORKER.fullmatch(incoming.actor) is None:
        raise Refused(Refusal("wrong-form", "/actor"))
    return incoming


def _about_nobody(event_type: EventType) -> bool:
    """By the data classes of all that it can say."""
    return event_type.door is not None and highest_class(event_type.door) is DataClass.PUBLIC
