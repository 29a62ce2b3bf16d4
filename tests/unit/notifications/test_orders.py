"""What two partners could lay side by side: the order in which things come to them tells neither of the other's."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from deploy.local.timeouts import scaled
from services.notifications.channels import name_resolver
from services.notifications.channels.credentials import Credentials
from services.notifications.channels.name_resolver import Resolver
from services.notifications.channels.ssrf_guard import leads_outside
from services.notifications.channels.webhook import Limits, Webhook
from services.notifications.documents import SUBSCRIPTIONS
from services.notifications.domain.webhook_url_rules import UrlRules
from shared.kit.base.sealing import Sealer
from tests.unit.notifications.world import START, World, agency_of, hexid, match_of, person_of

pytestmark = pytest.mark.unit
AGENCIES = ("gjf", "hana")


class TestAPageOfTheFeed:
    def test_is_in_the_order_of_the_recipients_own_aliases(self) -> None:
        world = World()
        for name in AGENCIES:
            world.hear(world.event("agency-registered", agency_of(name), name, 1))
            world.subscribe(name, "feed")
        names = [f"p{n}" for n in range(8)]
        for name in names:
            world.hear(world.event("person-updated", person_of(name, AGENCIES), hexid("person", name), 1))
            for opening in ("x", "y"):
                told = world.event("match-found", match_of(name, opening), hexid("person", name), 1)
                world.hear(told)
        people = {hexid("alias", name, agency): name for name in names for agency in AGENCIES}
        orders = []
        for agency in AGENCIES:
            page, _ = world.pull(agency)
            aliases = [event["data"]["alias"] for event in page]
            assert aliases == sorted(aliases)
            assert [event["data"]["version"] for event in page] == [1, 2] * len(names)
            orders.append([people[alias] for alias in aliases])
        assert orders[0] != orders[1]


class TestWhatIsSaidAtOnce:
    def test_about_one_person_comes_in_another_order_to_each_recipient_and_of_each_person(self) -> None:
        world, openings = World(), [f"o{n}" for n in range(8)]
        for name in AGENCIES:
            world.hear(world.event("agency-registered", agency_of(name), name, 1))
            world.subscribe(name, "feed")
        for name in ("p1", "p2"):
            for opening in openings:
                world.hear(world.event("match-found", match_of(name, opening), hexid("person", name), 1))
            world.hear(world.event("person-updated", person_of(name, AGENCIES), hexid("person", name), 1))
        orders = []
        for agency in AGENCIES:
            page, _ = world.pull(agency)
            for name in ("p1", "p2"):
                own = [event["data"] for event in page if event["data"]["alias"] == hexid("alias", name, agency)]
                orders.append(tuple(data["opportunity"] for data in sorted(own, key=lambda data: data["version"])))
        assert {frozenset(order) for order in orders} == {frozenset(hexid("opportunity", o) for o in openings)}
        assert len(set(orders)) == 4


def slow_names(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, list[str]]:
    """The system's resolver answers for slow.example only after the event; whom it was asked for. Nobody waits long."""
    go_on, asked = threading.Event(), list[str]()

    def getaddrinfo(host: str, port: int, *_: Any) -> list[Any]:
        asked.append(host)
        if host == "slow.example":
            go_on.wait(20)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("203.0.113.1", port))]

    monkeypatch.setattr(name_resolver, "_RESOLVE_SECONDS", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return go_on, asked


class TestResolver:
    async def test_a_name_that_hangs_takes_one_thread_however_often_it_is_asked(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        go_on, asked = slow_names(monkeypatch)
        resolver = Resolver()
        try:
            slow = await asyncio.gather(
                *(resolver.resolve("slow.example", 443 + number // 2) for number in range(40)), return_exceptions=True
            )
            assert {type(error) for error in slow} == {TimeoutError}
            [found] = await resolver.resolve("quick.example", 443)
            assert found["host"] == "203.0.113.1"
            assert sorted(asked) == ["quick.example", "slow.example"]
        finally:
            go_on.set()
            await resolver.close()

    async def test_more_names_that_hang_than_there_are_threads_leave_some_for_the_others(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        go_on, names = threading.Event(), [f"slow-{number}.example" for number in range(name_resolver._RESOLVERS)]

        def getaddrinfo(host: str, *_: Any) -> list[Any]:
            if host in names:
                go_on.wait(20)
                raise socket.gaierror
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("203.0.113.1", 443))]

        async def all_of_them() -> set[type[Any]]:
            found = await asyncio.gather(*(resolver.resolve(name, 443) for name in names), return_exceptions=True)
            return {type(each) for each in found}

        monkeypatch.setattr(name_resolver, "_RESOLVE_SECONDS", 0.2)
        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        resolver = Resolver()
        try:
            assert await all_of_them() == {TimeoutError}
            go_on.set()  # the system's resolver has given up
            await asyncio.wait([*resolver._asked.values()])
            go_on.clear()
            again = asyncio.create_task(all_of_them())
            for _ in range(3):
                await asyncio.sleep(0)
            assert len(resolver._asked) == len(names)
            [found] = await resolver.resolve("quick.example", 443)
            assert found["host"] == "203.0.113.1"
            assert await again == {TimeoutError}
        finally:
            go_on.set()
            await resolver.close()

    async def test_a_name_for_which_nobody_waits_any_more_takes_no_thread_from_those_who_do(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        go_on, asked = slow_names(monkeypatch)
        resolver = Resolver(threads=1)
        try:
            names = ["slow.example", *(f"gone-{number}.example" for number in range(20))]
            found = await asyncio.gather(*(resolver.resolve(name, 443) for name in names), return_exceptions=True)
            assert {type(each) for each in found} == {TimeoutError}
            monkeypatch.setattr(name_resolver, "_RESOLVE_SECONDS", 20)
            waits = [asyncio.create_task(resolver.resolve(name, 443)) for name in ("gone-7.example", "now.example")]
            await asyncio.sleep(0)
            go_on.set()
            assert [[each["host"] for each in await wait] for wait in waits] == [["203.0.113.1"]] * 2
            assert asked == ["slow.example", "gone-7.example", "now.example"]
            await resolver.resolve("gone-1.example", 443)  # who asks again is told
            assert asked[-1] == "gone-1.example"
            assert not resolver._asked
            assert not resolver._waiting
        finally:
            go_on.set()
            await resolver.close()

    async def test_without_a_thread_a_name_is_one_that_does_not_resolve(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_more(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        resolver = Resolver()
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", no_more)
            assert not await leads_outside("a.example", 443, (), resolver)
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda *_: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("203.0.113.1", 0))]
        )
        [found] = await resolver.resolve("a.example", 443)  # the next one is looked up
        assert (found["host"], found["port"]) == ("203.0.113.1", 443)

    def test_the_process_does_not_wait_for_a_name_that_hangs_when_it_ends(self) -> None:
        ends = """
import asyncio, socket, time
from services.notifications.channels import name_resolver

async def main():
    name_resolver._RESOLVE_SECONDS = 0.1
    resolver = name_resolver.Resolver()
    try:
        await resolver.resolve("slow.example", 443)
    except TimeoutError:
        print("nobody answers", flush=True)
    await resolver.close()

socket.getaddrinfo = lambda *_: time.sleep(3600)
asyncio.run(main())
"""
        ended = subprocess.run([sys.executable, "-c", ends], capture_output=True, timeout=scaled(60), check=True)
        assert ended.stdout == b"nobody answers\n"

    async def test_a_name_that_is_answered_again_is_one_like_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        slow = True

        def getaddrinfo(host: str, *_: Any) -> list[Any]:
            if slow:
                time.sleep(0.1)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("203.0.113.1", 443))]

        monkeypatch.setattr(name_resolver, "_RESOLVE_SECONDS", 0.05)
        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        resolver = Resolver()
        try:
            with pytest.raises(TimeoutError):
                await resolver.resolve("a.example", 443)
            await asyncio.wait([*resolver._asked.values()])
            assert list(resolver._hung) == ["a.example"]
            slow = False
            monkeypatch.setattr(name_resolver, "_RESOLVE_SECONDS", 20)
            await resolver.resolve("a.example", 443)
            assert not resolver._hung
        finally:
            await resolver.close()


class TestAnAttempt:
    async def test_ends_with_an_answer_whatever_goes_wrong_on_the_way(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = World()
        credentials = Credentials(Sealer(b"s" * 32))
        webhook = Webhook(credentials, lambda *_: None, Limits(), UrlRules())

        async def breaks(*_: Any) -> Any:
            raise RuntimeError("a bug of a library")

        monkeypatch.setattr(webhook, "_post", breaks)
        subscription = world.subscribe("gjf", "webhook")
        [endpoint] = world.all(SUBSCRIPTIONS)
        endpoint["target"] = credentials.sealed_target(subscription, "https://partner.example/")
        verdict = await webhook.send(endpoint, "n", b"{}", START)
        assert (verdict.outcome, verdict.reason) == ("again", "not-http")
