"""A service whose handlers fail, with all they know in the exception's text.

`python -m verification.leaks.faulty_service`: FAULTY names the service. Every eighth event fails once; an event whose
id begins with POISON fails for ever. Before it fails, what a careless programmer would do is done: the content is
handed to the service's own logger, to a library's, to a warning, to a task that nobody awaits. All libraries log from
debug upwards. What comes out, the scan has to find. The services' own code is untouched: only what their handlers are
wrapped in stands here.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import runpy
import warnings
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from shared.events import Event
from shared.kit.base import logs
from shared.kit.stream.stream import Stream

POISON = "badc0de"
ONE_IN = 8
_library = logging.getLogger("some.library")
_log = logs.logger("faulty")


class Careless(RuntimeError):
    """Its text is all that the handler had in hand."""


def tell_everything(content: str) -> None:
    """Every careless way of logging at once."""
    _log.info("handled", name=content, phone=content, reason=content, field=content, error=Careless(content))
    _log.error(content)
    _library.debug("received %s", content)
    _library.warning("received %s", content)
    _library.error(f"received {content}")
    warnings.warn(content, stacklevel=2)
    try:
        raise Careless(content)
    except Careless:
        _library.exception("failed with %r", {"content": content}, stack_info=True)
        _log.exception("failed", payload=content)
    asyncio.get_running_loop().create_task(_nobody_awaits(content))


async def _nobody_awaits(content: str) -> None:
    raise Careless(content)


class Faults:
    """Which events fail: one in eight, the first time; poison always."""

    def __init__(self) -> None:
        self._failed: set[str] = set()

    def strike(self, id: str, content: Callable[[], str]) -> None:
        """Raises Careless when it is this event's turn to fail."""
        chosen = sha256(id.encode()).digest()[0] % ONE_IN == 0 and id not in self._failed
        if chosen or id.startswith(POISON):
            self._failed.add(id)
            tell_everything(content())
            raise Careless(content())


def wrap_handlers(faults: Faults) -> None:
    """Every handler that a stream will be given."""
    original = Stream.subscriber

    def subscriber(self: Stream, *types: Any, needs: Any) -> Any:
        register = original(self, *types, needs=needs)

        def wrapped(handler: Callable[[Event[Any], Any], None]) -> Any:
            def faulty(event: Event[Any], work: Any) -> None:
                if event.event_type.topic.name != "agencies" or event.id.startswith(POISON):  # else no key is known
                    faults.strike(event.id, lambda: repr(event) + event.data.model_dump_json())
                handler(event, work)

            return register(faulty)

        return wrapped

    Stream.subscriber = subscriber  # type: ignore[method-assign]  # the point of this program


def wrap_door(faults: Faults) -> None:
    """What intake decides about people: here identity is in hand."""
    people: Any = importlib.import_module("services.intake.event_handlers.people")
    decide = people.decide

    def faulty(event: Any, work: Any, tools: Any) -> Any:
        incoming = event.incoming
        faults.strike(incoming.id, lambda: f"{incoming.actor} {incoming.data!r} {incoming.data.model_dump_json()}")
        return decide(event, work, tools)

    people.decide = faulty


def main() -> None:
    """Run the service with its faults."""
    service = os.environ["FAULTY"]
    faults = Faults()
    logs._LIBRARIES = logging.DEBUG  # a service never does this
    wrap_handlers(faults)
    if service == "intake":
        wrap_door(faults)
    runpy.run_module(f"services.{service}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
