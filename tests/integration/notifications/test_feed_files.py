"""Files per day from a running service: what a client of HTTP gets, and what it says by coming back."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import pytest

from services.notifications.channels import feed_files
from shared.kit.web import middleware
from tests.integration.notifications.corner import Corner
from tests.integration.notifications.parts import eventually
from tests.unit.notifications.world import holding

pytestmark = pytest.mark.integration


async def test_a_file_is_fetched_in_parts_and_what_is_taken_back_is_left_out(
    corner: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_files, "PIECE", 2)  # several pieces of few lines
    await corner.publish(corner.agency("gjf"))
    async with corner.client("gjf") as client:
        await client.subscribed("feed")
        await corner.publish(corner.person("a", "gjf"), corner.person("b", "gjf"))
        await corner.publish(*(corner.match("a", o) for o in "vwx"), *(corner.match("b", o) for o in "vw"))

        async def day() -> dict[str, Any] | None:
            found: dict[str, Any] = (await client.get("/files")).json()["days"][0]
            return found if found["lines"] == 5 else None

        listed = await eventually(day)
        assert not listed["closed"]
        jsonl, table = listed["files"]
        whole = await client.get(f"/files/{jsonl['name']}")
        assert whole.headers["content-length"] == str(jsonl["bytes"]) == str(5 * 1025)
        assert sha256(whole.content).hexdigest() == jsonl["sha256"] == whole.headers["etag"].strip('"')
        events = [json.loads(line) for line in whole.text.splitlines()]
        assert len(holding(events)) == 5
        etag = {"If-Range": whole.headers["etag"]}
        parts = [
            await client.get(f"/files/{jsonl['name']}", headers={"Range": wanted} | etag)
            for wanted in ("bytes=0-999", "bytes=1000-3999", "bytes=4000-")
        ]
        assert [part.status_code for part in parts] == [206] * 3
        assert b"".join(part.content for part in parts) == whole.content
        rows = list(csv.DictReader(io.StringIO((await client.get(f"/files/{table['name']}")).text)))
        assert [row["id"] for row in rows] == [event["id"] for event in events]
        first = f"{jsonl['name']}:{jsonl['sha256']}"

        await corner.publish(corner.person("a", sequence=2))

        async def shorter() -> Any:
            try:
                answer = await client.get(f"/files/{jsonl['name']}")
            except middleware._CutOff:  # it changed while it was read: a client sees that its length is not there
                return None
            found = [json.loads(line) for line in answer.text.splitlines()]
            return (answer, found) if any(event["type"] == "recall" for event in found) else None

        after, left = await eventually(shorter)
        told_of = {event["data"]["alias"] for event in left if event["type"] == "notice"}
        assert told_of == {corner.alias("b", "gjf")}
        (recall,) = (event for event in left if event["type"] == "recall")
        assert recall["takesback"] == listed["day"]
        assert len(after.content) == 3 * 1025
        other = await client.get(f"/files/{jsonl['name']}", headers={"Range": "bytes=1000-"} | etag)
        assert (other.status_code, other.content) == (200, after.content)  # another file now: the whole of it

        said = (await client.get("/files", params={"acknowledge": first})).json()["acknowledged"]
        assert said == [{"name": jsonl["name"], "status": "changed"}]
        now = f"{jsonl['name']}:{sha256(after.content).hexdigest()}"
        said = (await client.get("/files", params={"acknowledge": now})).json()["acknowledged"]
        assert said == [{"name": jsonl["name"], "status": "acknowledged"}]

        async def done() -> bool:
            return sum(outcome.type == "recall-acknowledged" for outcome in await corner.outcomes()) == 1

        await eventually(done)


async def test_what_was_not_fetched_is_not_acknowledged_by_its_hash(corner: Corner) -> None:
    await corner.publish(corner.agency("gjf"))
    async with corner.client("gjf") as client:
        await client.subscribed("feed")
        await corner.publish(corner.person("a", "gjf"), corner.match("a", "x"))

        async def told() -> Any:
            found = (await client.get("/files")).json()["days"][0]
            return found if found["lines"] else None

        (form, _) = (await eventually(told))["files"]
        address = f"/files/{form['name']}"
        looked = await client.head(address, headers={"Range": "bytes=0-9"})
        assert (looked.status_code, looked.content) == (200, b"")
        assert looked.headers["content-length"] == str(form["bytes"])
        assert looked.headers["etag"] == f'"{form["sha256"]}"'
        again = await client.head(address, headers={"If-None-Match": looked.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        said = await client.get("/files", params={"acknowledge": f"{form['name']}:{form['sha256']}"})
        assert said.json()["acknowledged"] == [{"name": form["name"], "status": "not-fetched"}]
        assert await corner.count(state="posted") == 1
        whole = await client.get(address)
        star = await client.get(address, headers={"If-None-Match": "*"})
        assert (star.status_code, star.content) == (304, b"")
        assert await corner.count(state="served") == 1, "who says a star has seen no tag"
        own = {"x-request-id", "date"}
        assert {each for each in whole.headers.items() if each[0] not in own} == {
            each for each in looked.headers.items() if each[0] not in own
        }


async def test_a_day_that_is_over_is_another_file_once_a_line_may_not_be_told_any_more_whoever_asks_how(
    corner: Corner,
) -> None:
    await corner.publish(corner.agency("gjf"))
    async with corner.client("gjf") as client:
        await client.subscribed("feed")
        await corner.publish(corner.person("a", "gjf"), corner.match("a", "x"))
        recipients = corner.app.state.database.recipients

        async def told() -> Any:
            found = (await client.get("/files")).json()["days"][0]
            return found if found["lines"] else None

        today = date.fromisoformat((await eventually(told))["day"])
        (kept,) = await recipients.find({"_id": corner.own("gjf")}).to_list(None)
        yesterday = (today - timedelta(days=1)).isoformat()
        begun = [{**each, "day": yesterday} for each in kept["days"]]
        await recipients.update_one({"_id": kept["_id"]}, {"$set": {"days": begun}})
        address = f"/files/{yesterday}.jsonl"
        before = await client.get(address)
        assert len(before.text.splitlines()) == 1
        await corner.publish(corner.person("a", sequence=2))

        async def shorter() -> bool:
            return not (await client.get(address)).content

        await eventually(shorter)
        for known in (
            {"If-Modified-Since": "Fri, 31 Dec 2199 00:00:00 GMT"},
            {"If-None-Match": before.headers["etag"]},
        ):
            after = await client.get(address, headers=known)
            assert (after.status_code, after.content) == (200, b"")
            assert after.headers["etag"] != before.headers["etag"]
            assert "last-modified" not in after.headers
