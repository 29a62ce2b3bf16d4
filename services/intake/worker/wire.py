"""What the service and its worker say to each other: one pickle after the other, each behind its length.

Both are the same program of the same release and the same user, on a pipe that nobody else has. Models are put together
again as they were, without being validated once more."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from services.intake.event_validation import Echo, Validated
from shared.events import EventType, registry
from shared.events.http_binding import Incoming
from shared.events.refusal import Refused

LENGTH_BYTES = 4
_SLOTTED = frozenset({Echo, Incoming, Validated})
_put = object.__setattr__  # they are frozen


def framed(thing: object) -> bytes:
    """As it is sent."""
    stream = io.BytesIO()
    stream.write(bytes(LENGTH_BYTES))
    _Pickler(stream, pickle.HIGHEST_PROTOCOL).dump(thing)
    stream.seek(0)
    stream.write((len(stream.getbuffer()) - LENGTH_BYTES).to_bytes(LENGTH_BYTES))
    return stream.getvalue()


def read(content: bytes) -> Any:
    """What was sent, without its length."""
    return pickle.loads(content)  # noqa: S301 - from our own process alone


class _Pickler(pickle.Pickler):
    def reducer_override(self, thing: Any) -> Any:
        kind = type(thing)
        if kind in _SLOTTED:
            return _slotted, (kind, *(getattr(thing, name) for name in kind.__slots__))
        if isinstance(thing, BaseModel):
            return _model, (kind, thing.__dict__, thing.__pydantic_fields_set__)
        if kind is EventType:
            return _event_type, (thing.name, thing.version)
        if isinstance(thing, Refused):
            return _refused, (kind, thing.refusals), vars(thing)
        return NotImplemented


def _slotted(kind: type[Any], *values: Any) -> Any:
    made = object.__new__(kind)
    for name, value in zip(kind.__slots__, values, strict=True):
        _put(made, name, value)
    return made


def _model(kind: type[Any], values: dict[str, Any], given: set[str]) -> Any:
    made = object.__new__(kind)
    _put(made, "__dict__", values)
    _put(made, "__pydantic_fields_set__", given)
    _put(made, "__pydantic_extra__", None)
    _put(made, "__pydantic_private__", None)
    return made


def _event_type(name: str, version: int) -> EventType:
    return registry.find(name, version)


def _refused(kind: Callable[..., Refused], refusals: tuple[Any, ...]) -> Refused:
    return kind(*refusals)
