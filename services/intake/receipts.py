"""From what was found to what is answered: problem details of refusals, receipts, and faults of our own."""

from __future__ import annotations

from collections.abc import Sequence

from services.intake.event_validation import Echo
from services.intake.metrics import events_refused
from services.intake.schemas import Receipt
from shared.events.refusal import Refusal
from shared.kit.base.ids import random_id
from shared.kit.base.logs import logger
from shared.kit.web.problem_details import TYPE_BASE, refused
from shared.reference import Pack

MOST_ANSWERED = 1_000  # findings in the answer to one request, besides the first of each event
_log = logger("door")


def shortened(receipts: Sequence[Receipt], most: int) -> tuple[list[Receipt], int]:
    """The receipts with at most so many findings together, besides the first of each (a batch of mistakes is not
    answered with many times its size), and how many may still be told after them."""
    found = []
    for receipt in receipts:
        if receipt.problem is not None and receipt.problem.errors:
            errors = receipt.problem.errors[: 1 + most]
            most -= len(errors) - 1
            receipt = receipt.model_copy(update={"problem": receipt.problem.model_copy(update={"errors": errors})})
        found.append(receipt)
    return found, most


def failed(echo: Echo, agency: str, error: Exception, pack: Pack) -> Receipt:
    """The receipt of an event that met a fault of ours: nothing of it was kept, the same may be sent again.

    The incident's id stands in the answer and in the log line, beside class and place of the fault; counted as a
    refusal with the reason `failed-here`. Nothing else of the event is written anywhere.
    """
    incident = random_id()
    events_refused.of(reason="failed-here").inc()
    _log.error("event_failed", event_id=incident, agency=agency, type=echo.type, exc_info=error)
    problem = refused([Refusal("failed-here", "")], pack.remedy).model_copy(
        update={
            "type": TYPE_BASE + "internal",
            "title": "Something failed here",
            "titles": pack.problem(("internal",), {})["titles"],
            "incident": incident,
        }
    )
    return echo.receipt("failed", problem=problem)


def put_off(echo: Echo, pack: Pack) -> Receipt:
    """The receipt of an event that was one too many in a batch whose withdrawals were taken: send it again."""
    return echo.receipt("failed", problem=refused([Refusal("too-many-at-a-time", "")], pack.remedy, pack.problem))
