"""What is left to be said after the others' word was taken in: one document per thing, deleted in the transaction that
says it; and one that stands as long as a restoration is not done.

restoration    _id topic/thing
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NotRequired, TypedDict

from shared.kit.store.typed_collection import Collection

UNFINISHED = "unfinished"  # a restoration was begun
STARTED = "started"  # intake was, on a copy that was not restored


class ToDo(TypedDict):
    """`forbidden`: purpose and recipient of consents of a person that are held back, `left`: all of them; `state`: how
    an opportunity was told last, and when (`at`)."""

    _id: str
    forbidden: NotRequired[list[list[str | None]]]
    left: NotRequired[bool]
    state: NotRequired[dict[str, Any]]
    at: NotRequired[datetime]


TO_DO = Collection[ToDo]("restoration")
