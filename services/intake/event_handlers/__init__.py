"""What an event changes, by topic: each module here that is named after a topic takes the events of that topic.

It says by which reference the sender knows the thing (`reference`), which rules need no store and are the door's alone
(`check_data`; those that the client has, too, stand in `shared/screening`), what has to be loaded (`needs`), what only
the store can tell is wrong (`check`), what the event does (`decide`), and as what a thing of the topic is kept
(`STORED`). A new topic is a new module; nobody lists them.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Protocol, cast

from services.intake.dependencies import Dependencies
from services.intake.documents import AGENCIES
from services.intake.event_handlers.effect import DoorEvent, Effect, Thing
from services.intake.identity import Family
from shared.events import EventType, registry
from shared.events.data_classification import Model
from shared.events.refusal import Refusal
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.screening.findings import Findings


class TopicHandler(Protocol):
    """A module of this package. All of it is pure over the unit of work: no clock, no network, no query of its own."""

    STORED: type[Thing]

    def reference(self, event_type: EventType, data: Model) -> tuple[Family, str] | None: ...
    def check_data(self, data: Model, findings: Findings) -> None: ...
    def needs(self, event: DoorEvent, work: UnitOfWork, dependencies: Dependencies) -> Iterable[Need]: ...
    def check(self, event: DoorEvent, work: UnitOfWork, dependencies: Dependencies) -> Sequence[Refusal]: ...
    def decide(self, event: DoorEvent, work: UnitOfWork, dependencies: Dependencies) -> Effect: ...


@cache
def topic_handlers() -> Mapping[str, TopicHandler]:
    """By topic; agencies first, so that who is told everything again knows a recipient before a consent names it."""
    modules = sorted({module.name for module in pkgutil.iter_modules(__path__)} & registry.topics.keys())
    modules.sort(key=lambda name: name != AGENCIES)
    return {name: cast(TopicHandler, importlib.import_module(f"{__name__}.{name}")) for name in modules}
