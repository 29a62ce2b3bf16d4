"""The failpoints are functions that the product really has, and a service stops itself there when it is told to."""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from verification.chaos.failpoint_service import Trigger, wrapped
from verification.chaos.failpoints import ALL, Failpoint

pytestmark = pytest.mark.unit
BEFORE = Failpoint("before", "somewhere:f", "before")
AFTER = Failpoint("after", "somewhere:f", "after")


class Struck:
    """A trigger whose signals are only noted, and the orders for it."""

    def __init__(self, folder: Path) -> None:
        self.orders = folder / "orders"
        self.signals: list[signal.Signals] = []
        self.trigger = Trigger(self.orders, self.signals.append)

    def order(self, **order: Any) -> None:
        self.orders.write_text(json.dumps(order))
        self.trigger.poll()


@pytest.fixture
def struck(tmp_path: Path) -> Struck:
    return Struck(tmp_path)


class TestThePoints:
    @pytest.mark.parametrize("failpoint", ALL, ids=lambda failpoint: failpoint.name)
    def test_is_a_function_of_the_product(self, failpoint: Failpoint) -> None:
        module, _, path = failpoint.where.partition(":")
        found = functools.reduce(getattr, path.split("."), importlib.import_module(module))
        assert inspect.isfunction(found)


class TestTrigger:
    def test_send_signals_at_the_pass_it_was_told_and_never_again(self, struck: Struck) -> None:
        struck.order(failpoint="here", passes=2, signal="SIGSTOP")
        for _ in range(5):
            struck.trigger.passed("here")
            struck.trigger.passed("elsewhere")
        assert struck.signals == [signal.SIGSTOP]

    def test_takes_an_order_away_and_tells_when_it_was_carried_out(self, struck: Struck) -> None:
        struck.order(failpoint="here", passes=1)
        assert not struck.orders.exists()
        struck.trigger.passed("here")
        assert json.loads(struck.orders.with_suffix(".done").read_text())["failpoint"] == "here"

    def test_an_empty_order_takes_back_what_was_armed(self, struck: Struck) -> None:
        struck.order(failpoint="here", passes=1)
        struck.order()
        struck.trigger.passed("here")
        assert struck.signals == []

    def test_does_nothing_without_an_order_or_with_half_of_one(self, struck: Struck) -> None:
        struck.trigger.poll()
        struck.orders.write_text('{"failpoint": "he')
        struck.trigger.poll()
        struck.trigger.passed("here")
        assert struck.signals == []


class TestWrapped:
    def test_is_passed_before_the_function_begins(self, struck: Struck) -> None:
        seen: list[int] = []
        struck.order(failpoint="before", passes=1)
        function = wrapped(lambda: seen.append(len(struck.signals)), BEFORE, struck.trigger)
        function()
        assert seen == [1]

    async def test_is_passed_after_a_coroutine_was_awaited_and_gives_its_result(self, struck: Struck) -> None:
        async def ask(value: int) -> int:
            return value

        struck.order(failpoint="after", passes=1)
        under_way = wrapped(ask, AFTER, struck.trigger)(7)
        assert struck.signals == []
        assert await under_way == 7
        assert struck.signals == [signal.SIGKILL]

    def test_is_not_passed_at_its_end_when_the_function_fails(self, struck: Struck) -> None:
        def fail() -> None:
            raise ValueError

        struck.order(failpoint="after", passes=1)
        with pytest.raises(ValueError):  # noqa: PT011  it is ours
            wrapped(fail, AFTER, struck.trigger)()
        assert struck.signals == []
