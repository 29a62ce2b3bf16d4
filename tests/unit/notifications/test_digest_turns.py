"""Whose turn it is to send the letter of a day, where several replicas look for it at the same moment, and what is in
that letter."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from services.notifications.channels.mail import digest
from services.notifications.channels.mail.digest import DigestSender, EmailDigest
from services.notifications.documents import DUE as IS_DUE
from services.notifications.documents import EMAIL_DIGEST, WAITING
from services.notifications.domain.attempt_verdict import FAILED_HERE, Verdict
from services.notifications.domain.replica_shares import ReplicaShare
from tests.support.waiting import eventually

pytestmark = pytest.mark.unit
REPLICAS = ["n-1", "n-2", "n-3"]
DIGESTS = [f"s-{number}" for number in range(30)]
DUE, PATIENCE = datetime(2026, 11, 30, tzinfo=UTC), timedelta(seconds=20)


class World:
    """What waits for every digest, ``about`` what, and by which replica it was claimed: nothing is there any more."""

    def __init__(self, about: str = "notice", held_until: datetime | None = None) -> None:
        self.claimed: dict[str, list[str]] = {each: [] for each in DIGESTS}
        self._about, self._held_until = about, held_until

    async def waiting_since(self, about: str, now: datetime) -> dict[str, datetime]:
        return dict.fromkeys(DIGESTS, DUE) if about == self._about else {}

    async def subscription(self, id: str) -> dict[str, Any]:
        return {"_id": id, "channel": EMAIL_DIGEST, "state": "active", "held_until": self._held_until}

    async def claim(self, subscription: str, about: str, owner: str, *_: Any) -> list[Any]:
        self.claimed[subscription].append(owner)
        return []

    async def looked_at_by(self, me: str, now: datetime) -> None:
        share = ReplicaShare(me, REPLICAS, PATIENCE)
        lease = SimpleNamespace(share=share, owner_for=lambda channel: me, claim_unknown=lambda *_: None)
        clock = SimpleNamespace(calendar=lambda: now)
        deps: Any = SimpleNamespace(repository=self, lease=lease, clock=clock)
        none: Any = None
        await DigestSender(deps, none, none, none, none).look()


@pytest.mark.parametrize("held", [timedelta(0), timedelta(hours=1)])
async def test_one_replica_sends_it_and_the_next_only_when_that_does_not(held: timedelta) -> None:
    """Also where all waited until a mailbox was open again."""
    for places in range(len(REPLICAS)):
        world = World(held_until=DUE + held if held else None)
        for me in REPLICAS:
            await world.looked_at_by(me, DUE + held + places * PATIENCE)
        assert {len(by) for by in world.claimed.values()} == {places + 1}


@pytest.mark.parametrize("about", ["notice", "recall"])
async def test_what_is_wrong_with_one_keeps_back_no_other(about: str) -> None:
    class Odd(World):
        async def claim(self, subscription: str, *how: Any) -> list[Any]:
            if subscription == DIGESTS[0]:
                raise KeyError("a field that is not there")
            return await super().claim(subscription, *how)

    world = Odd(about)
    for me in REPLICAS:
        await world.looked_at_by(me, DUE)
    assert [each for each, by in world.claimed.items() if not by] == [DIGESTS[0]]


async def test_letters_that_take_long_keep_back_no_other() -> None:
    answered = asyncio.Event()

    class Slow(World):
        async def claim(self, subscription: str, *how: Any) -> list[Any]:
            found = await super().claim(subscription, *how)
            if subscription in DIGESTS[:3]:
                await answered.wait()
            return found

    world = Slow("recall")
    looking = asyncio.create_task(world.looked_at_by("n-1", DUE))
    await eventually(lambda: all(world.claimed.values()))
    assert not looking.done()
    answered.set()
    await looking
    assert {len(by) for by in world.claimed.values()} == {1}


async def test_a_recall_is_looked_for_while_letters_with_notices_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest, "RECALLS_SECONDS", 0.01)
    looked, answered = list[str](), asyncio.Event()

    class Slow(World):
        async def waiting_since(self, about: str, now: datetime) -> dict[str, datetime]:
            looked.append(about)
            return await super().waiting_since(about, now)

        async def claim(self, *how: Any) -> list[Any]:
            await answered.wait()
            return []

    looking = asyncio.create_task(Slow().looked_at_by("n-1", DUE + PATIENCE * len(REPLICAS)))
    await eventually(lambda: looked[2:5] == ["recall"] * 3)
    assert looked[:2] == ["recall", "notice"]
    answered.set()
    await looking


async def test_a_letter_that_leaves_is_not_cut_off_where_recalls_cannot_be_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody would write down what became of it, and what is in it would stay claimed as long as this process runs."""
    monkeypatch.setattr(digest, "RECALLS_SECONDS", 0.01)
    looked, answered, cut_off = list[str](), asyncio.Event(), list[str]()

    class Leaving(World):
        async def waiting_since(self, about: str, now: datetime) -> dict[str, datetime]:
            looked.append(about)
            if looked.count("recall") in (2, 3):
                raise AutoReconnect
            return await super().waiting_since(about, now)

        async def claim(self, subscription: str, *_: Any) -> list[Any]:
            try:
                await answered.wait()
            except asyncio.CancelledError:
                cut_off.append(subscription)
                raise
            return []

    looking = asyncio.create_task(Leaving().looked_at_by("n-1", DUE + PATIENCE * len(REPLICAS)))
    await eventually(lambda: looking.done() or looked.count("recall") > 3)
    answered.set()
    await looking
    assert not cut_off


