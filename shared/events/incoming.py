"""An event from outside: whether its envelope is sound, and its data what the door takes of its type."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeGuard

from pydantic import ValidationError

from shared.events.data_classification import Model
from shared.events.envelope import parse_time, resolve_type
from shared.events.limits import MOST_ATTRIBUTES, SEQUENCE_DIGITS, bounded_sequence
from shared.events.refusal import MOST_ENUMERATED, MOST_NAMED, Refusal, Refused, nearest, refusals_of
from shared.events.registry import EventType
from shared.events.unicode_normalization import composed

LONGEST_ID = 200
ATTRIBUTES = {
    "specversion", "type", "source", "id", "time", "datacontenttype", "dataschema", "subject", "data",
    "partitionkey", "sequence", "sequencetype", "correlationid", "causationid", "recordedtime", "traceparent",
    "tracestate", "dataclassification", "actor", "testrun",
}  # fmt: skip
_DECISIVE = {"sequence", "testrun"}  # without them the event would have another effect than was meant
_EXTENSION = re.compile(r"[a-z0-9]{1,64}", re.ASCII)  # what CloudEvents allows as the name of an attribute
MOST_NAMES = 200  # fields of an event's data that are looked at once more when some of them do not fit
# what a rule reckons with besides the field that it is about: without it nothing can be said
_HOURS = frozenset({"hours_per_week", "hours_per_day"})
_RECKONED_WITH = {"wage-below-minimum": _HOURS, "wage-too-high": _HOURS}
# nothing that was parsed holds itself
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), check_circular=False).encode


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """An event from outside whose envelope is sound and whose data fits the door's model of its type.

    ``sequence`` is the sender's own version of the thing, if it counts; ``content`` the canonical bytes of type, schema
    and data, for "the same id with other content" (personal: only to be hashed with a key, never kept). ``warnings``:
    what was passed over although it may have been meant for something.
    """

    id: str
    source: str
    event_type: EventType
    time: datetime
    data: Model
    content: bytes
    sequence: int | None = None
    actor: str | None = None
    traceparent: str | None = None
    testrun: bool = False
    warnings: tuple[Refusal, ...] = ()


class Unfit(Refused):
    """Data that does not fit its model, in a sound envelope.

    ``rest``: the event as if it did, for whoever looks for what else is wrong with it: without the ``places`` (fields
    below data) that do not fit, or with an example's values there, so that nothing found there counts. None when
    nothing can be said.
    """

    rest: Incoming | None = None
    places: frozenset[str] = frozenset()

    def besides(self, found: Iterable[Refusal]) -> list[Refusal]:
        """Those that are not about such a place or reckoned with one, nor with one whose name is misspelled."""
        wrong = self.places.union(str(one.values.get("nearest")) for one in self.refusals)
        return [
            one
            for one in found
            if wrong.isdisjoint(one.field.split("/")[2:3]) and wrong.isdisjoint(_RECKONED_WITH.get(one.rule, ()))
        ]


def read(item: Mapping[str, Any], *, is_composed: bool = False) -> Incoming:
    """Check one event's envelope and data against the contract. Raises Refused with every finding; Unfit when only the
    data is wrong. ``is_composed``: its texts surely are."""
    found: list[Refusal] = []
    if item.get("specversion") != "1.0":
        found.append(Refusal("unknown-version", "/specversion"))
    texts, warnings = _texts(item, found), _unknown(item, found)
    moment = _time(item.get("time"), found)
    sequence = _sequence(item.get("sequence"), found)
    testrun = item.get("testrun")
    if not isinstance(testrun, bool) and (isinstance(testrun, int) or testrun not in (None, "true", "false")):
        found.append(Refusal("wrong-form", "/testrun"))
    for name in ("dataschema", "actor", "traceparent", "subject"):
        if item.get(name) is not None and not _is_text(item[name]):
            found.append(Refusal("wrong-form", f"/{name}"))
    if found:
        raise Refused(*found)
    event_type = resolve_type(texts["type"], item.get("dataschema"))
    if event_type.door is None:
        raise Refused(Refusal("not-for-the-door", "/type"))
    if "data" not in item:
        raise Refused(Refusal("missing-field", "/data"))
    given = item["data"] if is_composed else composed(item["data"])
    said = _CANONICAL(given)
    unfit: Unfit | None = None
    try:
        data = event_type.door.model_validate_json(said)
    except ValidationError as error:
        unfit = Unfit(*refusals_of(error, event_type.door, example=event_type.door_example))
        if error.error_count() > MOST_ENUMERATED:  # each would be made to say where it is
            raise unfit from None
        unfit.places = frozenset(str(each["loc"][0]) for each in error.errors(include_input=False) if each["loc"])
        fitting = _fitting(given, unfit.places, event_type)
        if fitting is None:
            raise unfit from None
        data = fitting
    assert moment is not None
    incoming = Incoming(
        id=texts["id"],
        source=texts["source"],
        event_type=event_type,
        time=moment,
        data=data,
        content=f'["{event_type.name}",{event_type.version},{said}]'.encode(),
        sequence=sequence,
        actor=item.get("actor"),
        traceparent=item.get("traceparent"),
        testrun=testrun in (True, "true"),
        warnings=tuple(warnings),
    )
    if unfit is not None:
        unfit.rest = incoming
        raise unfit
    return incoming


def _texts(item: Mapping[str, Any], found: list[Refusal]) -> dict[str, str]:
    """The texts that every event has; what is wrong with one is added."""
    texts: dict[str, str] = {}
    for name in ("id", "source", "type"):
        value = item.get(name)
        if _is_text(value) and value:
            texts[name] = value
        else:
            found.append(Refusal("missing-field" if value in (None, "") else "wrong-form", f"/{name}"))
    return texts


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= LONGEST_ID and value.isprintable()


def _unknown(item: Mapping[str, Any], found: list[Refusal]) -> list[Refusal]:
    """Of attributes that nobody knows what is to be told; those for which the event is refused are added."""
    warnings: list[Refusal] = []
    unknown = () if item.keys() <= ATTRIBUTES else sorted(item.keys() - ATTRIBUTES)
    for number, name in enumerate(unknown):
        like = nearest(name, ATTRIBUTES if number < MOST_NAMED else _DECISIVE) if number < MOST_ATTRIBUTES else {}
        slip = like.get("nearest") in _DECISIVE
        if slip or not _EXTENSION.fullmatch(name) or not isinstance(item[name], str | int | None):
            found.append(Refusal("unknown-field", "", like))
        elif like:  # somebody's extension, passed over by CloudEvents' rules; or a slip of the pen
            warnings.append(Refusal("unknown-attribute", "", like))
    return warnings


def _fitting(data: Any, places: frozenset[str], event_type: EventType) -> Model | None:
    """The data without what does not fit; of what has to be there, what the example says. None: it fits no more."""
    door, example = event_type.door, event_type.door_example
    assert door is not None
    assert example is not None
    if not isinstance(data, dict) or len(data) > MOST_NAMES:
        return None
    needed = {field.alias or name for name, field in door.model_fields.items() if field.is_required()}
    kept = {name: value for name, value in data.items() if name not in places}
    put = {name: example[name] for name in needed & places if name in example}
    try:
        return door.model_validate_json(json.dumps({**kept, **put}))
    except ValidationError:
        return None


def _time(value: object, found: list[Refusal]) -> datetime | None:
    if not isinstance(value, str):
        found.append(Refusal("missing-field", "/time"))
        return None
    try:
        return parse_time(value)
    except ValueError:
        found.append(Refusal("wrong-form", "/time"))
        return None


def _sequence(value: object, found: list[Refusal]) -> int | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**SEQUENCE_DIGITS:
        return value
    try:
        if isinstance(value, str):
            return bounded_sequence(value)
    except ValueError:
        pass
    found.append(Refusal("wrong-form", "/sequence"))
    return None
