"""What has not arrived is explained in two calls, comes again when it is asked for, and by itself soon after a return
(C7, C8, 36, 37)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from itertools import chain
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI

from deploy.local.ports import free_port
from services.notifications.domain.retry_schedule import OUTAGE
from tests.integration.notifications.corner import Corner
from tests.integration.notifications.parts import (
    OK,
    Client,
    Partner,
    Request,
    Setup,
    answer_of,
    eventually,
    match,
    person,
    stored,
)
from tests.unit.notifications.world import hexid

pytestmark = pytest.mark.integration
PEOPLE = [f"p{number}" for number in range(12)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def patient_service(
    setup_for_several: Callable[[], AbstractAsyncContextManager[Setup]],
) -> AsyncIterator[tuple[Setup, FastAPI]]:
    """One that tries again after an hour, and waits long for an answer."""
    waits = {"retry_schedule": (0.0, 3600.0, 3600.0), "deadline_seconds": 60}
    async with setup_for_several() as setup, setup.running(**waits) as app:
        yield setup, app


@pytest.fixture
def patient(patient_service: tuple[Setup, FastAPI]) -> Corner:
    """A test's own part of it."""
    return Corner(*patient_service)


class TestExplained:
    async def test_in_two_calls_what_failed_how_far_it_came_and_when_it_goes_on(self, patient: Corner) -> None:
        async def busy(request: Request) -> bytes:
            return answer_of(503)

        async with Partner(busy) as partner:
            await patient.publish(patient.agency("gjf"), patient.person("a", "gjf"), patient.match("a", "x"))
            async with patient.client("gjf") as gjf:
                one = await gjf.subscribed("webhook", partner.url)
                nobody = await gjf.subscribed("webhook", f"http://127.0.0.1:{free_port()}/")
                await eventually(lambda: patient.stored(2, attempts=1, state="due"))
                found = {}
                for subscription in (one["subscription"], nobody["subscription"]):
                    query = {"state": "undelivered", "subscription": subscription}
                    (shown,) = (await gjf.get("/deliveries", params=query)).json()["deliveries"]
                    assert (shown["because"], shown["attempts"]) == ("waits-for-retry", 1)
                    assert shown["next_attempt"] > shown["created"]
                    whole = (await gjf.get(f"/deliveries/{shown['delivery']}")).json()
                    found[subscription] = (shown["reason"], shown["phase"], whole["log"])
        assert found[one["subscription"]][:2] == ("refused-503", "answer")
        (attempt,) = found[one["subscription"]][2]
        assert (attempt["outcome"], attempt["reason"], attempt["phase"]) == ("again", "refused-503", "answer")
        assert attempt["milliseconds"] >= 0
        assert found[nobody["subscription"]][:2] == ("no-connection", "connect")
        assert found[nobody["subscription"]][2][0]["milliseconds"] is None, "how long a dial took scans ports"

    async def test_whatever_keeps_a_notice_the_list_says_it_and_the_delivery_says_how_it_was_tried(
        self, patient: Corner
    ) -> None:
        looked = asyncio.Event()

        async def busy(request: Request) -> bytes:
            return answer_of(503)

        async def silent(request: Request) -> bytes:
            await looked.wait()
            return OK

        async def later(request: Request) -> bytes:
            return answer_of(429, "Retry-After: 3600")

        async def refusing(request: Request) -> bytes:
            return answer_of(200, "webhook-delivery: abort-message")

        await patient.publish(patient.agency("gjf"), patient.person("a", "gjf"))
        async with (
            Partner(busy) as one, Partner(silent) as two, Partner(later) as three, Partner(refusing) as four,
            Partner() as five,
            patient.client("gjf") as gjf,
        ):  # fmt: skip
            paused = (await gjf.subscribed("webhook", five.url))["subscription"]
            assert (await gjf.post(f"/subscriptions/{paused}/pause")).status_code == 200
            expected = {
                (await gjf.subscribed("webhook", one.url, order="alias"))["subscription"]: {
                    "waits-for-retry",
                    "behind-another",
                },
                (await gjf.subscribed("webhook", two.url))["subscription"]: {"being-sent"},
                (await gjf.subscribed("webhook", three.url))["subscription"]: {"endpoint-held"},
                (await gjf.subscribed("webhook", four.url))["subscription"]: {"given-up"},
                (await gjf.subscribed("feed"))["subscription"]: {"to-be-fetched"},
                paused: {"subscription-closed"},
            }
            await patient.publish(patient.match("a", "x"), patient.match("a", "y"))

            async def explained() -> list[dict[str, Any]] | None:
                found: list[dict[str, Any]] = (await gjf.get("/deliveries", params={"state": "undelivered"})).json()[
                    "deliveries"
                ]
                said = {id: {each["because"] for each in found if each["subscription"] == id} for id in expected}
                return found if said == expected and len(found) == 2 * len(expected) else None

            shown = await eventually(explained)
            for each in shown:
                whole = (await gjf.get(f"/deliveries/{each['delivery']}")).json()
                assert whole["because"] == each["because"]
                assert [entry["number"] for entry in whole["log"]] == list(range(1, each["attempts"] + 1))
                assert all(entry["reason"] and entry["phase"] for entry in whole["log"])
            tried = {each["because"] for each in shown if each["attempts"]}
            assert tried == {"waits-for-retry", "endpoint-held", "given-up"}
            looked.set()

    async def test_pages_are_bounded_and_go_on_to_the_end(self, corner: Corner) -> None:
        async with Partner() as partner:
            await corner.publish(corner.agency("gjf"), *(corner.person(name, "gjf") for name in PEOPLE))
            await corner.publish(*(corner.match(name, "x") for name in PEOPLE))
            async with corner.client("gjf") as gjf:
                await gjf.subscribed("webhook", partner.url)
                await eventually(lambda: corner.stored(len(PEOPLE), state="delivered"))
                seen, after, pages = [], "", 0
                while after is not None:
                    page = (await gjf.get("/deliveries", params={"limit": 5, "after": after})).json()
                    seen += [each["delivery"] for each in page["deliveries"]]
                    after, pages = page["next"], pages + 1
        assert (len(seen), len(set(seen)), pages) == (12, 12, 3)

    async def test_those_of_one_subscription_fill_their_pages(
        self, corner: Corner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with Partner() as one, Partner() as other:
            await corner.publish(corner.agency("gjf"), *(corner.person(name, "gjf") for name in PEOPLE))
            await corner.publish(*(corner.match(name, "x") for name in PEOPLE))
            async with corner.client("gjf") as gjf:
                wanted = (await gjf.subscribed("webhook", one.url))["subscription"]
                await gjf.subscribed("webhook", other.url)
                await eventually(lambda: corner.stored(2 * len(PEOPLE), state="delivered"))

                async def pages(limit: int) -> list[list[str]]:
                    found: list[list[str]] = []
                    query = {"limit": str(limit), "subscription": wanted}
                    while not found or query["after"] is not None:
                        page = (await gjf.get("/deliveries", params=query)).json()
                        assert {each["subscription"] for each in page["deliveries"]} <= {wanted}
                        found.append([each["delivery"] for each in page["deliveries"]])
                        query["after"] = page["next"]
                    return found

                kept = corner.app.state.database.deliveries.find({"subscription": wanted})
                own = sorted([each["_id"] async for each in kept])
                for limit in (1, 5, len(PEOPLE), 500):
                    found = await pages(limit)
                    assert list(chain(*found)) == own
                    assert {len(page) for page in found[:-1]} <= {limit}, "only the last one may be short"
                for name in ("MOST_LOOKED_THROUGH", "STRETCH"):
                    monkeypatch.setattr(f"services.notifications.queries.recovery_queries.{name}", 3)
                assert list(chain(*await pages(2))) == own, "also where so many are not looked through at once"
                nobody = (await gjf.get("/deliveries", params={"subscription": "0" * 32})).json()
                assert nobody["deliveries"] == []


class TestRecovery:
    async def test_all_comes_again_once_each_although_the_service_ends_in_the_middle(self, setup: Setup) -> None:
        slowly = {"recovery_per_second": 2.0}
        async with Partner() as partner:
            async with setup.running(**slowly) as app:
                await setup.publish(setup.agency("gjf"), *(person(name, "gjf") for name in PEOPLE))
                await setup.publish(*(match(name, "x") for name in PEOPLE))
                async with Client(app, setup.tokens["gjf"]) as gjf:
                    made = await gjf.subscribed("webhook", partner.url)
                    await eventually(lambda: stored(app, len(PEOPLE), state="delivered"))
                    recovery = f"/subscriptions/{made['subscription']}/recovery"
                    assert (await gjf.post(recovery, json={"what": "all"})).status_code == 202
                    await eventually(lambda: _again(gjf, recovery, 1))
            async with setup.running(**slowly) as app, Client(app, setup.tokens["gjf"]) as gjf:
                await eventually(lambda: _state(gjf, recovery, "done"))
                await eventually(lambda: stored(app, len(PEOPLE), state="delivered"))
                shown = (await gjf.get(recovery)).json()
        assert (shown["again"], shown["passed_over"]) == (len(PEOPLE), 0)
        assert set(Counter(event["id"] for event in partner.told).values()) == {2}

    async def test_what_is_new_arrives_while_most_of_a_long_recovery_is_still_to_come(self, setup: Setup) -> None:
        names = [f"p{number}" for number in range(200)]
        async with setup.running(recovery_per_second=4.0) as app, Partner() as partner:
            await setup.publish(setup.agency("gjf"), *(person(name, "gjf") for name in [*names, "new"]))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                made = await gjf.subscribed("webhook", partner.url)
                await setup.publish(*(match(name, "x") for name in names))
                await eventually(lambda: stored(app, len(names), state="delivered"))
                recovery = f"/subscriptions/{made['subscription']}/recovery"
                assert (await gjf.post(recovery, json={"what": "all"})).status_code == 202
                await eventually(lambda: _again(gjf, recovery, 1))
                await setup.publish(match("new", "x"))
                await eventually(lambda: stored(app, 1, state="delivered", alias=hexid("alias", "new", "gjf")))
                shown = (await gjf.get(recovery)).json()
                assert (await gjf.delete(recovery)).status_code in (200, 204)
        told = [event["data"]["alias"] for event in partner.told]
        behind = told.index(hexid("alias", "new", "gjf")) - len(names)
        assert shown["state"] == "running"
        assert 0 < behind <= shown["again"] < len(names)

    async def test_failed_since_comes_again_and_nothing_else(self, corner: Corner) -> None:
        well: set[str] = set()

        async def answers(request: Request) -> bytes:
            if not well and len(partner.requests) % 2:
                return answer_of(200, "webhook-delivery: abort-message")
            return OK

        async with Partner(answers) as partner:
            await corner.publish(corner.agency("gjf"), *(corner.person(name, "gjf") for name in PEOPLE))
            async with corner.client("gjf") as gjf:
                made = await gjf.subscribed("webhook", partner.url)
                await corner.publish(*(corner.match(name, "x") for name in PEOPLE))
                await eventually(lambda: corner.stored(len(PEOPLE), state={"$in": ["delivered", "failed"]}))
                database = corner.app.state.database
                failed = [d["notice"] async for d in database.deliveries.find(corner.kept(state="failed"))]
                well.add("now")
                before = len(partner.requests)
                recovery = f"/subscriptions/{made['subscription']}/recovery"
                await gjf.post(recovery, json={"what": "failed"})
                await eventually(lambda: _state(gjf, recovery, "done"))
                await eventually(lambda: corner.stored(len(PEOPLE), state="delivered"))
        assert failed
        assert sorted(event["id"] for event in partner.told[before:]) == sorted(failed)


class TestReturn:
    async def test_with_every_retry_an_hour_away_a_recall_and_the_rest_come_soon_after_the_return(
        self, patient: Corner
    ) -> None:
        down = True

        async def answers(request: Request) -> bytes:
            return answer_of(503) if down else OK

        names = PEOPLE[: OUTAGE + 2]
        async with Partner(answers) as partner:
            await patient.publish(patient.agency("gjf"), *(patient.person(name, "gjf") for name in names))
            async with patient.client("gjf") as gjf:
                await gjf.subscribed("webhook", partner.url)
                await patient.publish(*(patient.match(name, "x") for name in names))
                await eventually(lambda: patient.stored(len(names), attempts=1, state="due"))
                await patient.publish(patient.person(names[0], sequence=2))
                await eventually(lambda: patient.stored(1, about="recall", attempts=1, state="due"))
                # a notice that had left as the probe when the recall came
                await eventually(lambda: _none(patient, about="notice", state="sending"))
                down, before = False, len(partner.requests)
                await eventually(lambda: patient.stored(len(names), state="delivered"))
        told = partner.told[before:]
        assert len(told) == len({event["id"] for event in told}) == len(names), (
            "each once, and no notice that is recalled"
        )
        assert told[0]["type"] == "recall", "it is the probe"


async def _none(corner: Corner, **query: Any) -> bool:
    return not await corner.stored(1, **query)


async def _again(client: Client, address: str, count: int) -> bool:
    return bool((await client.get(address)).json()["again"] >= count)


async def _state(client: Client, address: str, state: str) -> bool:
    answer = await client.get(address)
    return answer.status_code == 200 and answer.json()["state"] == state
