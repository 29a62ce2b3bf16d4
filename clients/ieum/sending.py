"""A file to the door: converted row by row, sent batch by batch, every answer put to its row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from clients.ieum.api_client import MOST_BYTES, MOST_EVENTS, Json, encoded
from shared.files import Converted, Line, Unreadable, lines_about
from shared.files.report import column_of
from shared.reference import Pack


class Door(Protocol):
    """Whatever takes events, HTTP (`Hub`) or Kafka (`KafkaDoor`)."""

    def send(self, events: Sequence[Json]) -> list[Json]:
        """One answer for each event, in order. At most `MOST_EVENTS`."""
        ...


@dataclass(slots=True)
class Tally:
    """What became of a file. `unsent`: rows that are no events; `statuses`: of the others, as the door answered."""

    rows: int = 0
    unsent: int = 0
    warnings: int = 0
    statuses: Counter[str] = field(default_factory=Counter)

    @property
    def good(self) -> bool:
        """Whether every row is taken."""
        return not self.unsent and not any(self.statuses[bad] for bad in ("refused", "failed", "unfit"))

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"rows": self.rows, "not_sent": self.unsent, "warnings": self.warnings, **dict(self.statuses)}


def send(
    rows: Iterable[Converted],
    door: Door,
    pack: Pack,
    language: str,
    tell: Callable[[Line], None],
    done: Callable[[int], None],
    *,
    testrun: bool = False,
) -> Tally:
    """Send what a converter makes. `tell` is called with every finding, `done` with the rows after each batch."""
    tally = Tally()
    for batch in batches(rows):
        events = [{**row.event, **({"testrun": True} if testrun else {})} for row in batch if row.event is not None]
        answers = iter(door.send(events) if events else [])
        for row in batch:
            tally.rows += 1
            tally.warnings += len(row.warnings)
            for line in lines_about(row, pack, language):
                tell(line)
            if row.event is None:
                tally.unsent += 1
                continue
            answer = next(answers)
            tally.statuses[answer.get("status", "failed")] += 1
            for line in answered(row, answer, language):
                tally.warnings += line.warning
                tell(line)
        done(tally.rows)
    return tally


def answered(row: Converted, answer: dict[str, Any], language: str) -> Iterator[Line]:
    """The findings in the door's answer to a row."""
    problem = answer.get("problem") or {}
    found = problem.get("errors") or ([problem] if problem else [])
    for warning, findings in ((False, found), (True, answer.get("warnings") or ())):
        for finding in findings:
            field, remedies = finding.get("field") or "", finding.get("remedy") or {}
            remedy = remedies.get(language) or next(iter(remedies.values()), finding.get("title", ""))
            yield Line(row.row, column_of(field, row), field, finding.get("rule") or "", remedy, warning)


def line_of(unreadable: Unreadable, pack: Pack, language: str) -> Line:
    """Why nothing of a file, or nothing more of it, can be read."""
    refusal = unreadable.refusal
    return Line(1, "", refusal.field, refusal.rule, pack.remedy(refusal.rule, refusal.field, refusal.values)[language])


def batches(rows: Iterable[Converted]) -> Iterator[list[Converted]]:
    """Rows for one request each: no more events and bytes than that. What was read before it could not be read any
    further comes, then the reason is raised."""
    batch: list[Converted] = []
    size = events = 0
    left = iter(rows)
    while True:
        try:
            row = next(left, None)
        except Unreadable:
            if batch:
                yield batch
            raise
        if row is None:
            break
        weight = 0 if row.event is None else len(encoded(row.event))
        if batch and (events >= MOST_EVENTS or size + weight > MOST_BYTES or len(batch) >= 5 * MOST_EVENTS):
            yield batch
            batch, size, events = [], 0, 0
        batch.append(row)
        size += weight
        events += row.event is not None
    if batch:
        yield batch
