"""One attempt at a transaction, as far as it needs no database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.kit.round import Round, Task
from shared.kit.work import Work

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 20, tzinfo=UTC)
NO_DATABASE: Any = None
NO_SESSION: Any = None


class Guarding:
    """A view that may say no."""

    may = True

    def mark(self) -> None:
        if not self.may:
            raise PermissionError

    def undo(self, mark: Any) -> None: ...
    def committed(self) -> None: ...
    def aborted(self) -> None: ...


def round_of(*tasks: Task[Any], views: Any = (), clashes: Any = None) -> Round[Any]:
    return Round(tasks, Work(NOW), views, clashes or {})


class TestAViewThatSaysNo:
    async def test_stops_everything_and_no_record_is_set_apart(self) -> None:
        apart: list[Exception] = []
        healthy = Task(lambda work: (), lambda work: 1, lambda work, error: apart.append(error))
        view = Guarding()
        view.may = False
        with pytest.raises(PermissionError):
            await round_of(healthy, views=[view]).run(NO_DATABASE, NO_SESSION)
        assert apart == []
