"""What was found allowed counts only while it is sure that nothing was forbidden since."""

from __future__ import annotations

import pytest

from services.notifications.delivery.heard_prohibitions import HeardProhibitions

pytestmark = pytest.mark.unit


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def heard(clock: Clock) -> HeardProhibitions:
    heard = HeardProhibitions(clock)
    heard.follow(lambda seconds: True)
    return heard


def test_nothing_was_heard_of_either(heard: HeardProhibitions) -> None:
    heard.about("another")
    assert heard.nothing_since(1_000.0, "person", "agency")


@pytest.mark.parametrize("who", ["person", "agency"])
def test_something_was_heard_of_one_of_them_also_before_it_was_found_allowed(
    heard: HeardProhibitions, clock: Clock, who: str
) -> None:
    heard.about(who)
    clock.now += 61  # the transaction that found it allowed may have begun before
    assert not heard.nothing_since(clock.now, "person", "agency")


def test_what_was_heard_is_forgotten_when_no_transaction_of_then_can_be_alive(
    heard: HeardProhibitions, clock: Clock
) -> None:
    heard.about("person")
    clock.now += 121  # also when nothing is heard of anybody else
    assert heard.nothing_since(clock.now, "person", "agency")


def test_what_is_heard_again_is_kept_from_then_on(heard: HeardProhibitions, clock: Clock) -> None:
    heard.about("person")
    clock.now += 100
    heard.about("person")
    clock.now += 100
    heard.about("another")
    assert not heard.nothing_since(clock.now, "person", "agency")


def test_it_counts_for_half_a_minute(heard: HeardProhibitions, clock: Clock) -> None:
    clock.now += 31
    assert not heard.nothing_since(1_000.0, "person", "agency")


def test_a_stream_that_may_not_have_heard_all_makes_nothing_sure(clock: Clock) -> None:
    heard = HeardProhibitions(clock)
    assert not heard.is_sure(), "nobody says that all is heard"
    asked: list[float] = []

    def current(seconds: float) -> bool:
        asked.append(seconds)
        return False

    heard.follow(current)
    assert not heard.is_sure()
    assert asked == [2.0]
