"""What arrives at a door by HTTP: CloudEvents structured, binary or batch. Nothing in it is known to be right yet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any
from urllib.parse import unquote

from pydantic import ValidationError

from shared.events.classes import Model
from shared.events.envelope import parse_time, resolve_type
from shared.events.refusal import Refusal, Refused, refusals_of
from shared.events.registry import EventType

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
LONGEST_ID = 200
_SEQUENCE_DIGITS = 18  # fits into 64 bits, as a number in any store
_KNOWN = {
    "specversion", "type", "source", "id", "time", "datacontenttype", "dataschema", "subject", "data",
    "partitionkey", "sequence", "correlationid", "causationid", "recordedtime", "traceparent", "tracestate",
    "dataclassification", "actor", "testrun",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """An event from outside whose envelope is sound and whose data fits the door's model of its type.

    ``sequence`` is the sender's own version of the thing, if it counts; ``content`` the canonical bytes of type, schema
    and data, for "the same id with other content" (personal: only to be hashed with a key, never kept).
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


def split(content_type: str, headers: Mapping[str, str], body: bytes) -> list[dict[str, Any] | Refused]:
    """The events of one request as JSON objects, still unchecked. Raises Refused when the request is unreadable."""
    media = content_type.partition(";")[0].strip().lower()
    if media == BATCH:
        items = _json(body)
        if not isinstance(items, list):
            raise Refused(Refusal("wrong-form", ""))
        return [item if isinstance(item, dict) else Refused(Refusal("wrong-form", "")) for item in items]
    if media == STRUCTURED:
        item = _json(body)
        if not isinstance(item, dict):
            raise Refused(Refusal("wrong-form", ""))
        return [item]
    binary = {name.lower()[3:]: unquote(value) for name, value in headers.items() if name.lower().startswith("ce-")}
    if "specversion" not in binary or media not in ("application/json", ""):
        raise Refused(Refusal("unsupported-media-type", "/datacontenttype"))
    return [{**binary, "data": _json(body)}]


def read(item: Mapping[str, Any]) -> Incoming:
    """Check one event's envelope and data against the contract. Raises Refused with every finding."""
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
    if item.keys() - _KNOWN:
        found.append(Refusal("unknown-field", ""))
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
    content = json.dumps(
        [event_type.name, event_type.version, item["data"]], ensure_ascii=True, sort_keys=True, separators=(",", ":")
    ).encode()
    try:
        data = event_type.door.model_validate_json(json.dumps(item["data"]))
    except ValidationError as error:
        raise Refused(*refusals_of(error, event_type.door)) from None
    assert moment is not None
    return Incoming(
        id=texts["id"],
        source=texts["source"],
        event_type=event_type,
        time=moment,
        data=data,
        content=content,
        sequence=sequence,
        actor=item.get("actor"),
        traceparent=item.get("traceparent"),
        testrun=item.get("testrun") in (True, "true"),
    )


def _json(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_no_constant, parse_float=_number, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError):
        raise Refused(Refusal("not-json", "")) from None


def _no_constant(_: str) -> Any:
    raise ValueError("NaN and Infinity are not JSON")


def _number(text: str) -> float | int:
    """JSON knows one kind of number: 40.0 is the integer 40, in every language that reads the schema."""
    number = float(text)
    if not isfinite(number):
        raise ValueError("too large for a number")
    return int(number) if number.is_integer() else number


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice in one object")
    return found


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
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**_SEQUENCE_DIGITS:
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _SEQUENCE_DIGITS:
        return int(value)
    found.append(Refusal("wrong-form", "/sequence"))
    return None
