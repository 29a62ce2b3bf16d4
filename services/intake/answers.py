"""What the door answers. No personal value: an answer holds what the sender sent as ids, and names of rules of ours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from services.intake.domain.remedies import remedy
from shared.events.refusal import Refusal
from shared.kit.web.problems import TYPE_BASE
from shared.reference import Pack

MOST_ANSWERED = 1_000  # findings in the answer to one request, besides the first of each event


class Answer(BaseModel):
    """Base of what is answered. What is not known is left out, never null: so says the schema, too."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        found = handler(core_schema)
        for field in handler.resolve_ref_schema(found).get("properties", {}).values():
            options = [option for option in field.get("anyOf", ()) if option != {"type": "null"}]
            if len(options) == 1:
                del field["anyOf"]
                field |= options[0]
                field.pop("default", None)
        return found


class Finding(Answer):
    """One thing that is wrong: where (JSON pointer), by which rule, and what to do, in each language of the pack."""

    field: str
    rule: str
    remedy: dict[str, str]


class Refusing(Answer):
    """Why one event was refused, as problem details (RFC 9457): the first finding on top, all in `errors`.

    `incident`: only when the fault was ours; the id to quote. `id`: of a single event that has one.
    """

    type: str
    title: str
    status: int
    field: str
    rule: str
    remedy: dict[str, str]
    errors: list[Finding]
    incident: str | None = None
    id: str | None = None


class Receipt(Answer):
    """What became of one event.

    `duplicate`: seen before under this id, this is the first receipt; or another event said the same, and this one has
    no effect and a receipt of its own. `superseded`: older than what is held, no effect. `failed`: nothing of
    this one event was kept, send the same again: a fault of ours (500), or too many at a time (429). `alias`: your own
    name for the person; `opportunity`, `agency`: the thing's id. `withheld`: what of an accepted event does not hold,
    because it was ended or taken back before it came: `active`, `open`, or a consent as `purpose/recipient`.
    `problem` only with `refused` and `failed`.
    """

    id: str | None = None
    source: str | None = None
    type: str | None = None
    status: Literal["accepted", "refused", "duplicate", "superseded", "failed"]
    receipt: str | None = None
    alias: str | None = None
    opportunity: str | None = None
    agency: str | None = None
    withheld: list[str] | None = None
    testrun: bool | None = None
    problem: Refusing | None = None


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
    emitted: list[Emitted] = []
    matches: Matched = Matched()
    partners: list[Partner] = []
    errors: list[Finding] = []


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
    the end."""

    rejections: list[Rejection]
    next: str | None = None


class Alias(Answer):
    """Your own name for the person."""

    alias: str


_STATUS = {
    "not-json": 400,
    "unsupported-media-type": 415,
    "not-utf-8": 400,
    "named-twice": 400,
    "wrong-encoding": 400,
    "event-too-large": 413,
    "too-many-events": 413,
    "too-many-at-a-time": 429,
    "wrong-source": 403,
    "not-allowed": 403,
    "same-id-other-content": 409,
}


def findings(refusals: Sequence[Refusal], pack: Pack) -> list[Finding]:
    """Each refusal with its remedy."""
    return [Finding(field=item.field, rule=item.rule, remedy=remedy(item, pack)) for item in refusals]


def refusing(refusals: Sequence[Refusal], pack: Pack) -> Refusing:
    """The problem details of a refused event."""
    errors = findings(refusals, pack)
    return Refusing(
        type=TYPE_BASE + "refused",
        title="This cannot be taken as it is",
        status=_STATUS.get(errors[0].rule, 422),
        errors=errors,
        **errors[0].model_dump(),
    )


def shortened(receipts: Sequence[Receipt], most: int) -> tuple[list[Receipt], int]:
    """The receipts with at most so many findings together, besides the first of each (a batch of mistakes is not
    answered with many times its size), and how many may still be told after them."""
    found = []
    for receipt in receipts:
        if receipt.problem is not None and len(receipt.problem.errors) > 1:
            errors = receipt.problem.errors[: 1 + most]
            most -= len(errors) - 1
            receipt = receipt.model_copy(update={"problem": receipt.problem.model_copy(update={"errors": errors})})
        found.append(receipt)
    return found, most


def failing(incident: str, pack: Pack) -> Refusing:
    """The problem details of an event that met a fault of ours."""
    finding = Finding(field="", rule="failed-here", remedy=remedy(Refusal("failed-here", ""), pack))
    return Refusing(
        type=TYPE_BASE + "internal",
        title="Something failed here",
        status=500,
        errors=[finding],
        incident=incident,
        **finding.model_dump(),
    )


def journey_of(steps: Sequence[dict[str, Any]]) -> tuple[Matched, list[Partner]]:
    """Matches and partners from the grouped steps of `Repository.steps`."""
    matched = {"found": 0, "changed": 0, "withdrawn": 0}
    partners: dict[tuple[str, str], dict[str, Times]] = {}
    for step in steps:
        what = step["_id"]
        if what["type"].startswith("match-"):
            matched[what["type"].removeprefix("match-")] += step["count"]
            continue
        times = Times(count=step["count"], first=step["first"], last=step["last"])
        outcomes = partners.setdefault((what["recipient"], what["channel"]), {})
        name = _OUTCOMES.get((what["type"], what["about"]), "failed")
        outcomes[name] = _together(outcomes[name], times) if name in outcomes else times
    told = [
        Partner(recipient=recipient, channel=channel, **outcomes)
        for (recipient, channel), outcomes in sorted(partners.items())
    ]
    return Matched(**matched), told


_OUTCOMES = {
    ("notice-delivered", "notice"): "delivered",
    ("notice-delivered", "recall"): "recalled",
    ("notice-acknowledged", "notice"): "acknowledged",
    ("notice-acknowledged", "recall"): "recall_acknowledged",
    ("recall-acknowledged", "recall"): "recall_acknowledged",
}


def _together(one: Times, other: Times) -> Times:
    return Times(count=one.count + other.count, first=min(one.first, other.first), last=max(one.last, other.last))
