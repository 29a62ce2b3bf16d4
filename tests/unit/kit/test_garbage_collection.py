"""How rarely cycles are searched for, once a service has been put together."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from shared.kit.base.garbage_collection import NEW_OBJECTS, tune_gc
from shared.kit.runtime import admin_commands

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    gc.unfreeze()  # the run froze what it loaded
    yield
    gc.set_threshold(*before)
    gc.freeze()
    gc.enable()


class TestSettle:
    def test_leaves_out_what_exists_and_searches_less_often_but_still_does(self) -> None:
        tune_gc()
        assert gc.get_freeze_count() > 1_000
        assert gc.get_threshold()[0] == NEW_OBJECTS
        assert gc.isenabled()

    def test_searches_again_once_all_is_loaded(self) -> None:
        gc.disable()
        tune_gc()
        assert gc.isenabled()

    def test_a_command_searches_from_its_start(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        async def searching(*_: object) -> str:
            return str(gc.isenabled())

        monkeypatch.setattr(admin_commands, "_run", searching)
        gc.disable()
        unused: Any = None
        assert admin_commands.run_command(unused, unused) == 0
        assert capsys.readouterr().out == "True\n"

    def test_a_cycle_made_afterwards_is_found(self) -> None:
        tune_gc()
        cycle: list[object] = []
        cycle.append(cycle)
        del cycle
        assert gc.collect() >= 1
