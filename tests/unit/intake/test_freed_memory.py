"""What a transaction held is freed with it, and not once somebody looks for cycles."""

from __future__ import annotations

import gc

import pytest

from shared.kit.store.unit_of_work import UnitOfWork
from tests.unit.intake.memory import House, example

pytestmark = pytest.mark.unit


async def test_nothing_of_a_batch_waits_for_the_search_for_cycles() -> None:
    house = House()
    arrival = house.event("person-enrolled", example("person-enrolled"))
    await house.send_all([arrival, house.event("person-enrolled", {})])
    gc.collect()
    gc.disable()
    try:
        jobs = [house.event("job-posted", example("job-posted", reference=f"J-{n}"), by="gjf") for n in range(5)]
        await house.send_all([*jobs, house.event("job-updated", {"reference": "J-1"}, by="gjf")], by="gjf")
        # by type: `isinstance` asks an object for its class, and a weak proxy whose object is gone raises
        assert not any(type(each) is UnitOfWork for each in gc.get_objects())
    finally:
        gc.enable()
