"""What a file would be taken as, before it is sent: columns, the first rows without anything that may name a person,
and what is wrong with these rows as far as no store is needed to know it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from itertools import islice
from typing import Any

from pydantic import Field

from services.intake.dependencies import Dependencies
from services.intake.event_validation import Validation
from shared.events.refusal import Refusal
from shared.files import Converted, Converter, EmptyRows, Unreadable, visible
from shared.files.headings import Headings, letter
from shared.files.preview import MOST_ROWS
from shared.files.report import column_of
from shared.kit.web.problem_details import Finding, findings
from shared.kit.web.response_model import Answer
from shared.screening.findings import Budget


class RowFinding(Finding):
    """What is wrong with a row. `column`: as spreadsheets name it. `warning`: the row was taken all the same."""

    row: int
    column: str | None = None
    warning: bool | None = None


class PreviewColumn(Answer):
    """Which field a column is. Without `field`: passed over, or not understood, which the findings say then."""

    column: str
    field: str | None = None


class PreviewRow(Answer):
    """A row as an event. `data`: codes, amounts and days as they were understood; `…` stands for any other text, and
    nothing of an identity is here."""

    row: int
    type: str | None = None
    data: dict[str, Any] | None = None


class FilePreview(Answer):
    """What a file would be taken as. `findings`: of the headings and of these rows; what only Ieum's own data can tell,
    `testrun` tells."""

    columns: list[PreviewColumn]
    rows: list[PreviewRow]
    findings: list[RowFinding] = Field(default_factory=list)


class Start:
    """The beginning of a file, read."""

    def __init__(self, headings: Headings | None, rows: list[Converted], stopped: Unreadable | None) -> None:
        self._headings, self.rows, self._stopped = headings, rows, stopped

    @classmethod
    def of(cls, body: bytes, converter: Converter, type: str | None, empty: EmptyRows | None = None) -> Start:
        """Raises Unreadable."""
        headings, found = converter.opened(io.BytesIO(body), type, empty)
        rows: list[Converted] = []
        stopped = None
        try:
            rows.extend(islice(found, MOST_ROWS))
        except Unreadable as unreadable:
            stopped = unreadable
        return cls(headings, rows, stopped)

    async def shown(self, agency: str, validation: Validation, dependencies: Dependencies) -> FilePreview:
        """With what is wrong."""
        now, budget, pack = dependencies.clock.calendar(), Budget(), dependencies.pack
        today = dependencies.day(now)
        rows: list[PreviewRow] = []
        found: list[RowFinding] = []
        async with dependencies.slices.work() as pause:
            for row in self.rows:
                refusals, warnings = row.refusals, row.warnings
                if row.event is not None:
                    one = validation.validate(row.event, agency, now, budget)
                    refusals, warnings = one.refusals, (*warnings, *one.warnings)
                    data = visible(row.event, pack, today)
                    rows.append(PreviewRow(row=row.row, type=one.echo.type, data=data))
                found += self._told(row, refusals, None, dependencies)
                found += self._told(row, warnings, True, dependencies)
                await pause()
        if self._stopped is not None:
            last = Converted(self.rows[-1].row + 1 if self.rows else 1, None)
            found += self._told(last, (self._stopped.refusal,), None, dependencies)
        return FilePreview(columns=self._columns(), rows=rows, findings=found)

    def _columns(self) -> list[PreviewColumn]:
        if self._headings is None:
            return []
        fields: Mapping[int, str | None] = {each.at: each.pointer for each in self._headings.placed}
        return [PreviewColumn(column=letter(at), field=fields.get(at)) for at in self._headings.seen]

    @staticmethod
    def _told(
        row: Converted, refusals: tuple[Refusal, ...], warning: bool | None, dependencies: Dependencies
    ) -> list[RowFinding]:
        return [
            RowFinding(row=row.row, column=column_of(one.field, row) or None, warning=warning, **one.model_dump())
            for one in findings(refusals, dependencies.pack.remedy)
        ]
