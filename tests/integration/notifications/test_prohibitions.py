"""What forbids has its effect although everything else waits: here the person's new state does not come, as if the
backlog on `people` had no end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shared.events import Event
from shared.events.topics.prohibitions import Floor, Floors
from tests.integration.notifications.corner import Corner
from tests.integration.notifications.parts import Client, Partner, Setup, event, eventually, match, person
from tests.unit.notifications.world import hexid, holding

pytestmark = pytest.mark.integration
NOTICE_GJF = ("notice", "gjf")


def floor(name: str, below: int, *consents: tuple[str, str | None], whole: int = 0) -> Event[Floors]:
    key = hexid("person", name)
    floors = tuple(Floor(purpose=purpose, recipient=recipient, below=below) for purpose, recipient in consents)
    return event("floor-raised", Floors(person=key, whole=whole, consents=floors), key, below)


def forbidding(corner: Corner, below: int, *consents: tuple[str, str | None], whole: int = 0) -> Event[Floors]:
    """Of the person ``a`` of this test, and its agencies."""
    own = ((purpose, recipient and corner.own(recipient)) for purpose, recipient in consents)
    return floor(corner.own("a"), below, *own, whole=whole)


def held(corner: Corner, *opportunities: str, name: str = "a") -> set[tuple[str, str]]:
    return {corner.key(name, each, "gjf") for each in opportunities}


def floor_of(corner: Corner) -> dict[str, str]:
    """Of the person ``a``, as it is looked for."""
    return {"_id": hexid("person", corner.own("a"))}


async def holds(partner: Partner, wanted: set[tuple[str, str]]) -> bool:
    return holding(partner.told) == wanted


async def _posted(corner: Corner, count: int) -> bool:
    return await corner.count(state="posted") == count


class TestAWithdrawal:
    @pytest.mark.parametrize(
        "forbidden",
        [
            lambda corner: forbidding(corner, 2, NOTICE_GJF),
            lambda corner: forbidding(corner, 2, ("matching", None)),
            lambda corner: forbidding(corner, 2, ("notice", None)),
            lambda corner: forbidding(corner, 2, whole=2),
        ],
        ids=["notice", "matching", "notice-to-everybody", "left"],
    )
    async def test_recalls_and_silences_before_the_new_state_is_here_and_a_later_state_is_trusted(
        self, corner: Corner, forbidden: Callable[[Corner], Event[Floors]]
    ) -> None:
        async with Partner() as partner:
            await corner.publish(corner.agency("gjf"), corner.person("a", "gjf"), corner.match("a", "x"))
            async with corner.client("gjf") as gjf:
                await gjf.subscribed("webhook", partner.url)
                await eventually(lambda: holds(partner, held(corner, "x")))
                await corner.publish(forbidden(corner))
                await eventually(lambda: holds(partner, set()))
                assert partner.told[-1]["type"] == "recall"
                # what matching says later of the old state goes nowhere; that it was heard shows in another person's
                await corner.publish(
                    corner.match("a", "y"), corner.match("a", "x", 2, band="low"), corner.person("b", "gjf")
                )
                await corner.publish(corner.match("b", "x"))
                await eventually(lambda: holds(partner, held(corner, "x", name="b")))
                assert len(partner.told) == 3
                await corner.publish(corner.person("a", "gjf", sequence=2))
                await eventually(lambda: holds(partner, held(corner, "x", name="b") | held(corner, "x", "y")))

    async def test_for_another_recipient_or_another_purpose_forbids_nothing_here(self, corner: Corner) -> None:
        async with Partner() as partner:
            await corner.publish(corner.agency("gjf"), corner.person("a", "gjf"))
            await corner.publish(forbidding(corner, 9, ("notice", "khf"), ("profile", "gjf")))
            async with corner.client("gjf") as gjf:
                await gjf.subscribed("webhook", partner.url)
                await corner.publish(corner.match("a", "x"))
                await eventually(lambda: holds(partner, held(corner, "x")))

    async def test_that_comes_before_the_person_is_known_waits_for_that_person(self, corner: Corner) -> None:
        floors = corner.app.state.database.floors
        async with Partner() as partner:
            await corner.publish(corner.agency("gjf"), forbidding(corner, 2, NOTICE_GJF))
            await eventually(lambda: floors.find_one({**floor_of(corner), "due": {"$exists": False}}))
            async with corner.client("gjf") as gjf:
                await gjf.subscribed("webhook", partner.url)
                await corner.publish(
                    corner.person("a", "gjf"), corner.match("a", "x"), corner.person("b", "gjf"), corner.match("b", "x")
                )
                await eventually(lambda: holds(partner, held(corner, "x", name="b")))
                await corner.publish(corner.person("a", "gjf", sequence=3))
                await eventually(lambda: holds(partner, held(corner, "x", name="b") | held(corner, "x")))
                assert all(told["type"] != "recall" for told in partner.told)

    async def test_passes_over_what_lies_in_the_feed_unread(self, corner: Corner) -> None:
        floors = corner.app.state.database.floors
        await corner.publish(corner.agency("gjf"), corner.person("a", "gjf"), corner.match("a", "x"))
        async with corner.client("gjf") as gjf:
            await gjf.subscribed("feed")
            await eventually(lambda: corner.stored(1, state="posted"))
            await corner.publish(forbidding(corner, 2, NOTICE_GJF))
            await eventually(lambda: floors.find_one(floor_of(corner)))
            page = (await gjf.get("/feed")).json()
            assert page["events"] == []

    async def test_hides_what_was_to_be_sent_from_the_list_of_deliveries(self, corner: Corner) -> None:
        floors = corner.app.state.database.floors
        await corner.publish(
            corner.agency("gjf"), corner.person("a", "gjf"), corner.match("a", "x"), corner.person("b", "gjf")
        )
        await corner.publish(corner.match("b", "x"))
        async with corner.client("gjf") as gjf:
            await gjf.subscribed("feed")
            await eventually(lambda: _posted(corner, 2))
            async with corner.app.state.runtime.store._turn:  # it cannot be dropped yet
                await corner.publish(forbidding(corner, 2, NOTICE_GJF))
                await eventually(lambda: floors.find_one(floor_of(corner)))
                shown = (await gjf.get("/deliveries")).json()["deliveries"]
                assert [each["alias"] for each in shown] == [corner.alias("b", "gjf")]

    async def test_is_kept_while_every_other_transaction_of_the_process_stands_still(self, corner: Corner) -> None:
        floors = corner.app.state.database.floors
        async with Partner() as partner:
            runtime = corner.app.state.runtime
            await corner.publish(corner.agency("gjf"), corner.person("a", "gjf"), corner.match("a", "x"))
            async with corner.client("gjf") as gjf:
                await gjf.subscribed("webhook", partner.url)
                await eventually(lambda: holds(partner, held(corner, "x")))
                async with runtime.store._turn:  # a batch that does not end
                    await corner.publish(forbidding(corner, 2, NOTICE_GJF))
                    await eventually(lambda: floors.find_one({**floor_of(corner), "due": {"$exists": True}}))
                    assert holding(partner.told) == held(corner, "x")
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
                    await eventually(lambda: holds(partner, {(hexid("alias", "a", "gjf"), hexid("opportunity", "x"))}))
            state = forbidden.data.model_dump(mode="json", exclude_none=True)
            cause = {"causationid": forbidden.id, "correlationid": None, "recordedtime": None, "traceparent": None}
            await database.floors.insert_one(
                {"_id": forbidden.key, "state": state, "due": forbidden.recordedtime, **cause}
            )
            async with setup.running():
                await eventually(lambda: holds(partner, set()))
