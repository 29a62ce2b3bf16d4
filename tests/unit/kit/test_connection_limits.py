"""Places for connections: whoever only holds them open holds nobody off, and probes always find one."""

from __future__ import annotations

import pytest

from shared.kit.base import metrics
from shared.kit.web.connection_limits import RESERVE, SLOW_SECONDS, Connections
from shared.kit.web.edge_settings import EdgeSettings

pytestmark = pytest.mark.unit


class One:
    def __init__(self, address: str = "a", free: bool = False) -> None:
        self.address = address
        self.address_free = free
        self.ended: list[str] = []
        self.late: str | None = None

    def cut(self, reason: str) -> None:
        self.ended.append(reason)

    def overdue(self, now: float) -> str | None:
        return self.late


def made(connections: int = 3, per_address: int = 3) -> Connections:
    return Connections(EdgeSettings(connections=connections, connections_per_address=per_address))


def entered(found: Connections, *ones: One) -> list[str | None]:
    return [found.enter(one) for one in ones]


def test_the_longest_without_a_request_gives_way() -> None:
    found, ones = made(), [One(str(number)) for number in range(5)]
    assert entered(found, *ones) == ["open"] * 5
    assert [one.ended for one in ones] == [["gave-way"], ["gave-way"], [], [], []]


def test_one_that_is_being_answered_never_does_and_probes_find_a_reserve() -> None:
    found, ones = made(), [One(str(number)) for number in range(3)]
    entered(found, *ones)
    for one in ones:
        found.works(one)
    more = [One("x") for _ in range(RESERVE + 5)]
    assert entered(found, *more) == ["reserve"] * (RESERVE + 5)
    assert not any(one.ended for one in ones)
    assert [one.ended for one in more[:6]] == [["gave-way"]] * 5 + [[]]


def test_when_all_of_the_reserve_is_answered_there_is_no_place() -> None:
    found = made(connections=1)
    ones = [One(str(number)) for number in range(1 + RESERVE)]
    for one in ones:
        found.enter(one)
        found.works(one)
    assert found.enter(One("x")) is None
    found.leave(ones[0])
    assert found.enter(One("x")) == "open"


def test_good_keys_give_way_last() -> None:
    found, good = made(), One("good")
    found.enter(good)
    found.works(good)
    found.waits(good, "idle")
    others = [One(str(number)) for number in range(50)]
    assert set(entered(found, *others)) == {"open"}
    assert good.ended == []
    assert sum(bool(one.ended) for one in others) == 48


def test_one_address_gives_way_to_itself_alone() -> None:
    found, other = made(connections=10, per_address=2), One("other")
    found.enter(other)
    many = [One("many") for _ in range(20)]
    entered(found, *many)
    assert other.ended == []
    assert sum(not one.ended for one in many) == 2
    for one in many[-2:]:
        found.works(one)
    assert found.enter(One("many")) == "reserve"
    assert found.enter(One("other")) == "open"


def test_of_one_address_too_good_keys_give_way_last() -> None:
    found, good = made(connections=100, per_address=3), One()
    found.enter(good)
    found.waits(good, "idle")
    others = [One() for _ in range(50)]
    assert set(entered(found, *others)) == {"open"}
    assert good.ended == []
    assert sum(bool(one.ended) for one in others) == 48


def test_a_trusted_proxy_has_no_limit_of_one_address() -> None:
    found, ones = made(connections=10, per_address=2), [One("proxy", free=True) for _ in range(10)]
    assert entered(found, *ones) == ["open"] * 10
    assert not any(one.ended for one in ones)


def test_a_sweep_ends_what_takes_too_long_and_counts_why() -> None:
    found, slow, quick = made(), One("slow"), One("quick")
    entered(found, slow, quick)
    slow.late = "slow-head"
    before = metrics.connections_cut.of(reason="slow-head")._value.get()
    found.sweep()
    assert (slow.ended, quick.ended) == (["slow-head"], [])
    assert metrics.connections_cut.of(reason="slow-head")._value.get() == before + 1
    assert metrics.connections.of(kind="open")._value.get() == 1


def test_nothing_is_left_of_those_who_went() -> None:
    found = made(connections=100, per_address=100)
    ones = [One(str(number)) for number in range(50)]
    for one in ones:
        found.enter(one)
        found.works(one)
        found.waits(one, "idle")
        found.leave(one)
        found.leave(one)
        found.waits(one, "idle")
    assert not list(found)
    assert not any([+found._open, +found._count, *found._waiting.values()])


def test_who_sends_slowly_gives_way_before_whoever_has_just_come_and_before_the_idle() -> None:
    now = 0.0
    found = Connections(EdgeSettings(connections=3, connections_per_address=3), clock=lambda: now)
    idle, slow, new, *more = [One(str(number)) for number in range(8)]
    for one in (idle, slow):
        found.enter(one)
        found.works(one)
    found.waits(idle, "idle")
    found.waits(slow, "coming")
    now = SLOW_SECONDS
    assert entered(found, new, more[0]) == ["open"] * 2
    assert (slow.ended, new.ended, idle.ended) == (["gave-way"], [], [])
    assert found.enter(more[1]) == "open"
    assert (new.ended, idle.ended) == (["gave-way"], [])  # nobody is slow any more: as before
    found.waits(more[0], "coming")
    found.works(more[1])
    now += SLOW_SECONDS / 2
    assert entered(found, more[2], more[3]) == ["open"] * 2
    assert (more[0].ended, more[2].ended, idle.ended) == (["gave-way"], ["gave-way"], [])
    found.leave(more[3])
    assert found.enter(more[4]) == "open"
    assert idle.ended == []
