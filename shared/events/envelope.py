"""CloudEvents 1.0: one event as it lives in our code, and its way on and off Kafka (binary mode).

What comes in through HTTP is read in ``http_binding.py`` and checked in ``incoming.py``: at the door nothing is known
to be right yet.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from shared.events.data_classification import Model
from shared.events.limits import LONGEST_ATTRIBUTE, own_sequence
from shared.events.refusal import Refusal, Refused, nearest, refusals_of
from shared.events.registry import EventType, UnknownType, registry


class Dumped(bytes):
    """Data that somebody made JSON of already, as `dump_data` does."""


D = TypeVar("D", bound=Model | Dumped)
Headers = Sequence[tuple[str, bytes]]
CONTENT_TYPE = "application/json"
_CONTENT_TYPE_HEADER = ("content-type", CONTENT_TYPE.encode())
# The only names of headers that may be said: others are somebody's text.
_ATTRIBUTES = frozenset(
    {
        "specversion", "type", "source", "id", "time", "dataschema", "partitionkey", "sequence", "correlationid",
        "causationid", "recordedtime", "traceparent", "dataclassification", "actor", "testrun",
    }
)  # fmt: skip
_DATASCHEMA = re.compile(r"/([a-z0-9-]{1,60})/([0-9]{1,6})$")
MOST_HEADERS = 200  # of one record, those of other programs included
LONGEST_TIME = 64  # characters: any number of digits may follow the second
_TIME = re.compile(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}")
_SECOND = slice(17, 19)  # of such a text


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Generic[D]):
    """One thing that happened. ``(source, id)`` identifies it for ever.

    ``key`` is the id of the thing it is about (CloudEvents ``partitionkey``), ``sequence`` that thing's version,
    ``recordedtime`` when intake accepted the event that caused all this, ``actor`` an opaque worker id and role.
    Times are aware and UTC.
    """

    id: str
    source: str
    type: str
    version: int
    time: datetime
    key: str
    data: D
    sequence: int | None = None
    correlationid: str | None = None
    causationid: str | None = None
    recordedtime: datetime | None = None
    traceparent: str | None = None
    actor: str | None = None
    testrun: bool = False

    @property
    def event_type(self) -> EventType:
        """The registered type and version."""
        return registry.find(self.type, self.version)


@lru_cache(4_096)  # the events of one transaction share most of their times
def isotime(moment: datetime) -> str:
    """RFC 3339 in UTC with ``Z``. Naive times are a bug and raise ValueError."""
    if moment.tzinfo is None:
        raise ValueError("a time without zone")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@lru_cache(4_096)
def parse_time(text: str) -> datetime:
    """An RFC 3339 time with zone, in UTC; a leap second, which stands at the end of a day of UTC and which no clock of
    ours has, is the second before it. Raises ValueError."""
    if len(text) > LONGEST_TIME or not _TIME.match(text):
        raise ValueError("not an RFC 3339 time")
    if leaps := text[_SECOND] == "60":
        text = f"{text[: _SECOND.start]}59{text[_SECOND.stop :]}"
    moment = datetime.fromisoformat(text.upper().replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError("a time without zone")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("outside the years 1 to 9999 in UTC") from None
    if leaps and (moment.hour, moment.minute) != (23, 59):
        raise ValueError("no leap second")
    return moment


def dump_data(data: Model | Dumped) -> bytes:
    """The data as JSON: aliases (``from``), no defaults that were not set by anybody, UTF-8."""
    if isinstance(data, Dumped):
        return data
    return data.__pydantic_serializer__.to_json(data, by_alias=True, exclude_none=True)


def to_kafka(event: Event[Any]) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """Key, value and headers of the record (CloudEvents Kafka binding, binary mode)."""
    key = event.key.encode()
    headers = [
        *_same_headers(event.type, event.version, event.source),
        ("ce_id", event.id.encode()),
        ("ce_time", isotime(event.time).encode()),
        ("ce_partitionkey", key),
    ]
    if event.sequence is not None:
        headers.append(("ce_sequence", str(event.sequence).encode()))
    if event.correlationid is not None:
        headers.append(("ce_correlationid", event.correlationid.encode()))
    if event.causationid is not None:
        headers.append(("ce_causationid", event.causationid.encode()))
    if event.recordedtime is not None:
        headers.append(("ce_recordedtime", isotime(event.recordedtime).encode()))
    if event.traceparent is not None:
        headers.append(("ce_traceparent", event.traceparent.encode()))
    if event.actor is not None:
        headers.append(("ce_actor", event.actor.encode()))
    if event.testrun:
        headers.append(("ce_testrun", b"true"))
    headers.append(_CONTENT_TYPE_HEADER)
    return key, dump_data(event.data), headers


@lru_cache(1_024)
def _same_headers(type: str, version: int, source: str) -> tuple[tuple[str, bytes], ...]:
    """The headers that all events of a type share that come from one source."""
    event_type = registry.find(type, version)
    return (
        ("ce_specversion", b"1.0"),
        ("ce_type", type.encode()),
        ("ce_source", source.encode()),
        ("ce_dataschema", event_type.dataschema.encode()),
        ("ce_dataclassification", event_type.dataclassification.value.encode()),
    )


def from_kafka(value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> Event[Any]:
    """Read a record, as the newest version of its type. Raises Refused with what is wrong: header, type, version, JSON
    or schema; never the payload."""
    try:  # all at once: this is done for every record there is
        if len(headers) > MOST_HEADERS:
            raise ValueError("too many headers")
        found = {name[3:]: _text(raw) for name, raw in headers if name.startswith("ce_")}
    except ValueError:
        raise Refused(_unreadable(headers)) from None
    if value is None:
        raise Refused(Refusal("missing-field", "/data"))
    event_type = resolve_type(found.get("type"), found.get("dataschema"))
    try:
        data = event_type.bus.model_validate_json(value)
    except ValidationError as error:
        raise Refused(*refusals_of(error, event_type.bus)) from None
    event_type, data = registry.upcast(event_type, data)
    try:
        sequence = found.get("sequence")
        recorded = found.get("recordedtime")
        return Event(
            id=found["id"],
            source=found["source"],
            type=event_type.name,
            version=event_type.version,
            time=parse_time(found["time"]),
            key=found["partitionkey"],
            data=data,
            sequence=None if sequence is None else own_sequence(sequence),
            correlationid=found.get("correlationid"),
            causationid=found.get("causationid"),
            recordedtime=None if recorded is None else parse_time(recorded),
            traceparent=found.get("traceparent"),
            actor=found.get("actor"),
            testrun=found.get("testrun") == "true",
        )
    except KeyError as missing:
        raise Refused(Refusal("missing-field", f"/{missing.args[0]}")) from None
    except ValueError:
        raise Refused(Refusal("wrong-form", "/time, /recordedtime or /sequence")) from None


def _text(raw: bytes | None) -> str:
    if raw is None:
        raise ValueError("no value")
    if len(raw) > LONGEST_ATTRIBUTE:
        raise ValueError("too long")
    return raw.decode()


def _unreadable(headers: Sequence[tuple[str, bytes | None]]) -> Refusal:
    """Names the first header without a value, or with one that is too long or no UTF-8."""
    for name, raw in headers:
        if name.startswith("ce_"):
            try:
                _text(raw)
            except ValueError:
                return Refusal("unreadable-header", f"/headers/{name[3:]}" if name[3:] in _ATTRIBUTES else "/headers")
    return Refusal("unreadable-header", "/headers")


def unknown_type(name: str) -> Refusal:
    """With the nearest that the door takes."""
    return Refusal("unknown-type", "/type", nearest(name, sorted({each.name for each in registry if each.door})))


def resolve_type(name: str | None, dataschema: str | None) -> EventType:
    """The registered type that ``type`` and ``dataschema`` (``.../<type>/<version>``) name; the newest without one."""
    if not name:
        raise Refused(Refusal("missing-field", "/type"))
    version = None
    if dataschema is not None:
        matched = _DATASCHEMA.search(dataschema)
        if not matched or matched.group(1) != name:
            raise Refused(Refusal("wrong-form", "/dataschema"))
        version = int(matched.group(2))
    try:
        return registry.find(name, version)
    except UnknownType:
        raise Refused(
            Refusal("unknown-version", "/dataschema") if registry.versions(name) else unknown_type(name)
        ) from None
