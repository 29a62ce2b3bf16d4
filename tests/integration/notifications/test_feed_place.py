"""The reader's place on the server, answers that have not changed, and a snapshot with the changes after it."""

from __future__ import annotations

from typing import Any

import pytest

from services.notifications.channels import feed_snapshot
from tests.integration.notifications.corner import Corner
from tests.integration.notifications.parts import eventually
from tests.unit.notifications.world import holding

pytestmark = pytest.mark.integration


class TestPlace:
    async def test_who_lost_its_cursor_goes_on_where_it_was(self, corner: Corner) -> None:
        await corner.publish(corner.agency("hana", "case"), corner.person("a", "hana"))
        async with corner.client("hana") as hana:
            await hana.subscribed("feed")
            await corner.publish(corner.match("a", "x"), corner.match("a", "y"))
            await eventually(lambda: corner.stored(2))
            first = (await hana.get("/feed", params={"limit": 1})).json()
            last = (await hana.get("/feed", params={"after": "last"})).json()
            assert len(last["events"]) == 2  # nobody has said that the first one arrived
            second = (await hana.get("/feed", params={"after": first["cursor"]})).json()
            again = (await hana.get("/feed", params={"after": "last"})).json()
            assert again["events"] == second["events"]
            assert len(again["events"]) == 1
            whole = (await hana.get("/feed")).json()  # from the start: its place does not go back
            assert len(whole["events"]) == 2
            assert (await hana.get("/feed", params={"after": "last"})).json()["events"] == second["events"]

    async def test_acknowledging_moves_it_too(self, corner: Corner) -> None:
        await corner.publish(corner.agency("hana", "case"), corner.person("a", "hana"))
        async with corner.client("hana") as hana:
            await hana.subscribed("feed")
            await corner.publish(corner.match("a", "x"))
            await eventually(lambda: corner.stored(1))
            page = (await hana.get("/feed", params={"after": "last"})).json()
            await hana.post("/acknowledgements", json={"notices": [page["events"][0]["id"]]})
            assert (await hana.get("/feed", params={"after": "last"})).json()["events"] == []
            assert (await hana.get("/feed/place")).json()["recalls"] == 0
            await corner.publish(corner.person("a", sequence=2))
            await eventually(lambda: corner.stored(1, about="recall"))
            place = (await hana.get("/feed/place")).json()
            assert place["recalls"] == 1
            page = (await hana.get("/feed", params={"after": place["cursor"]})).json()
            assert [event["type"] for event in page["events"]] == ["recall"]


class TestNotChanged:
    async def test_the_same_page_again_is_304_and_anything_new_is_not(self, corner: Corner) -> None:
        await corner.publish(corner.agency("hana", "case"), corner.person("a", "hana"))
        async with corner.client("hana") as hana:
            await hana.subscribed("feed")
            await corner.publish(corner.match("a", "x"))
            await eventually(lambda: corner.stored(1))
            first = await hana.get("/feed")
            empty = await hana.get("/feed", params={"after": first.json()["cursor"]})
            assert empty.json()["events"] == []
            assert len({first.headers["etag"], empty.headers["etag"]}) == 2
            known = {"If-None-Match": f'"other", {empty.headers["etag"]}'}
            for cursor in (first.json()["cursor"], empty.json()["cursor"]):
                same = await hana.get("/feed", params={"after": cursor}, headers=known)
                assert (same.status_code, same.content) == (304, b"")
                assert same.headers["etag"] == empty.headers["etag"]
            other = await hana.get("/feed", headers={"If-None-Match": '"other"'})
            assert other.status_code == 200
            await corner.publish(corner.match("a", "y"))
            await eventually(lambda: corner.stored(2))
            new = await hana.get("/feed", params={"after": empty.json()["cursor"]}, headers=known)
            assert (new.status_code, len(new.json()["events"])) == (200, 1)


class TestSnapshot:
    async def test_and_the_changes_after_it_are_all_that_is_to_be_held(
        self, corner: Corner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(feed_snapshot, "MOST_THREADS", 2)
        names = ["a", "b", "c", "d", "e"]
        await corner.publish(corner.agency("hana", "case"), *(corner.person(name, "hana") for name in names))
        async with corner.client("hana") as hana:
            await hana.subscribed("feed")
            await corner.publish(*(corner.match(name, "x") for name in names), corner.match("a", "y"))
            await eventually(lambda: corner.stored(6))
            await corner.publish(corner.person("b", sequence=2))  # never given: nobody is to hear of it
            await eventually(lambda: corner.stored(1, reason="consent-ended"))
            told, token, pages = [], None, 0
            while True:
                page = (await hana.get("/feed/snapshot", params={"page": token} if token else {})).json()
                told += page["events"]
                pages += 1
                if pages == 1:  # while it reads
                    await corner.publish(corner.match("c", "z"), corner.match("a", "y", sequence=2, stands=False))
                    await eventually(lambda: corner.stored(7))
                    await eventually(lambda: _withdrawn(corner, "a", "y"))
                if page["next"] is None:
                    break
                token = page["next"]
            assert pages == 3
            changes = (await hana.get("/feed", params={"after": page["cursor"]})).json()
            expected = {corner.key(name, "x", "hana") for name in ("a", "c", "d", "e")}
            expected.add(corner.key("c", "z", "hana"))
            assert holding(told + changes["events"]) == expected
            assert corner.alias("b", "hana") not in str(told)
            await hana.get("/feed", params={"after": changes["cursor"]})  # all of it has arrived
            await eventually(lambda: _no(corner.stored(1, state={"$in": ["posted", "served"]})))
            await corner.publish(corner.person("c", sequence=2))  # what a snapshot told is recalled
            await eventually(lambda: corner.stored(1, about="recall"))
            recall = (await hana.get("/feed", params={"after": "last"})).json()
            assert [event["type"] for event in recall["events"]] == ["recall"]
            snapshot = (await hana.get("/feed/snapshot")).json()
            assert recall["events"][0] in snapshot["events"] or snapshot["next"]

    async def test_a_token_of_another_recipient_is_none(self, corner: Corner) -> None:
        await corner.publish(corner.agency("hana", "case"), corner.agency("gjf"))
        async with corner.client("hana") as hana, corner.client("gjf") as gjf:
            await hana.subscribed("feed")
            await gjf.subscribed("feed")
            cursor = (await hana.get("/feed/snapshot")).json()["cursor"]
            assert (await hana.get("/feed", params={"after": cursor})).status_code == 200
            assert (await gjf.get("/feed", params={"after": cursor})).status_code == 422
            assert (await hana.get("/feed/snapshot", params={"page": cursor})).status_code == 422


async def _withdrawn(corner: Corner, name: str, opportunity: str) -> bool:
    query = {"_id": corner.match(name, opportunity).data.match, "stands": False}
    return bool(await corner.app.state.database.matches.count_documents(query))


async def _no(found: Any) -> bool:
    return not await found
