"""What arrives at a door by HTTP: CloudEvents structured, binary or batch. Nothing in it is known to be right yet.

A body is parsed event by event, each no longer than ``limits.LARGEST_EVENT``: whoever drives the iterator can let
others have their turn in between, and stop.
"""

from __future__ import annotations

import base64
import codecs
import contextlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any
from urllib.parse import unquote_to_bytes

from pydantic import ValidationError

from shared.events import named_twice
from shared.events.data_classification import Model
from shared.events.envelope import parse_time, resolve_type
from shared.events.limits import LARGEST_EVENT, LONGEST_ATTRIBUTE, MOST_ATTRIBUTES, SEQUENCE_DIGITS, bounded_sequence
from shared.events.refusal import MOST_ENUMERATED, MOST_NAMED, Refusal, Refused, names_at, nearest, refusals_of
from shared.events.registry import EventType
from shared.events.unicode_composed import composed

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
LONGEST_ID = 200
LARGEST_KEPT = 512 * 1024  # bytes of a batch of which the parsed events are kept
ATTRIBUTES = {
    "specversion", "type", "source", "id", "time", "datacontenttype", "dataschema", "subject", "data",
    "partitionkey", "sequence", "sequencetype", "correlationid", "causationid", "recordedtime", "traceparent",
    "tracestate", "dataclassification", "actor", "testrun",
}  # fmt: skip
_DECISIVE = {"sequence", "testrun"}  # without them the event would have another effect than was meant
_EXTENSION = re.compile(r"[a-z0-9]{1,64}", re.ASCII)  # what CloudEvents allows as the name of an attribute
_BLANK = frozenset({"", " ", "\t", "\n", "\r"})
_SPACE = re.compile(r"[ \t\n\r]*")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
MOST_NAMES = 200  # fields of an event's data that are looked at once more when some of them do not fit
# what a rule reckons with besides the field that it is about: without it nothing can be said
_HOURS = frozenset({"hours_per_week", "hours_per_day"})
_RECKONED_WITH = {"wage-below-minimum": _HOURS, "wage-too-high": _HOURS}
MOST_STEPS = 20  # of a pointer to a name that stands twice
_NEAR = 10  # characters: the longest word of JSON is shorter


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


Item = dict[str, Any] | Refused  # one event of a request as it was parsed, or why it is none


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


