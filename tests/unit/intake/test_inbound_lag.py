"""What waits in agencies' topics is told whether their readers ask for anything or not. No broker."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.intake import metrics
from services.intake.inbound.lag import Lag
from services.intake.inbound.reader import Inbound
from shared.kit.kafka.records import Partition

pytestmark = pytest.mark.unit


class Told(Lag):
    """With ends and checkpoints as they are given."""

    def __init__(self, ends: Mapping[str, dict[int, int]], done: Mapping[Partition, int]) -> None:
        self.retried = list[tuple[str, str]]()
        observer = SimpleNamespace(retried=lambda *each: self.retried.append(each))
        super().__init__(
            cast(Any, SimpleNamespace(instance="a")), cast(Any, {"checkpoints": None}), cast(Any, observer)
        )
        self.ends, self._checkpoints = ends, cast(Any, self)
        self.decided = done

    async def _ends(self, inbound: Inbound) -> dict[int, int]:
        if inbound.agency not in self.ends:
            raise TimeoutError
        return self.ends[inbound.agency]

    async def done(self, places: Mapping[Partition, str]) -> dict[Partition, int]:
        assert set(places.values()) == {"id"}
        return {place: self.decided.get(place, -1) for place in places}


def inbound(agency: str, partitions: int = 1) -> Inbound:
    return Inbound(agency, f"inbound.{agency}", "id", partitions, f"answers.{agency}")


def lag(agency: str) -> float:
    return cast(float, cast(Any, metrics.inbound_lag.of(agency=agency))._value.get())


async def test_it_is_the_end_less_the_checkpoint_whatever_a_reader_has_polled() -> None:
    told = Told({"lag-a": {0: 4_003, 1: 5}}, {Partition("inbound.lag-a", 0): 2, Partition("inbound.lag-a", 1): 4})
    await told.tell([inbound("lag-a", 2)])
    assert lag("lag-a") == 4_000
    await Told({"lag-a": {0: 7}}, {}).tell([inbound("lag-a")])
    assert lag("lag-a") == 7


async def test_a_topic_that_cannot_be_asked_hides_no_other_and_one_that_is_gone_is_forgotten() -> None:
    told = Told({"lag-b": {0: 3}, "lag-c": {0: 4}}, {})
    await told.tell([inbound("lag-x"), inbound("lag-b"), inbound("lag-c")])
    assert (lag("lag-b"), lag("lag-c"), told.retried) == (3, 4, [("inbound_lag", "TimeoutError")])
    told.ends = {"lag-c": {0: 5}}
    await told.tell([inbound("lag-b"), inbound("lag-c")])
    assert (lag("lag-b"), lag("lag-c")) == (3, 5)
    await told.tell([inbound("lag-c")])
    assert lag("lag-b") == 0
