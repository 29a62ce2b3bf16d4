"""Rates and counts at once: what is too much is refused with what, when, and what to do; nobody fills the memory."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import ValidationError

from shared.kit.base import metrics
from shared.kit.web import quotas
from shared.kit.web.edge_settings import EdgeSettings
from shared.kit.web.problems import Problem
from shared.kit.web.quotas import Quotas, address_of

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "LONGEST_DELAY", 0.0)


def made(**settings: Any) -> Quotas:
    return Quotas(EdgeSettings(**settings))


class TestRates:
    def test_a_burst_is_taken_and_what_is_more_is_not(self) -> None:
        found = made(limit_events="1/100")
        assert [found.over("events", "a", 40) is None for _ in range(4)] == [True, True, False, False]
        assert found.over("events", "a", 20) is None, "what was refused was not charged"

    def test_one_key_takes_nothing_from_another_nor_one_limiter_from_another(self) -> None:
        found = made(limit_events="1/1", limit_forbids="1/1")
        assert found.over("events", "a") is None
        assert found.over("events", "a") is not None
        assert found.over("events", "b") is None
        assert found.over("forbids", "a") is None

    async def test_the_answer_says_which_how_much_and_when(self) -> None:
        found = made(limit_lookups="2/10")
        await found.charge("lookups", "a", 10)
        with pytest.raises(Problem) as raised:
            await found.charge("lookups", "a", 6)
        problem = raised.value
        assert (problem.status, problem.details.rule) == (429, "lookups")
        assert problem.headers == {
            "Retry-After": "3",
            "RateLimit-Policy": '"lookups";q=10;w=5',
            "RateLimit": '"lookups";r=0;t=3',
        }

    def test_so_many_are_remembered_and_those_longest_unseen_are_forgotten(self) -> None:
        found = made(limit_wrong_keys="1/1", limit_tracked=10)
        for number in range(1_000):
            found.over("wrong-keys", f"192.0.2.{number}")
        store = found._rates["wrong-keys"].limiter._store
        assert len(store._backend._client) <= 10  # type: ignore[attr-defined]  # the library's own
        assert found.over("wrong-keys", "192.0.2.999") is not None

    def test_are_counted_by_the_name_of_the_limiter_alone(self) -> None:
        before = metrics.http_limited.of(reason="events")._value.get()
        found = made(limit_events="1/1")
        for _ in range(3):
            found.over("events", "whoever")
        assert metrics.http_limited.of(reason="events")._value.get() == before + 2

    async def test_a_refusal_takes_its_time_but_only_so_many_wait(self, monkeypatch: pytest.MonkeyPatch) -> None:
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        monkeypatch.setattr(quotas, "LONGEST_DELAY", 0.5)
        monkeypatch.setattr(quotas.asyncio, "sleep", sleep)
        found = made()
        await found.delay(quotas.too_many("events", 7.0))
        found._delayed = quotas.MOST_DELAYED
        await found.delay(quotas.too_many("events", 7.0))
        assert slept == [0.5]


class TestAtOnce:
    def test_counts_what_is_in_progress_by_key(self) -> None:
        found = made(at_once_polls=2)
        with found.hold("polls-at-once", "a"), found.hold("polls-at-once", "a"):
            with pytest.raises(Problem) as raised, found.hold("polls-at-once", "a"):
                raise AssertionError("a third")
            with found.hold("polls-at-once", "b"), found.hold("requests-at-once", "a"):
                pass
        assert (raised.value.status, raised.value.headers) == (429, {"Retry-After": "1"})
        assert not found._held, "nothing is left behind"
        with found.hold("polls-at-once", "a"):
            pass


class TestTurns:
    async def test_so_many_of_a_key_are_worked_on_and_the_others_wait_for_them_alone(self) -> None:
        found, begun, gate = made(at_once_working=2), list[str](), asyncio.Event()

        async def work(who: str) -> None:
            done = await found.turn(who)
            begun.append(who)
            await gate.wait()
            done()

        tasks = [asyncio.create_task(work(who)) for who in ["a"] * 5 + ["b"]]
        await asyncio.sleep(0)
        assert begun == ["a", "a", "b"]
        tasks[4].cancel()
        gate.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert begun == ["a", "a", "b", "a", "a"]
        assert not found._working, "nothing is left behind"

    async def test_a_turn_that_does_not_come_is_a_refusal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(quotas, "LONGEST_TURN", 0.01)
        found = made(at_once_working=1)
        done = await found.turn("a")
        with pytest.raises(Problem) as raised:
            await found.turn("a")
        assert (raised.value.status, raised.value.details.rule) == (429, "requests-at-once")
        done()
        assert not found._working


class TestSettings:
    @pytest.mark.parametrize("text", ["0/5", "5/0", "5", "5/", "-1/5", "1e3/5", "5/5/5", "5 / 5"])
    def test_a_rate_is_sustained_and_burst(self, text: str) -> None:
        with pytest.raises(ValidationError):
            EdgeSettings(limit_events=text)


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa:bbbb:cccc:dddd", "2001:db8:1:2::"),
        ("2001:db8:1:2::1", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("no address", "unknown"),
    ],
)
def test_an_address_is_counted_by_whoever_has_it(host: str, counted: str) -> None:
    assert address_of({"client": (host, 1)}) == counted
    assert address_of({"client": None}) == "unknown"
