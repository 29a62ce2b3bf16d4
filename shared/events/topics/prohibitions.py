"""Topic ``prohibitions`` (key: person): what forbids, once more and on a topic of its own: no traffic delays it.

The states of a person go their way through ``people``, in order and perhaps behind many others. What ends a right to
use them is said here too, as numbers: a *floor* is the lowest version of the person's state that may still use a
consent. It holds for whatever state a reader has, comes from any order of the topics to the same end, and only rises.
There is nothing of an agency here: ``agencies`` is small, and is read by the same reader.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from shared.events.data_classification import PSEUDONYMOUS, PUBLIC, Model
from shared.events.field_types import Id, Slug
from shared.events.registry import EventType, Topic, register

PROHIBITIONS = register(Topic(name="prohibitions", key="person", written_by="intake", urgent=True))

MOST_FLOORS = 400
Version = Annotated[int, Field(ge=0)]


class Floor(Model):
    """A state with a number under ``below`` may not use this consent; ``recipient`` None: none of this purpose."""

    purpose: Annotated[Slug, PSEUDONYMOUS]
    recipient: Annotated[Slug | None, PSEUDONYMOUS] = None
    below: Annotated[Version, PUBLIC]


class Floors(Model):
    """All floors of one person. A state with a number under ``whole`` allows nothing at all: the person has left.

    A state with the number or a later one is trusted: what was allowed again since stands in it.
    """

    person: Annotated[Id, PSEUDONYMOUS]
    whole: Annotated[Version, PUBLIC] = 0
    consents: Annotated[tuple[Floor, ...], PSEUDONYMOUS, Field(max_length=MOST_FLOORS)] = ()

    def forbid_all(self, sequence: int) -> bool:
        """Whether a state with this number allows nothing any more."""
        return sequence < self.whole

    def forbid(self, sequence: int, purpose: str, recipient: str | None) -> bool:
        """Whether a state with this number may not use this consent any more."""
        return self.forbid_all(sequence) or any(
            sequence < floor.below
            for floor in self.consents
            if floor.purpose == purpose and floor.recipient in (None, recipient)
        )


def merged(*several: Floors) -> Floors:
    """The highest of each: the same in any order, and however often one comes. All are of one person."""
    consents = _highest(floor for floors in several for floor in floors.consents)
    if len(consents) > MOST_FLOORS:  # for all recipients of a purpose: forbids no less, and fits the contract
        consents = _highest(floor.model_copy(update={"recipient": None}) for floor in consents)
    whole = max(floors.whole for floors in several)
    return Floors(person=several[0].person, whole=whole, consents=consents)


def _highest(floors: Iterable[Floor]) -> tuple[Floor, ...]:
    found: dict[tuple[str, str], Floor] = {}
    for floor in floors:
        key = (floor.purpose, floor.recipient or "")
        if key not in found or found[key].below < floor.below:
            found[key] = floor
    return tuple(found[key] for key in sorted(found))


FLOOR_RAISED = register(
    EventType(
        name="floor-raised",
        version=1,
        topic=PROHIBITIONS,
        summary="Older states of this person may not use these consents any more (all floors of the person).",
        bus=Floors,
        example={
            "person": "0f" * 16,
            "whole": 0,
            "consents": [{"purpose": "notice", "recipient": "gjf", "below": 7}],
        },
    )
)
