"""Probes: what is needed is asked with a time-out; only a consumer that is stuck is condemned."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pymongo.errors import ServerSelectionTimeoutError

from shared.kit.base import supervise
from shared.kit.base.backoff import wait_or_stop
from shared.kit.runtime.service_runtime import ServiceRuntime
from shared.kit.web import probes
from shared.kit.web.middleware import Outermost
from shared.kit.web.probes import Health, Role, Watchdog, probe_routes

pytestmark = pytest.mark.unit
PEOPLE = ("people", 0)
MATCHES = ("matches", 0)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watchdog(clock: Clock) -> Watchdog:
    return Watchdog(120, clock)


async def answers() -> None:
    """A dependency that is there."""


async def fails() -> None:
    raise ConnectionError("secret")


async def hangs() -> None:
    await asyncio.sleep(60)


class TestWatchdog:
    def test_lets_an_idle_consumer_live_for_ever(self, watchdog: Watchdog, clock: Clock) -> None:
        watchdog.note({PEOPLE: (5, 5)})
        clock.now = 10_000
        assert not watchdog.stalled

    def test_does_not_condemn_the_first_record_after_a_long_quiet(self, watchdog: Watchdog, clock: Clock) -> None:
        watchdog.note({PEOPLE: (5, 5)})
        clock.now = 10_000
        watchdog.note({PEOPLE: (5, 5)})
        watchdog.note({PEOPLE: (5, 6)})
        clock.now += 119
        assert not watchdog.stalled

    def test_condemns_when_records_wait_and_nothing_moves(self, watchdog: Watchdog, clock: Clock) -> None:
        watchdog.note({PEOPLE: (5, 9)})
        clock.now = 60
        watchdog.note({PEOPLE: (5, 12)})
        clock.now = 120
        assert watchdog.stalled

    def test_is_content_when_any_partition_moves(self, watchdog: Watchdog, clock: Clock) -> None:
        watchdog.note({PEOPLE: (5, 9), MATCHES: (1, 90)})
        clock.now = 119
        watchdog.note({PEOPLE: (5, 9), MATCHES: (2, 90)})
        clock.now = 121
        assert not watchdog.stalled

    def test_is_not_content_with_what_is_set_back_and_comes_again(self, watchdog: Watchdog, clock: Clock) -> None:
        for clock.now, position in enumerate([5, 3] + [5, 5, 5] * 50):
            watchdog.note({PEOPLE: (position, 9)})
        assert watchdog.stalled

    def test_is_content_with_a_topic_that_is_read_from_its_beginning(self, watchdog: Watchdog, clock: Clock) -> None:
        for clock.now, position in enumerate([5_000, *range(150)]):
            watchdog.note({PEOPLE: (position, 9_000)})
        assert not watchdog.stalled

    def test_begins_anew_when_partitions_come_and_go(self, watchdog: Watchdog, clock: Clock) -> None:
        watchdog.note({PEOPLE: (5, 9)})
        clock.now = 119
        watchdog.note({})
        watchdog.note({PEOPLE: (5, 9)})
        clock.now = 121
        assert not watchdog.stalled


def stuck(watchdog: Watchdog, clock: Clock) -> Watchdog:
    watchdog.note({PEOPLE: (5, 9)})
    clock.now += 500
    return watchdog


class TestLive:
    async def get(self, health: Health, path: str) -> httpx.Response:
        app = FastAPI()
        app.add_middleware(Outermost)
        app.include_router(probe_routes(lambda: health))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.get(path)

    async def test_is_no_when_everything_answers_and_nothing_moves(self, watchdog: Watchdog, clock: Clock) -> None:
        health = Health(stuck(watchdog, clock), {"mongodb": answers}, {"kafka": answers})
        answer = await self.get(health, "/live")
        assert (answer.status_code, answer.json()) == (503, {"live": False, "reason": "stalled"})

    async def test_is_no_when_nothing_will_be_done_any_more(self, watchdog: Watchdog) -> None:
        health = Health(watchdog, {"mongodb": fails}, {}, broken=lambda: True)
        answer = await self.get(health, "/live")
        assert (answer.status_code, answer.json()) == (503, {"live": False, "reason": "broken"})

    @pytest.mark.parametrize("away", [fails, hangs])
    async def test_is_yes_while_a_dependency_is_away_and_for_a_while_after(
        self, away: probes.Check, watchdog: Watchdog, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(probes, "CHECK_SECONDS", 0.02)
        health = Health(stuck(watchdog, clock), {"mongodb": answers}, {"kafka": away})
        assert (await self.get(health, "/live")).status_code == 200
        health._others = {"kafka": answers}
        assert (await self.get(health, "/live")).status_code == 200

    async def test_many_who_ask_at_once_cost_one_asking(self, watchdog: Watchdog) -> None:
        count = 0

        async def asked() -> None:
            nonlocal count
            count += 1
            await asyncio.sleep(0.01)

        health = Health(watchdog, {"mongodb": asked}, {})
        assert await asyncio.gather(*(health.missing() for _ in range(50))) == [[]] * 50
        assert count == 1
        assert await health.missing() == []
        assert count == 2

    async def test_does_not_ask_anybody_while_all_is_well(self, watchdog: Watchdog) -> None:
        assert (await self.get(Health(watchdog, {"mongodb": fails}, {}), "/live")).status_code == 200

    async def test_ready_names_what_is_missing_and_not_why(
        self, watchdog: Watchdog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(probes, "CHECK_SECONDS", 0.02)
        health = Health(watchdog, {"mongodb": fails, "kafka": hangs, "third": answers}, {})
        health.phase = "running"
        answer = await self.get(health, "/ready")
        assert answer.status_code == 503
        assert answer.json() == {"ready": False, "phase": "running", "missing": ["mongodb", "kafka"]}

    @pytest.mark.parametrize("away", [fails, hangs])
    async def test_ready_without_what_is_not_needed_and_says_that_it_is_away(
        self, watchdog: Watchdog, away: probes.Check, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(probes, "GLANCE_SECONDS", 0.02)
        health = Health(watchdog, {"mongodb": answers}, {"kafka": away, "third": answers})
        health.phase = "running"
        answer = await self.get(health, "/ready")
        assert answer.status_code == 200
        assert answer.json() == {"ready": True, "phase": "running", "missing": [], "away": ["kafka"]}

    @pytest.mark.parametrize(("role", "status"), [("standby", 200), ("loading", 503), ("active", 200)])
    async def test_ready_says_its_role_and_a_standby_is_ready_but_not_one_that_loads(
        self, watchdog: Watchdog, role: Role, status: int
    ) -> None:
        health = Health(watchdog, {"mongodb": answers}, {})
        health.phase, health.role = "running", role
        answer = await self.get(health, "/ready")
        assert (answer.status_code, answer.json()["role"]) == (status, role)


class TestSupervise:
    async def test_starts_a_crashed_loop_again_and_ends_with_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        runs = 0

        async def crashing() -> None:
            nonlocal runs
            runs += 1
            if runs < 3:
                raise ValueError("secret")

        await supervise.supervise(crashing, asyncio.Event())
        assert runs == 3
        written = capsys.readouterr().out
        assert written.count('"event":"loop_crashed"') == 2
        assert "secret" not in written

    async def test_tries_again_while_the_database_is_away_which_is_no_crash(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        runs, crashes = 0, supervise.metrics.loop_restarts.of(kind="probing")._value.get()

        async def probing() -> None:
            nonlocal runs
            runs += 1
            if runs < 3:
                raise ServerSelectionTimeoutError("secret")

        runtime: Any = SimpleNamespace(_loops=[], stopping=asyncio.Event())
        ServiceRuntime._run(runtime, probing)
        await asyncio.gather(*runtime._loops)
        assert runs == 3
        written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        told = [(each["event"], each["loop"], each["error"]) for each in written]
        assert told == [("trying_again", "probing", "ServerSelectionTimeoutError")] * 2
        assert supervise.metrics.loop_restarts.of(kind="probing")._value.get() == crashes

    async def test_does_not_wait_out_its_pause_when_stopping(self) -> None:
        stopping = asyncio.Event()

        async def crashing() -> None:
            stopping.set()
            raise ValueError

        async with asyncio.timeout(5):
            await supervise.supervise(crashing, stopping)

    async def test_wait_or_stop_tells_which_it_was(self) -> None:
        stopping = asyncio.Event()
        assert not await wait_or_stop(stopping, 0.001)
        stopping.set()
        assert await wait_or_stop(stopping, 60)
