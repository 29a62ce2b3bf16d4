"""The answers of intake's API. No personal value: it holds ids that the sender sent, and names of our rules."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from shared.kit.web.problems import Finding, ProblemDetails
from shared.kit.web.response_model import Answer

ReceiptStatus = Literal["accepted", "refused", "duplicate", "superseded", "failed"]


class Receipt(Answer):
    """What became of one event.

    `duplicate`: seen before under this id, this is the first receipt; or another event said the same, and this one has
    no effect and a receipt of its own. `superseded`: older than what is held, no effect. `failed`: nothing of
    this one event was kept, send the same again: a fault of ours (500), or too many at a time (429). `alias`: your own
    name for the person; `opportunity`, `agency`: the thing's id. `withheld`: what of an accepted event does not hold,
    because it was ended or taken back before it came: `active`, `open`, or a consent as `purpose/recipient`.
    `warnings`: what of it was passed over or set aside. `problem` only with `refused`
    and `failed`.
    """

    id: str | None = None
    source: str | None = None
    type: str | None = None
    status: ReceiptStatus
    receipt: str | None = None
    alias: str | None = None
    opportunity: str | None = None
    agency: str | None = None
    withheld: list[str] | None = None
    testrun: bool | None = None
    warnings: list[Finding] | None = None
    problem: ProblemDetails | None = None


class BatchAnswer(Answer):
    """One result per event, in the order they came."""

    results: list[Receipt]


class Emitted(Answer):
    """One event on the bus and the version of the thing it told."""

    type: str
    sequence: int


class Times(Answer):
    """How often something happened, first and last."""

    count: int
    first: datetime
    last: datetime


class Partner(Answer):
    """What one recipient was told by one channel because of the event."""

    recipient: str
    channel: str
    delivered: Times | None = None
    acknowledged: Times | None = None
    failed: Times | None = None
    recalled: Times | None = None
    recall_acknowledged: Times | None = None


class Matched(Answer):
    """How many matches were found, changed and withdrawn because of the event."""

    found: int = 0
    changed: int = 0
    withdrawn: int = 0


class Journey(Answer):
    """Everything that followed from one event, to the partner's answer, without anything about a person."""

    id: str
    source: str
    type: str | None = None
    status: Literal["accepted", "refused", "superseded"]
    at: datetime
    receipt: str | None = None
    emitted: list[Emitted] = Field(default_factory=list)
    matches: Matched = Matched()
    partners: list[Partner] = Field(default_factory=list)
    errors: list[Finding] = Field(default_factory=list)


class Rejection(Answer):
    """A refused event, without any value of it. `more`: so many findings are left out; `GET /events/{id}` has them."""

    agency: str
    id: str | None = None
    type: str | None = None
    at: datetime
    errors: list[Finding]
    more: int | None = None


class Rejections(Answer):
    """Newest first, fewer than asked for when they have many findings. `next`: pass it as `before` to read on; None at
    the end. `full_today`: agencies of these, and your own, of which no more is kept today: what is refused is answered
    in full and does not stand here."""

    rejections: list[Rejection]
    next: str | None = None
    full_today: list[str] | None = None


class Question(Answer):
    """Two opportunities that two agencies brought and that may be one vacancy."""

    opportunities: list[str]
    agencies: list[str]
    at: datetime


class Questions(Answer):
    """The newest first."""

    questions: list[Question]


class Alias(Answer):
    """Your own name for the person."""

    alias: str
