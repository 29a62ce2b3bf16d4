"""What forbids has its effect although everything else waits: here the person's new state does not come, as if the
backlog on `people` had no end."""

from __future__ import annotations

from typing import Any

import pytest

from shared.events import Event
from shared.events.topics.prohibitions import Floor, Floors
from tests.integration.notifications.parts import Client, Partner, Setup, event, eventually, match, person
from tests.unit.notifications.world import hexid, holding

pytestmark = pytest.mark.integration
NOTICE_GJF = ("notice", "gjf")


def floor(name: str, below: int, *consents: tuple[str, str | None], whole: int = 0) -> Event[Floors]:
    key = hexid("person", name)
    floors = tuple(Floor(purpose=purpose, recipient=recipient, below=below) for purpose, recipient in consents)
    return event("floor-raised", Floors(person=key, whole=whole, consents=floors), key, below)


def held(*opportunities: str, name: str = "a") -> set[tuple[str, str]]:
    return {(hexid("alias", name, "gjf"), hexid("opportunity", each)) for each in opportunities}


async def holds(partner: Partner, wanted: set[tuple[str, str]]) -> bool:
    return holding(partner.told) == wanted


async def _many(collection: Any, count: int, **where: Any) -> bool:
    return bool(await collection.count_documents(where) == count)


class TestAWithdrawal:
    @pytest.mark.parametrize(
        "forbidden",
        [
            floor("a", 2, NOTICE_GJF),
            floor("a", 2, ("matching", None)),
            floor("a", 2, ("notice", None)),
            floor("a", 2, whole=2),
        ],
        ids=["notice", "matching", "notice-to-everybody", "left"],
    )
    async def test_recalls_and_silences_before_the_new_state_is_here_and_a_later_state_is_trusted(
        self, setup: Setup, forbidden: Event[Floors]
    ) -> None:
        async with setup.running() as app, Partner() as partner:
            await setup.publish(setup.agency("gjf"), person("a", "gjf"), match("a", "x"))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                await gjf.subscribed("webhook", partner.url)
                await eventually(lambda: holds(partner, held("x")))
                await setup.publish(forbidden)
                await eventually(lambda: holds(partner, set()))
                assert partner.told[-1]["type"] == "recall"
                # what matching says later of the old state goes nowhere; that it was heard shows in another person's
                await setup.publish(match("a", "y"), match("a", "x", 2, band="low"), person("b", "gjf"))
                await setup.publish(match("b", "x"))
                await eventually(lambda: holds(partner, held("x", name="b")))
                assert len(partner.told) == 3
                await setup.publish(person("a", "gjf", sequence=2))
                await eventually(lambda: holds(partner, held("x", name="b") | held("x", "y")))

    async def test_for_another_recipient_or_another_purpose_forbids_nothing_here(self, setup: Setup) -> None:
        async with setup.running() as app, Partner() as partner:
            await setup.publish(setup.agency("gjf"), person("a", "gjf"))
            await setup.publish(floor("a", 9, ("notice", "khf"), ("profile", "gjf")))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                await gjf.subscribed("webhook", partner.url)
                await setup.publish(match("a", "x"))
                await eventually(lambda: holds(partner, held("x")))

    async def test_that_comes_before_the_person_is_known_waits_for_that_person(
        self, setup: Setup, database: Any
    ) -> None:
        async with setup.running() as app, Partner() as partner:
            await setup.publish(setup.agency("gjf"), floor("a", 2, NOTICE_GJF))
            await eventually(lambda: database.floors.find_one({"due": {"$exists": False}}))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                await gjf.subscribed("webhook", partner.url)
                await setup.publish(person("a", "gjf"), match("a", "x"), person("b", "gjf"), match("b", "x"))
                await eventually(lambda: holds(partner, held("x", name="b")))
                await setup.publish(person("a", "gjf", sequence=3))
                await eventually(lambda: holds(partner, held("x", name="b") | held("x")))
                assert all(told["type"] != "recall" for told in partner.told)

    async def test_passes_over_what_lies_in_the_feed_unread(self, setup: Setup, database: Any) -> None:
        async with setup.running() as app:
            await setup.publish(setup.agency("gjf"), person("a", "gjf"), match("a", "x"))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                await gjf.subscribed("feed")
                await eventually(lambda: database.deliveries.find_one({"state": "posted"}))
                await setup.publish(floor("a", 2, NOTICE_GJF))
                await eventually(lambda: database.floors.find_one({}))
                page = (await gjf.get("/feed")).json()
                assert page["events"] == []

    async def test_hides_what_was_to_be_sent_from_the_list_of_deliveries(self, setup: Setup, database: Any) -> None:
        async with setup.running() as app:
            await setup.publish(setup.agency("gjf"), person("a", "gjf"), match("a", "x"), person("b", "gjf"))
            await setup.publish(match("b", "x"))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                await gjf.subscribed("feed")
                await eventually(lambda: _many(database.deliveries, 2, state="posted"))
                async with app.state.runtime.store._turn:  # it cannot be dropped yet
                    await setup.publish(floor("a", 2, NOTICE_GJF))
                    await eventually(lambda: database.floors.find_one({}))
                    shown = (await gjf.get("/deliveries")).json()["deliveries"]
                    assert [each["alias"] for each in shown] == [hexid("alias", "b", "gjf")]

    async def test_is_kept_while_every_other_transaction_of_the_process_stands_still(
        self, setup: Setup, database: Any
    ) -> None:
        async with setup.running() as app, Partner() as partner:
            runtime = app.state.runtime
            await setup.publish(setup.agency("gjf"), person("a", "gjf"), match("a", "x"))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                await gjf.subscribed("webhook", partner.url)
                await eventually(lambda: holds(partner, held("x")))
                async with runtime.store._turn:  # a batch that does not end
                    await setup.publish(floor("a", 2, NOTICE_GJF))
                    await eventually(lambda: database.floors.find_one({"due": {"$exists": True}}))
                    assert holding(partner.told) == held("x")
                await eventually(lambda: holds(partner, set()))

    async def test_whose_service_was_killed_before_what_follows_is_followed_by_the_next(
        self, setup: Setup, database: Any
    ) -> None:
        forbidden = floor("a", 2, NOTICE_GJF)
        async with Partner() as partner:
            async with setup.running() as app:
                await setup.publish(setup.agency("gjf"), person("a", "gjf"), match("a", "x"))
                async with Client(app, setup.tokens["gjf"]) as gjf:
                    await gjf.subscribed("webhook", partner.url)
                    await eventually(lambda: holds(partner, held("x")))
            state = forbidden.data.model_dump(mode="json", exclude_none=True)
            cause = {"causationid": forbidden.id, "correlationid": None, "recordedtime": None, "traceparent": None}
            await database.floors.insert_one(
                {"_id": forbidden.key, "state": state, "due": forbidden.recordedtime, **cause}
            )
            async with setup.running():
                await eventually(lambda: holds(partner, set()))
