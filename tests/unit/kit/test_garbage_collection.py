"""How rarely cycles are searched for, once a service has been put together."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from shared.kit.base.garbage_collection import NEW_OBJECTS, tune_gc

pytestmark = pytest.mark.unit


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
        loaded = "import gc, services.notifications.__main__ as main; print(gc.isenabled())"
        found = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
        assert found.stdout == "False\n"
        gc.disable()
        tune_gc()
        assert gc.isenabled()

    def test_a_cycle_made_afterwards_is_found(self) -> None:
        tune_gc()
        cycle: list[object] = []
        cycle.append(cycle)
        del cycle
        assert gc.collect() >= 1
