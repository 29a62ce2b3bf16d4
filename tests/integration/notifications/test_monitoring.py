"""What the monitor sees of a real database, and that its looks read indexes only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.notifications.documents import DELIVERIES, DUE, FEED, POSTED, SENDING, SERVED, WEBHOOK
from services.notifications.domain.attempt_verdict import ANSWERED_WITH_A_PAGE
from services.notifications.indexes_and_retention import INDEXES
from services.notifications.monitoring import DeliveryMonitor, Open
from services.notifications.repository import Repository
from shared.kit.base.clock import Clock
from shared.kit.base.metrics import REGISTRY
from tests.integration.notifications.parts import Client, Partner, Setup, answer_of, eventually, match, person
from tests.unit.notifications.world import hexid

pytestmark = pytest.mark.integration
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def delivery(number: int, state: str, **changes: Any) -> dict[str, Any]:
    made = {
        "_id": hexid("delivery", number),
        "recipient": "gjf",
        "subscription": "s1",
        "channel": WEBHOOK,
        "about": "notice",
        "state": state,
        "acknowledged": False,
        "since": NOW - timedelta(seconds=number),
    }
    return made | changes


@pytest.fixture
async def monitor(database: Any) -> DeliveryMonitor:
    await database[DELIVERIES.name].create_indexes(list(INDEXES[DELIVERIES.name]))
    subscription = {"_id": "s1", "agency": "gjf", "channel": WEBHOOK, "state": "active"}
    await database.subscriptions.insert_one(subscription | {"failures": 0, "held_until": None})
    await database.agencies.insert_one({"_id": "gjf", "state": {"recipient_class": "service"}})
    return DeliveryMonitor(database, Repository(database), Clock(), (FEED, WEBHOOK))


async def test_the_oldest_that_is_open_is_found_recalls_apart(database: Any, monitor: DeliveryMonitor) -> None:
    await database[DELIVERIES.name].insert_many(
        [
            delivery(1, DUE, due=NOW),
            delivery(70, DUE, due=NOW + timedelta(hours=20)),  # put off for long: its age is what counts
            delivery(20, DUE, about="recall", due=NOW),
            delivery(900, "sending", owner="x/1"),
            delivery(5_000, "delivered", ended=NOW),
            delivery(6_000, "delivered", about="recall", thread="t", unacknowledged_since=NOW - timedelta(hours=3)),
            delivery(7_000, "delivered", about="recall", ended=NOW - timedelta(hours=9), acknowledged=True),
            delivery(300, POSTED, channel=FEED, position=4),
            delivery(400, SERVED, channel=FEED, position=3),
            delivery(40, POSTED, channel=FEED, position=5, about="recall"),
            delivery(8_000, "dropped", channel=FEED, position=2, ended=NOW),
            delivery(9_000, DUE, subscription="gone", due=NOW),
        ]
    )
    found = await monitor.pushed({each["_id"]: each for each in await Repository(database).all_subscriptions()})
    assert {(each.about, each.count, each.since) for each in found} == {
        ("notice", 2, NOW - timedelta(seconds=70)),
        ("notice", 1, NOW - timedelta(seconds=900)),
        ("recall", 1, NOW - timedelta(seconds=20)),
    }
    assert sorted(await monitor.unread(), key=lambda each: each.about) == [
        Open(FEED, "gjf", "notice", 2, NOW - timedelta(seconds=400)),
        Open(FEED, "gjf", "recall", 1, NOW - timedelta(seconds=40)),
    ]
    assert await monitor.unacknowledged() == [Open("any", "gjf", "recall", 1, NOW - timedelta(hours=3), "s1")]


async def test_notices_that_a_pause_holds_back_are_counted_and_hide_the_age_of_no_others(
    database: Any, monitor: DeliveryMonitor
) -> None:
    await database.subscriptions.update_one({"_id": "s1"}, {"$set": {"state": "paused"}})
    await database[DELIVERIES.name].insert_many(
        [delivery(80_000, DUE, due=NOW), delivery(70_000, DUE, due=NOW), delivery(90, DUE, about="recall", due=NOW)]
    )
    found = await monitor.pushed({each["_id"]: each for each in await Repository(database).all_subscriptions()})
    assert found == [
        Open(WEBHOOK, "gjf", "notice", 2, None, "s1"),
        Open(WEBHOOK, "gjf", "recall", 1, NOW - timedelta(seconds=90), "s1"),
    ]


async def test_what_a_pause_held_back_grows_old_from_its_end_on(database: Any, monitor: DeliveryMonitor) -> None:
    resumed = {"state": "active", "paused_until": NOW - timedelta(seconds=60)}
    await database.subscriptions.update_one({"_id": "s1"}, {"$set": resumed})
    await database[DELIVERIES.name].insert_many(
        [delivery(80_000, DUE, due=NOW), delivery(20, SENDING, owner="r"), delivery(90, DUE, about="recall", due=NOW)]
    )
    found = await monitor.pushed({each["_id"]: each for each in await Repository(database).all_subscriptions()})
    assert found == [
        Open(WEBHOOK, "gjf", "notice", 1, NOW - timedelta(seconds=60), "s1"),
        Open(WEBHOOK, "gjf", "notice", 1, NOW - timedelta(seconds=20), "s1"),
        Open(WEBHOOK, "gjf", "recall", 1, NOW - timedelta(seconds=90), "s1"),
    ]


async def test_what_a_page_for_people_answered_lately_is_found(database: Any, monitor: DeliveryMonitor) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    doubtful = {"reason": ANSWERED_WITH_A_PAGE}
    await database[DELIVERIES.name].insert_many(
        [
            delivery(1, "delivered", ended=now - timedelta(hours=20), **doubtful),
            delivery(2, "delivered", ended=now - timedelta(hours=3), **doubtful),
            delivery(3, "delivered", ended=now - timedelta(hours=25), **doubtful),
            delivery(4, "delivered", ended=now, reason=None),
            delivery(5, DUE, about="recall", due=now, **doubtful),
            delivery(6, "failed", about="recall", ended=now, **doubtful),
            delivery(7, "delivered", subscription="gone", ended=now, **doubtful),
        ]
    )
    found = await monitor.doubtful({each["_id"]: each for each in await Repository(database).all_subscriptions()})
    assert found == [
        Open(WEBHOOK, "gjf", "notice", 2, now - timedelta(hours=20), "s1"),
        Open(WEBHOOK, "gjf", "recall", 1, None, "s1"),
    ]


async def test_its_looks_read_no_document_that_is_open_and_none_that_has_ended(
    database: Any, monitor: DeliveryMonitor
) -> None:
    states: list[dict[str, Any]] = [
        {"state": DUE, "due": NOW},
        {"state": POSTED, "channel": FEED, "position": 1},
        {"state": "delivered", "ended": NOW},
        {"state": "delivered", "about": "recall", "thread": "t", "unacknowledged_since": NOW},
        {"state": "delivered", "reason": ANSWERED_WITH_A_PAGE, "ended": datetime.now(UTC)},
    ]
    await database[DELIVERIES.name].insert_many(
        delivery(5 * n + k, **changes) for n in range(100) for k, changes in enumerate(states)
    )
    await database.command("profile", 2)
    try:
        await monitor.look()
    finally:
        await database.command("profile", 0)
    looks = [
        entry
        async for entry in database["system.profile"].find({"ns": f"{database.name}.{DELIVERIES.name}"})
        if "planSummary" in entry
    ]
    assert len(looks) == 10
    assert [(look["docsExamined"], look["keysExamined"] <= 102) for look in looks] == [(0, True)] * 10


async def test_of_any_number_of_recalls_that_nobody_acknowledged_so_many_are_looked_at_and_the_oldest_is_known(
    database: Any, monitor: DeliveryMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifications.monitoring.MOST_COUNTED", 40)
    numbers = {"s1": 2_000, "s2": 7, "s3": 40}
    await database[DELIVERIES.name].insert_many(
        delivery(
            10_000 * k + n,
            "delivered",
            about="recall",
            thread=f"t{n}",
            subscription=subscription,
            recipient=f"of-{subscription}",
            unacknowledged_since=NOW - timedelta(seconds=n),
        )
        for k, (subscription, count) in enumerate(numbers.items())
        for n in range(count)
    )
    await database.command("profile", 2)
    try:
        found = await monitor.unacknowledged()
    finally:
        await database.command("profile", 0)
    assert found == [
        Open("any", f"of-{subscription}", "recall", min(count, 40), NOW - timedelta(seconds=count - 1), subscription)
        for subscription, count in numbers.items()
    ]
    looks = [
        entry
        async for entry in database["system.profile"].find({"ns": f"{database.name}.{DELIVERIES.name}"})
        if "planSummary" in entry
    ]
    assert len(looks) == 1 + len(numbers)
    assert sum(look["docsExamined"] for look in looks) == 0
    assert sum(look["keysExamined"] for look in looks) <= 2 * len(numbers) + 40 + 7 + 40 + len(looks)
    assert not any(look.get("hasSortStage") for look in looks)


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"ieum_{name}", labels) or 0.0


async def test_a_failing_endpoint_and_a_reader_that_stopped_are_seen_while_it_lasts_and_no_more_afterwards(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifications.monitoring.LOOK_SECONDS", 0.1)
    monkeypatch.setattr("services.notifications.monitoring.SHARE", 1)
    hook = {"channel": "webhook", "recipient_class": "service", "kind": "recall"}
    feed = {"channel": "feed", "recipient_class": "case", "kind": "recall"}

    def unwell() -> float:
        return sum(value("endpoints", channel="webhook", status=status) for status in ("failing", "down"))

    async def refuses(request: Any) -> bytes:
        return answer_of(503) if refusing else answer_of(204)

    refusing = False
    refused = {"channel": "webhook", "outcome": "again", "reason": "refused-503"}
    before = value("delivery_attempts_total", **refused)
    async with Partner(refuses) as partner, setup.running() as app:
        await setup.publish(setup.agency("gjf"), setup.agency("hana", "case"))
        async with Client(app, setup.tokens["gjf"]) as gjf, Client(app, setup.tokens["hana"]) as hana:
            await gjf.subscribed("webhook", partner.url)
            await hana.subscribed("feed")
            await setup.publish(person("a", "gjf", "hana"), match("a", "x"))
            await eventually(lambda: len(partner.requests) == 1)
            page = await eventually(lambda: _events(hana))
            refusing = True
            await setup.publish(person("a", sequence=2))
            await eventually(lambda: value("undelivered", **hook) == 1 and unwell() == 1)
            await eventually(lambda: value("undelivered", **feed) == 1)
            await eventually(lambda: value("undelivered_oldest_seconds", **feed) > 0.2)
            assert value("delivery_attempts_total", **refused) > before
            refusing = False
            await eventually(lambda: value("undelivered", **hook) == 0 and unwell() == 0)
            assert value("undelivered_oldest_seconds", **hook) == 0
            recalled = (await hana.get("/feed", params={"after": page["cursor"]})).json()
            await hana.get("/feed", params={"after": recalled["cursor"]})
            await eventually(lambda: value("undelivered", **feed) == 0)
            await eventually(lambda: value("recalls_unacknowledged", recipient_class="service") == 1)
            await gjf.post("/acknowledgements", json={"notices": [partner.told[-1]["id"]]})
            await eventually(lambda: value("recalls_unacknowledged", recipient_class="service") == 0)


async def _events(reader: Client) -> dict[str, Any] | None:
    page: dict[str, Any] = (await reader.get("/feed")).json()
    return page if page["events"] else None
