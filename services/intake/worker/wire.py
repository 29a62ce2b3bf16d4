"""What the service and its worker say to each other: one pickle after the other, each behind its length.

Both are the same program of the same release and the same user, on a pipe that nobody else has. Models are put together
again as they were, without being validated once more. Most of what is said is put into a pickle and taken out of it by
the library alone, in C: so these classes have no slots."""

from __future__ import annotations

import copyreg
import io
import pickle
from collections.abc import Callable
from typing import Any

from services.intake.event_handlers.effect import DoorEvent
from shared.events import EventType, registry
from shared.events.data_classification import Model
from shared.events.http_binding import Incoming, Unfit
from shared.events.refusal import Refused

LENGTH_BYTES = 4
_LEFT_BEHIND = Model()


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


def _event(event: DoorEvent) -> Any:
    """Of an advert all that counts is in `advert`; its data and features would be as much again, twice."""
    said = vars(event)
    if event.advert is not None:
        left = object.__new__(Incoming)
        vars(left).update(vars(event.incoming), data=_LEFT_BEHIND, content=b"")
        said = {**said, "incoming": left, "features": {}}
    return copyreg.__newobj__, (DoorEvent,), said  # type: ignore[attr-defined]  # what pickle itself says of an object


def _event_type(thing: EventType) -> Any:
    return _found, (thing.name, thing.version)


def _found(name: str, version: int) -> EventType:
    return registry.find(name, version)


def _refused(thing: Refused) -> Any:
    return type(thing), thing.refusals, vars(thing)


_REDUCED: dict[type, Callable[[Any], Any]] = {
    DoorEvent: _event,
    EventType: _event_type,
    Refused: _refused,
    Unfit: _refused,
}
