"""What the service and its worker say to each other: one pickle after the other, each behind its length.

Both are the same program of the same release and the same user, on a pipe that nobody else has. Models are put together
again as they were, without being validated once more. Nearly all that is said are adverts: each is one row of plain
values, which the library writes and reads in C, and which is put together again by hand."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeVar

from services.intake.event_handlers.effect import DoorEvent
from services.intake.event_handlers.prepared_adverts import PreparedAdvert
from services.intake.event_validation import Echo, Validated
from shared.events import EventType, registry
from shared.events.data_classification import Model
from shared.events.incoming import Incoming, Unfit
from shared.events.refusal import Refused

LENGTH_BYTES = 4
T = TypeVar("T")
_LEFT_BEHIND = Model()
# Of an advert all that counts is in `PreparedAdvert`; its data and features would be as much again, twice.
_ECHO = ("id", "source", "type", "testrun")
_INCOMING = ("id", "source", "event_type", "time", "sequence", "actor", "traceparent", "testrun", "warnings")
_EVENT = ("agency", "content", "inbox", "index")
_ADVERT = ("reference", "opportunity", "kind", "closes", "employer", "keys", "compared", "told", "kept")
_ROW: Callable[[Validated], tuple[Any, ...]] = attrgetter(
    "warnings",
    *(f"echo.{name}" for name in _ECHO),
    *(f"event.incoming.{name}" for name in _INCOMING),
    *(f"event.{name}" for name in _EVENT),
    *(f"event.advert.{name}" for name in _ADVERT),
)


def framed(thing: object) -> bytes:
    """As it is sent."""
    stream = io.BytesIO()
    stream.write(bytes(LENGTH_BYTES))
    pickler = pickle.Pickler(stream, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = _REDUCED
    pickler.dump(thing)
    stream.seek(0)
    stream.write((len(stream.getbuffer()) - LENGTH_BYTES).to_bytes(LENGTH_BYTES))
    return stream.getvalue()


def read(content: bytes) -> Any:
    """What was sent, without its length."""
    return pickle.loads(content)  # noqa: S301 - from our own process alone


def _validated(one: Validated) -> Any:
    if one.event is None or one.event.advert is None:
        return one.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
    return _advert, _ROW(one)


def _advert(warnings: Any, *row: Any) -> Validated:
    values = iter(row)
    echo = _made(Echo, _ECHO, values)
    incoming = _made(Incoming, _INCOMING, values, data=_LEFT_BEHIND, content=b"")
    event = _made(DoorEvent, _EVENT, values, incoming=incoming, features={})
    vars(event)["advert"] = _made(PreparedAdvert, _ADVERT, values)
    return Validated(echo, event, (), warnings)


def _made(kind: type[T], names: tuple[str, ...], values: Any, **more: Any) -> T:
    """One of these, with the next of the values."""
    made = object.__new__(kind)
    vars(made).update(zip(names, values, strict=False), **more)
    return made


def _event_type(thing: EventType) -> Any:
    return _found, (thing.name, thing.version)


def _found(name: str, version: int) -> EventType:
    return registry.find(name, version)


def _refused(thing: Refused) -> Any:
    return type(thing), thing.refusals, vars(thing)


_REDUCED: dict[type, Callable[[Any], Any]] = {
    EventType: _event_type,
    Refused: _refused,
    Unfit: _refused,
    Validated: _validated,
}
