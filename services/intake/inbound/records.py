"""From a record of Kafka to an event of the door: CloudEvents' binary and structured mode, identity opened. Pure.

Nothing of a record is known to be right yet. What is no event comes out as `Refused`, and is answered like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from shared.events.http_binding import STRUCTURED, Item, split, with_data
from shared.events.identity_boxes import BoxBroken, BoxKeys, UnknownBoxKey
from shared.events.limits import LONGEST_ATTRIBUTE
from shared.events.refusal import Refusal, Refused
from shared.kit.kafka.records import Record

IDENTITY = "/data/identity"
_STRUCTURED = "application/cloudevents"


@dataclass(frozen=True, slots=True)
class Opened:
    """An event as it would have come by HTTP. ``refusals``: why its identity was left out of it."""

    item: Item
    refusals: tuple[Refusal, ...] = ()


def item_of(record: Record) -> Item:
    """The event in a record, still unchecked."""
    headers = [(name.lower(), value or b"") for name, value in record.headers]
    media = next((value for name, value in headers if name == "content-type"), b"").decode("ascii", "replace")
    if record.value is None:
        return Refused(Refusal("missing-field", "/data"))
    try:
        if media.lower().startswith(_STRUCTURED):
            if media.partition(";")[0].strip().lower() != STRUCTURED:  # a batch, or another format
                return Refused(Refusal("unsupported-media-type", "/datacontenttype"))
            return _first(split(STRUCTURED, (), record.value))
        return _first(split(media, list(_attributes(headers)), record.value))
    except Refused as refused:
        return refused


def opened(item: Item, keys: BoxKeys) -> Opened:
    """The event with its identity in clear; an identity that was not sealed, or does not open, goes no further."""
    if isinstance(item, Refused):
        return Opened(item)
    try:
        item = with_data(item)
    except Refused:  # found again by whoever validates
        return Opened(item)
    data = item.get("data")
    if not isinstance(data, dict) or data.get("identity") is None:
        return Opened(item)
    rest = {**item, "data": {name: value for name, value in data.items() if name != "identity"}}
    try:
        return Opened({**item, "data": {**data, "identity": _identity(item, data["identity"], keys)}})
    except Refused as refused:
        return Opened(rest, refused.refusals)


def _identity(item: dict[str, Any], identity: Any, keys: BoxKeys) -> dict[str, Any]:
    source, id = item.get("source"), item.get("id")
    if not isinstance(identity, dict) or not isinstance(identity.get("box"), str):
        raise Refused(Refusal("identity-not-sealed", IDENTITY))
    if not isinstance(source, str) or not isinstance(id, str):  # it is bound to both
        raise Refused(Refusal("box-not-opened", IDENTITY))
    try:
        plain = _first(split(STRUCTURED, (), keys.open(identity, source, id)))
    except UnknownBoxKey:
        raise Refused(Refusal("box-key-unknown", IDENTITY)) from None
    except (BoxBroken, Refused):
        raise Refused(Refusal("box-not-opened", IDENTITY)) from None
    if isinstance(plain, Refused):
        raise Refused(Refusal("box-not-opened", IDENTITY))
    return plain


def _attributes(headers: Sequence[tuple[str, bytes]]) -> Iterable[tuple[str, str]]:
    """As HTTP would write them, so that the same rules read them. One byte more than may be is enough to be refused."""
    most = 3 * LONGEST_ATTRIBUTE + 1
    return (("ce-" + name[3:], quote(value[:most], safe="")) for name, value in headers if name.startswith("ce_"))


def _first(items: Iterable[Item]) -> Item:
    return next(iter(items))