class _Batch:
    """The events of a batch, parsed one by one as they are asked for. Of a small one they are kept for whoever asks
    again; of a larger one only the body is, for as objects it takes several times its bytes."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._kept: list[Item] | None = None

    def __iter__(self) -> Iterator[Item]:
        return self._parsed() if self._kept is None else iter(self._kept)

    def _parsed(self) -> Iterator[Item]:
        found: list[Item] = []
        small = len(self._body) <= LARGEST_KEPT
        for item in _batch(_Text(self._body)):
            if small:
                found.append(item)
            yield item
        if small:
            self._kept = found


def split(content_type: str, headers: Iterable[tuple[str, str]], body: bytes) -> Iterable[Item]:
    """The events of one request as JSON objects, still unchecked, to be gone through more than once; those of a batch
    are parsed one by one, as they are asked for. Raises Refused, here or on the way, when the request is unreadable."""
    media = content_type.partition(";")[0].strip().lower()
    if media == BATCH:
        return _Batch(body)
    if media == STRUCTURED:
        item = _json(body)
        return [item if isinstance(item, dict) else Refused(Refusal("wrong-form", ""))]
    attributes = [(name.lower()[3:], value) for name, value in headers if name.lower().startswith("ce-")]
    if media not in ("application/json", "") or all(name != "specversion" for name, _ in attributes):
        raise Refused(Refusal("unsupported-media-type", "/datacontenttype"))
    headers_say = _binary(attributes)
    return [{**headers_say, "data": _json(body, headers_say)}]


def with_data(item: dict[str, Any]) -> dict[str, Any]:
    """The event with its data as JSON, also when it came as ``data_base64``. Raises Refused when that is none."""
    if "data_base64" not in item:
        return item
    packed, rest = item["data_base64"], {name: value for name, value in item.items() if name != "data_base64"}
    if "data" in item or not isinstance(packed, str):
        raise Refused(Refusal("wrong-form", "/data_base64"))
    try:
        return {**rest, "data": _json(base64.b64decode(packed, validate=True), rest)}
    except ValueError:
        raise Refused(Refusal("wrong-form", "/data_base64")) from None


def read(item: Mapping[str, Any], *, is_composed: bool = False) -> Incoming:
    """Check one event's envelope and data against the contract. Raises Refused with every finding; Unfit when only the
    data is wrong. ``is_composed``: its texts surely are."""
    found: list[Refusal] = []
    if item.get("specversion") != "1.0":
        found.append(Refusal("unknown-version", "/specversion"))
    texts: dict[str, str] = {}
    for name in ("id", "source", "type"):
        value = item.get(name)
        if not isinstance(value, str) or not value or len(value) > LONGEST_ID or not value.isprintable():
            found.append(Refusal("missing-field" if value in (None, "") else "wrong-form", f"/{name}"))
        else:
            texts[name] = value
    warnings: list[Refusal] = []
    unknown = () if item.keys() <= ATTRIBUTES else sorted(item.keys() - ATTRIBUTES)
    for number, name in enumerate(unknown):
        like = nearest(name, ATTRIBUTES if number < MOST_NAMED else _DECISIVE) if number < MOST_ATTRIBUTES else {}
        slip = like.get("nearest") in _DECISIVE
        if slip or not _EXTENSION.fullmatch(name) or not isinstance(item[name], str | int | None):
            found.append(Refusal("unknown-field", "", like))
        elif like:  # somebody's extension, passed over by CloudEvents' rules; or a slip of the pen
            warnings.append(Refusal("unknown-attribute", "", like))
    moment = _time(item.get("time"), found)
    sequence = _sequence(item.get("sequence"), found)
    if item.get("testrun") not in (None, True, False, "true", "false"):
        found.append(Refusal("wrong-form", "/testrun"))
    for name in ("dataschema", "actor", "traceparent", "subject"):
        value = item.get(name)
        if value is not None and (not isinstance(value, str) or len(value) > LONGEST_ID or not value.isprintable()):
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
        testrun=item.get("testrun") in (True, "true"),
        warnings=tuple(warnings),
    )
    if unfit is not None:
        unfit.rest = incoming
        raise unfit
    return incoming


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


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused(Refusal("not-utf-8", "")) from None


def _json(body: bytes, attributes: Mapping[str, Any] | None = None) -> Any:
    """The one JSON value that is the whole body. ``attributes``: it is the data of the event with these."""
    text = _text(body)
    value, place = _one(text, _after_space(text, 0), "", attributes)
    if _after_space(text, place) != len(text):
        raise Refused(Refusal("not-json", ""))
    return value


class _Text:
    """A body as text, decoded a piece at a time: all of it at once would take four bytes for every character as soon
    as one of them is rare. Raises Refused for what is not UTF-8, once it gets there."""

    def __init__(self, body: bytes) -> None:
        self._body, self._at = memoryview(body), 0
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._piece, self._place = "", 0

    def next(self) -> str:
        """The character after any space; nothing at the end."""
        if (sign := self._piece[self._place : self._place + 1]) not in _BLANK:
            return sign
        while True:
            self._place = _after_space(self._piece, self._place)
            if self._place < len(self._piece):
                return self._piece[self._place]
            if not self._more():
                return ""

    def skip(self) -> None:
        """Go past that character."""
        self._place += 1

    def value(self, field: str) -> Any:
        """The JSON value that begins here."""
        while len(self._piece) - self._place <= LARGEST_EVENT and self._more():
            pass
        value, self._place = _one(self._piece, self._place, field)
        return value

    def _more(self) -> bool:
        if self._at == len(self._body):
            return False
        end = min(self._at + LARGEST_EVENT, len(self._body))
        try:
            new = self._decoder.decode(bytes(self._body[self._at : end]), final=end == len(self._body))
        except UnicodeDecodeError:
            raise Refused(Refusal("not-utf-8", "")) from None
        self._at, self._piece, self._place = end, self._piece[self._place :] + new, 0
        return True


def _batch(text: _Text) -> Iterator[Item]:
    if (first := text.next()) != "[":
        raise Refused(Refusal("wrong-form" if first == "{" else "not-json", ""))
    text.skip()
    number, closed = 0, text.next() == "]"
    while not closed:
        item = text.value(f"/{number}")
        yield item if isinstance(item, dict) else Refused(Refusal("wrong-form", ""))
        number += 1
        closed = (after := text.next()) == "]"
        if not closed:
            if after != ",":
                raise Refused(Refusal("not-json", f"/{number}"))
            text.skip()
            text.next()
    text.skip()
    if text.next():
        raise Refused(Refusal("not-json", ""))


def _after_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return place if found is None else found.end()


def _one(text: str, place: int, field: str, attributes: Mapping[str, Any] | None = None) -> tuple[Any, int]:
    """The JSON value that begins here, and where it ends. It sees no more than one event may have."""
    piece = text[place : place + LARGEST_EVENT]
    named_twice.begin()
    try:
        value, length = _DECODER.raw_decode(piece)
    except json.JSONDecodeError as error:
        at_the_end = error.pos >= len(piece) - _NEAR or error.msg.startswith("Unterminated string")
        if at_the_end and place + LARGEST_EVENT < len(text):
            raise Refused(Refusal("event-too-large", field, {"kilobytes": LARGEST_EVENT // 1024})) from None
        raise Refused(Refusal("not-json", field)) from None
    except (ValueError, RecursionError):
        raise Refused(Refusal("not-json", field)) from None
    if named_twice.found_one():
        raise Refused(Refusal("named-twice", field + _twice_at(value, attributes)))
    return value, place + length


def _twice_at(value: Any, attributes: Mapping[str, Any] | None) -> str:
    """Where a name stands twice, as far as names are known, and no further than MOST_STEPS: another name may be
    anybody's."""
    steps = named_twice.place_in(value)
    if attributes is None:
        attributes = value if isinstance(value, dict) else {}
    else:
        steps = ("data", *steps)
    door, shown = _door_of(attributes), 0
    known: Collection[str] = ATTRIBUTES
    while shown < min(len(steps), MOST_STEPS) and (isinstance(steps[shown], int) or steps[shown] in known):
        shown += 1
        known = names_at(steps[1:shown], door) if steps[0] == "data" and door is not None else ()
    return "".join(f"/{step}" for step in steps[:shown])


