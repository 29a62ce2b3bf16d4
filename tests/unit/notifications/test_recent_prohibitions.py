"""What was found allowed counts only while it is sure that nothing was forbidden since."""

from __future__ import annotations

import pytest

from services.notifications.delivery.recent_prohibitions import HEARS_WITHIN_SECONDS, SURE_SECONDS, RecentProhibitions

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
def heard(clock: Clock) -> RecentProhibitions:
    heard = RecentProhibitions(clock)
    heard.follow(lambda seconds: True)
    return heard


def test_nothing_was_heard_of_either(heard: RecentProhibitions) -> None:
    heard.about("another")
    assert heard.nothing_since(1_000.0, "person", "agency")


@pytest.mark.parametrize("who", ["person", "agency"])
@pytest.mark.parametrize("later", [0.0, 0.001, 29.0])
def test_something_was_heard_of_one_of_them_since_the_transaction_began(
    heard: RecentProhibitions, clock: Clock, who: str, later: float
) -> None:
    began = clock.now
    clock.now += later
    heard.about(who)
    clock.now += 0.5
    assert not heard.nothing_since(began, "person", "agency")


def test_what_was_heard_before_the_transaction_began_is_in_its_snapshot(
    heard: RecentProhibitions, clock: Clock
) -> None:
    heard.about("person")
    clock.now += 0.001
    assert heard.nothing_since(clock.now, "person", "agency")


def test_the_last_word_counts(heard: RecentProhibitions, clock: Clock) -> None:
    heard.about("person")
    began = clock.now = clock.now + 1
    clock.now += 1
    heard.about("person")
    clock.now += 20
    heard.about("another")
    assert not heard.nothing_since(began, "person", "agency")


def test_what_no_transaction_that_counts_can_have_missed_is_forgotten(heard: RecentProhibitions, clock: Clock) -> None:
    heard.about("person")
    clock.now += 31
    heard.about("another")
    assert heard.remembered == 1


def test_it_counts_for_half_a_minute(heard: RecentProhibitions, clock: Clock) -> None:
    clock.now += 31
    assert not heard.nothing_since(1_000.0, "person", "agency")


def test_a_stream_that_may_not_have_heard_all_makes_nothing_sure(clock: Clock) -> None:
    heard = RecentProhibitions(clock)
    assert not heard.is_sure(), "nobody says that all is heard"
    asked: list[float] = []

    def current(seconds: float) -> bool:
        asked.append(seconds)
        return False

    heard.follow(current)
    assert not heard.is_sure()
    assert asked == [HEARS_WITHIN_SECONDS - SURE_SECONDS]


def test_a_yes_counts_for_a_moment_and_a_no_is_asked_again_at_once(clock: Clock) -> None:
    heard, asked, answer = RecentProhibitions(clock), list[tuple[float, float]](), False

    def current(seconds: float) -> bool:
        asked.append((clock.now, seconds))
        return answer

    heard.follow(current)
    assert not heard.is_sure()
    answer = True
    for _ in range(8):
        assert heard.is_sure()
        last, seconds = asked[-1]
        assert clock.now - last + seconds <= HEARS_WITHIN_SECONDS, "no longer ago than it promises"
        clock.now += SURE_SECONDS / 4
    assert len(asked) == 3
    answer = False
    clock.now += SURE_SECONDS
    assert not heard.is_sure()


def test_another_stream_is_asked_at_once(heard: RecentProhibitions) -> None:
    assert heard.is_sure()
    heard.follow(lambda seconds: False)
    assert not heard.is_sure()
