"""Which endpoints that are down are asked again, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.notifications.subscriptions.half_open_probe import LOOK_AGAIN, Probes
from shared.kit.base.clock import Clock
from tests.unit.notifications.world import START

pytestmark = pytest.mark.unit
LATER = timedelta(seconds=40)


class Endpoints:
    """The repository: endpoints that are down, and what waits for them."""

    def __init__(self, held: timedelta, recall_at: timedelta, waits: str | None) -> None:
        self.now = START
        self.held_until, self.recall_at, self.waits = START + held, START + recall_at, waits
        self.woken: list[str] = []
        self.looked = 0
        self.there = waits  # when it is brought forward
        self.asked = False  # its partner itself asked us to wait
        self.others_first = timedelta(0)

    async def down(self) -> list[dict[str, Any]]:
        return [{"_id": "s", "held_until": self.held_until, "recall_at": self.recall_at}]

    async def with_recalls(self) -> set[str]:
        return {"s"} if self.waits == "recall" else set()

    async def end_breaker_wait(self, endpoint: dict[str, Any], since: Any) -> bool:
        assert endpoint["held_until"] == self.held_until
        if not self.asked:
            self.held_until = since
        return not self.asked

    async def bring_probe_forward(self, subscription: str, about: str, now: Any) -> bool:
        self.looked += about == "recall"
        return about == self.there

    def probes(self) -> Probes:
        anything: Any = self
        return Probes(
            anything,
            Clock(wall=lambda: self.now),
            lambda subscription, about: self.woken.append(about),
            lambda subscription, waited: waited >= self.others_first,
        )


@pytest.mark.parametrize(
    ("held", "recall_at", "waits", "woken"),
    [
        (timedelta(0), timedelta(0), "notice", ["notice"]),
        (timedelta(0), timedelta(0), "recall", ["recall"]),
        (LATER, timedelta(0), "notice", []),
        (LATER, timedelta(0), "recall", ["recall"]),
        (LATER, LATER, "recall", []),
        (timedelta(0), timedelta(0), None, []),
    ],
    ids=[
        "its wait is over",
        "and for a recall",
        "held",
        "held, but not for a recall",
        "asked to wait",
        "nothing waits",
    ],
)
async def test_who_is_asked(held: timedelta, recall_at: timedelta, waits: str | None, woken: list[str]) -> None:
    endpoints = Endpoints(held, recall_at, waits)
    await endpoints.probes().look()
    assert endpoints.woken == woken
    assert endpoints.held_until == (START if woken else START + held), "a recall ends the wait that a notice began"


@pytest.mark.parametrize("now_there", [True, False])
async def test_while_its_partner_asked_us_to_wait_a_recall_is_brought_forward_and_no_notice(now_there: bool) -> None:
    endpoints = Endpoints(LATER, timedelta(0), "recall")
    endpoints.asked = True
    if not now_there:  # it was sent since, and a notice waits
        endpoints.there = "notice"
    await endpoints.probes().look()
    assert endpoints.woken == (["recall"] if now_there else [])
    assert endpoints.held_until == START + LATER


async def test_one_for_which_nothing_waits_is_looked_at_again_after_a_while_or_when_it_has_failed_anew() -> None:
    endpoints = Endpoints(timedelta(0), timedelta(0), None)
    probes = endpoints.probes()
    for _ in range(3):
        await probes.look()
    assert endpoints.looked == 1
    endpoints.now += LOOK_AGAIN
    await probes.look()
    assert endpoints.looked == 2
    endpoints.held_until += timedelta(seconds=1)
    await probes.look()
    assert endpoints.looked == 3


@pytest.mark.parametrize("waits", ["notice", "recall"])
async def test_where_another_replica_is_to_ask_it_is_waited_for_first(waits: str) -> None:
    endpoints = Endpoints(timedelta(0), timedelta(0), waits)
    endpoints.others_first, probes = timedelta(seconds=20), endpoints.probes()
    await probes.look()
    endpoints.now += timedelta(seconds=19)
    await probes.look()
    assert (endpoints.woken, endpoints.looked) == ([], 0)
    endpoints.now += timedelta(seconds=1)
    await probes.look()
    assert endpoints.woken == [waits]


async def test_a_recall_does_not_end_a_wait_where_another_replica_is_to_ask() -> None:
    endpoints = Endpoints(LATER, timedelta(0), "recall")
    endpoints.others_first = timedelta(seconds=20)
    await endpoints.probes().look()
    assert endpoints.held_until == START + LATER
    endpoints.now += endpoints.others_first
    await endpoints.probes().look()
    assert endpoints.held_until == endpoints.recall_at, "it is over since then: nobody waits for it a second time"