def _door_of(attributes: Mapping[str, Any]) -> type[Model] | None:
    """The model of an event's data, if its attributes say which."""
    name, schema = attributes.get("type"), attributes.get("dataschema")
    if any(each is not None and (not isinstance(each, str) or len(each) > LONGEST_ID) for each in (name, schema)):
        return None
    with contextlib.suppress(Refused):
        return resolve_type(name, schema).door
    return None


def _binary(attributes: list[tuple[str, str]]) -> dict[str, Any]:
    """The attributes of the headers. What does not decode to one text is refused, never replaced: two ids would become
    one."""
    if len(attributes) > MOST_ATTRIBUTES:
        raise Refused(Refusal("too-many", "", {"max_length": MOST_ATTRIBUTES}))
    found: dict[str, Any] = {}
    for name, value in attributes:
        field = f"/{name}" if name in ATTRIBUTES else ""
        if name in found:
            raise Refused(Refusal("named-twice", field))
        if len(value) > 3 * LONGEST_ATTRIBUTE:
            raise Refused(Refusal("too-long", field, {"max_length": LONGEST_ATTRIBUTE}))
        try:
            if _BAD_ESCAPE.search(value):
                raise ValueError("no escape")
            found[name] = unquote_to_bytes(value.encode("ascii")).decode()
        except ValueError:
            raise Refused(Refusal("wrong-encoding", field)) from None
    return found


def _no_constant(_: str) -> Any:
    raise ValueError("NaN and Infinity are not JSON")


def _number(text: str) -> float | int:
    """JSON knows one kind of number: 40.0 is the integer 40, in every language that reads the schema."""
    number = float(text)
    if not isfinite(number):
        raise ValueError("too large for a number")
    return int(number) if number.is_integer() else number


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


# nothing that was parsed holds itself
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), check_circular=False).encode
_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_number, object_pairs_hook=named_twice.marked)
