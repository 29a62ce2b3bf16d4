"""How rarely cycles are searched for, once a service has been put together."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.kit.base.garbage_collection import NEW_OBJECTS, tune_gc
from shared.kit.runtime import admin_commands

pytestmark = pytest.mark.unit
# where one is alone, that one
SERVICES = sorted(found.parent.name for found in (Path(__file__).parents[3] / "services").glob("*/__main__.py"))
assert SERVICES


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()
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

    @pytest.mark.parametrize("service", SERVICES)
    def test_is_off_while_a_service_loads_and_not_for_who_only_imports_its_program(self, service: str) -> None:
        """As tests do: it would stay off for all that follow."""
        imported = f"import gc, services.{service}.__main__; print(gc.isenabled())"
        begun = (
            "import contextlib, gc, runpy, sys; sys.argv = ['x', 'no command of ours']\n"
            f"with contextlib.suppress(SystemExit): runpy.run_module('services.{service}', run_name='__main__')\n"
            "print(gc.isenabled())"
        )
        for program, searches in ((imported, "True\n"), (begun, "False\n")):
            found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
            assert found.stdout == searches

    def test_a_cycle_made_afterwards_is_found(self) -> None:
        tune_gc()
        cycle: list[object] = []
        cycle.append(cycle)
        del cycle
        assert gc.collect() >= 1
