"""What is printed: tables for people, one JSON object for programs; findings as they come, progress beside them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from shared.files import Line, Report

MOST_SHOWN = 50  # findings on the screen; all are in the report

_WORDS = {
    "ko": {
        "rows": "행", "not_sent": "보내지 않음", "warnings": "경고", "fit": "형식에 맞음", "unfit": "형식에 맞지 않음",
        "accepted": "접수", "duplicate": "이미 접수됨", "superseded": "더 새것이 있음", "refused": "거부",
        "failed": "실패",
    }
}  # fmt: skip
_NOT_KNOWN = {
    "ko": "여기서는 알 수 없는 것: 귀 기관에 권한이 있는지({rights}), 누가 등록되어 있고 앞서 무엇을 보냈는지, "
    "전화번호와 메일 주소를 읽을 수 있는지. ieum send --testrun이 아무 영향 없이 모두 확인합니다.",
    "en": "Not known here: whether your agency has the rights ({rights}), who is registered and what came before, and "
    "whether phone numbers and mail addresses can be read. ieum send --testrun asks for all of it, without any effect.",
}
_WIDE = 240  # where nobody looks, nothing is cut
stdout = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDE)
stderr = Console(stderr=True, highlight=False)


class Findings:
    """Collects findings of a file: the first for the screen, all for the report, in the encoding of the file."""

    def __init__(self, report: Path | None, encoding: str) -> None:
        self.count = 0
        self.shown: list[Line] = []
        self._path, self._encoding = report, encoding
        self._stream: Any = None
        self._report: Report | None = None

    def tell(self, line: Line) -> None:
        """One more."""
        self.count += 1
        if len(self.shown) < MOST_SHOWN:
            self.shown.append(line)
        if self._path is None:
            return
        if self._report is None:  # only when there is something to tell
            self._stream = self._path.open("wb")
            self._report = Report(self._stream, self._encoding)
        self._report.add(line)

    def end(self) -> None:
        """Close the report."""
        if self._report is not None:
            self._report.end()
            self._stream.close()

    def table(self) -> Table:
        """The first of them."""
        table = Table("row", "column", "field", "rule", "what to do", box=None, pad_edge=False)
        for line in self.shown:
            rule = f"[yellow]{line.rule}[/]" if line.warning else f"[red]{line.rule}[/]"
            table.add_row(str(line.row), line.column, line.field, rule, line.remedy)
        return table

    def as_json(self) -> list[dict[str, Any]]:
        """The first of them, for programs."""
        return [
            {"row": one.row, "column": one.column, "field": one.field, "rule": one.rule, "remedy": one.remedy,
             "warning": one.warning}
            for one in self.shown
        ]  # fmt: skip


def result(said: dict[str, Any]) -> None:
    """One line of names and counts."""
    stdout.print(", ".join(f"{name} {value}" for name, value in said.items()), markup=False)


def counts(said: dict[str, int], language: str) -> None:
    """How many of what, in words."""
    words = _WORDS.get(language, {})
    shown = (f"{count} {words.get(name, name.replace('_', ' '))}" for name, count in said.items())
    stdout.print(", ".join(shown), markup=False)


def not_looked_at(rights: Iterable[str], language: str) -> None:
    """What `ieum check` cannot know."""
    stdout.print(_NOT_KNOWN.get(language, _NOT_KNOWN["en"]).format(rights=", ".join(rights)), markup=False)


def say(document: dict[str, Any]) -> None:
    """The one JSON object of `--json`."""
    stdout.print(json.dumps(document, ensure_ascii=False), markup=False)


@contextmanager
def progress(what: str, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A counter of rows beside the output, where somebody looks."""
    if quiet or not stderr.is_terminal:
        yield lambda rows: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}: {task.completed:,} rows"), TimeElapsedColumn())
    with Progress(*columns, console=stderr) as bar:
        task = bar.add_task(what, total=None)
        yield lambda rows: bar.update(task, completed=rows)
