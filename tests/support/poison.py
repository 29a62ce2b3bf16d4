"""Every way in which a record on a topic can be bad, made from a healthy one, with something personal planted in it.

Pure. ``Bad.reason`` is what the dead letter has to say; ``mended``: whether it works once its handler is mended.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from shared.events import Event
from shared.events.envelope import to_kafka
from shared.events.registry import registry

NAME = "Hong Gildong"
PLANTED = (NAME, "HongGildong", "홍길동", "010-1234-5678")
"""What must be found nowhere outside the sealed quarantine."""
BUGGY = "/buggy"
"""The source of events that the handler under test has a bug with, until it is mended."""


class OddName(str):
    """A header name that goes out as no UTF-8. Only aiokafka's Python code takes it: see ``odd_names_can_be_sent``."""

    def encode(self, *_: Any) -> bytes:
        """What nobody can decode."""
        return b"\xff\xfe"


def odd_names_can_be_sent(monkeypatch: Any) -> None:
    """aiokafka's own builder in C refuses them."""
    for module in ("message_accumulator", "producer"):
        monkeypatch.setattr(f"aiokafka.producer.{module}.DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)


class Raw(NamedTuple):
    """A record as a producer sends it."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Bad:
    """One kind of bad record."""

    kind: str
    reason: str
    make: Callable[[Event[Any]], Raw]
    mended: bool = False


def raw(event: Event[Any]) -> Raw:
    """A healthy record."""
    key, value, headers = to_kafka(event)
    return Raw(key, value, list(headers))


def _value(value: bytes | None) -> Callable[[Event[Any]], Raw]:
    return lambda event: raw(event)._replace(value=value)


def _data(**changes: Any) -> Callable[[Event[Any]], Raw]:
    def make(event: Event[Any]) -> Raw:
        data = json.loads(raw(event).value or b"{}")
        return raw(event)._replace(value=json.dumps({**data, **changes}).encode())

    return make


def _headers(changes: dict[str, bytes | None], *without: str) -> Callable[[Event[Any]], Raw]:
    def make(event: Event[Any]) -> Raw:
        found = [(name, value) for name, value in raw(event).headers if name not in changes and name not in without]
        return raw(event)._replace(headers=[*found, *changes.items()])

    return make


def _of_another_topic(event: Event[Any]) -> Raw:
    other = next(each for each in registry if each.topic != event.event_type.topic)
    found = raw(event)
    data = other.bus.model_validate(other.example, strict=False).model_dump_json(by_alias=True, exclude_none=True)
    changes: dict[str, bytes | None] = {"ce_type": other.name.encode(), "ce_dataschema": other.dataschema.encode()}
    return _headers(changes)(event)._replace(key=found.key, value=data.encode())


_PLANTED_JSON = json.dumps({"name": NAME, "홍길동": "010-1234-5678"}).encode()
KINDS = (
    Bad("bad JSON", "not-json", _value(b'{"name": "' + NAME.encode())),
    Bad("no text at all", "not-json", _value(b"\xff\xfe\x00" + NAME.encode())),
    Bad("deeply nested JSON", "not-json", _value(b"[" * 50_000)),
    Bad("bad schema", "missing-field", _value(_PLANTED_JSON)),
    Bad("unknown field", "unknown-field", _data(HongGildong=NAME)),
    Bad("a list for an object", "object-type", _value(b"[]")),
    Bad("no value", "missing-field", _value(None)),
    Bad("no key", "wrong-key", lambda event: raw(event)._replace(key=None)),
    Bad("another key", "wrong-key", lambda event: raw(event)._replace(key=NAME.encode())),
    Bad("no headers", "missing-field", lambda event: raw(event)._replace(headers=[])),
    Bad("a header left out", "missing-field", _headers({}, "ce_id")),
    Bad("a bad header", "wrong-form", _headers({"ce_time": NAME.encode()})),
    Bad("a header without value", "unreadable-header", _headers({"ce_HongGildong": None})),
    Bad("a header that is no UTF-8", "unreadable-header", _headers({"ce_actor": b"\xff\xfe" + NAME.encode()})),
    Bad("unknown type", "unknown-type", _headers({"ce_type": b"HongGildong"}, "ce_dataschema")),
    Bad("unknown version", "unknown-version", lambda event: _headers({"ce_dataschema": _version(event, 99)})(event)),
    Bad("wrong topic", "wrong-topic", _of_another_topic),
    Bad("oversized", "too-large", _value(b'"' + NAME.encode() * 79_000 + b'"')),
    Bad("handler bug", "handler-failed", lambda event: raw(replace(event, source=BUGGY)), mended=True),
)


def odd_but_healthy(event: Event[Any]) -> Raw:
    """A sound event among headers of somebody else's, of which a parser dies that decodes them all."""
    found = raw(event)
    odd: list[tuple[str, bytes | None]] = [("trace", None), ("x", b"\xff\xfe"), (OddName("y"), b"z")]
    return found._replace(headers=[*odd, *found.headers, ("reply_to", b"agencies")])


def _version(event: Event[Any], version: int) -> bytes:
    return f"{event.event_type.dataschema.rpartition('/')[0]}/{version}".encode()