async def test_a_database_that_is_away_is_of_all_of_them() -> None:
    class Away(World):
        async def claim(self, subscription: str, *_: Any) -> list[Any]:
            raise AutoReconnect

    with pytest.raises(AutoReconnect):
        await Away("recall").looked_at_by("n-1", DUE)


async def test_a_fault_of_ours_while_a_letter_is_handed_over_is_a_letter_that_failed() -> None:
    """What has no outcome stays claimed as long as this process runs."""

    async def send(*_: Any) -> Any:
        raise ValueError("a bug")

    mailbox: Any = SimpleNamespace(target_of=lambda endpoint: "mailto:a@partner.example")
    texts: Any = SimpleNamespace(told=lambda *_: None)
    returns: Any = SimpleNamespace(tag=lambda *_: "")
    deps: Any = SimpleNamespace(messages=SimpleNamespace(of=lambda delivery: {}))
    relay: Any = SimpleNamespace(send=send)
    sender, letter = DigestSender(deps, mailbox, relay, texts, returns), list[Any]([{}])
    anything: Any = ({"_id": "s", "target": b""}, letter, DUE)
    assert await sender._handed_over(*anything) == Verdict("again", FAILED_HERE, endpoint_healthy=True)


async def test_a_recall_waits_for_nobody() -> None:
    world = World("recall")
    for me in REPLICAS:
        await world.looked_at_by(me, DUE)
    assert set(map(tuple, world.claimed.values())) == {tuple(REPLICAS)}


@pytest.mark.parametrize(("about", "due"), [("notice", DUE), ("recall", DUE + timedelta(minutes=1))])
def test_what_waited_for_one_of_that_letter_leaves_behind_it_and_not_a_day_later(about: str, due: datetime) -> None:
    """An end that was said after a recovery had asked for its notice again: it waits until that has been mailed."""
    none: Any = None
    channel = EmailDigest(none, none, lambda after: DUE if after < DUE else DUE + timedelta(days=1))
    delivery: Any = {"about": about, "state": IS_DUE}
    before: Any = SimpleNamespace(now=DUE - timedelta(minutes=1))
    behind: Any = SimpleNamespace(now=DUE + timedelta(minutes=1))
    channel.accept(before, delivery, first=False)
    assert delivery["state"] == WAITING
    channel.accept(behind, delivery, first=True)
    assert (delivery["state"], delivery["due"]) == (IS_DUE, due)
