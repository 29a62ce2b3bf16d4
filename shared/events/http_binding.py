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
from math import isfinite
from typing import Any
from urllib.parse import unquote_to_bytes

from shared.events import named_twice
from shared.events.data_classification import Model
from shared.events.envelope import resolve_type
from shared.events.incoming import ATTRIBUTES, LONGEST_ID
from shared.events.limits import LARGEST_EVENT, LONGEST_ATTRIBUTE, MOST_ATTRIBUTES
from shared.events.refusal import Refusal, Refused, names_at

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
LARGEST_KEPT = 512 * 1024  # bytes of a batch of which the parsed events are kept
_BLANK = frozenset({"", " ", "\t", "\n", "\r"})
_SPACE = re.compile(r"[ \t\n\r]*")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
MOST_STEPS = 20  # of a pointer to a name that stands twice
_NEAR = 10  # characters: the longest word of JSON is shorter


Item = dict[str, Any] | Refused  # one event of a request as it was parsed, or why it is none


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


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_number, object_pairs_hook=named_twice.marked)
