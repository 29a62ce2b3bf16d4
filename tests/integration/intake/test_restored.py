"""Intake's database is put back from a copy: after one command what it says is newer than what the others hold, and
nothing that was taken back since the copy is allowed again."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.intake import metrics
from services.intake.admin_commands import COMMANDS
from services.intake.documents import PEOPLE
from shared.access.api_keys import make_key
from shared.events import Event
from shared.events.topics.prohibitions import Floors, merged
from shared.kit.runtime.admin_commands import store_beside
from shared.kit.runtime.connect import CannotStart
from tests.integration.intake.running import Partner, Process, intake, on_the_bus, register, settings
from tests.integration.intake.world import graduate
from tests.support.database_copy import DatabaseCopy
from tests.support.waiting import eventually
from tests.unit.intake.memory import example

pytestmark = pytest.mark.integration
NOTICE = {"purpose": "notice", "recipient": "gjf"}
BEFORE, TAKEN, LATER = (f"2026-11-20T{hour:02}:00:00+09:00" for hour in (9, 10, 11))


class Place:
    """One intake after the other, on one database, and the agencies around it."""

    def __init__(self, kafka: str, mongo_url: str, prefix: str, database: Any, folder: Path) -> None:
        self.kafka, self.prefix, self.database = kafka, prefix, database
        self._mongo_url, self._folder = mongo_url, folder
        self.chosen = settings(kafka, mongo_url, database=database.name, topic_prefix=prefix, lapse_seconds=3600)
        self.partners: dict[str, Partner] = {}
        self.admin: Any = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with intake(self.chosen) as (_, admin):
            self.admin = admin
            for partner in self.partners.values():
                partner.http = admin.http
            yield

    async def agency(self, name: str, recipient_class: str = "case") -> Partner:
        self.partners[name] = await register(self.admin, name, recipient_class)
        return self.partners[name]

    async def restored(self) -> str:
        async with store_beside(self.chosen) as store:
            return await COMMANDS["restored"](store, self.chosen)

    @staticmethod
    def older() -> float:
        """Whether the one that runs has seen that its database is older."""
        return float(metrics.database_older_than_topics.of()._value.get())

    def killed(self, times: int) -> Process:
        """The command, two things at a time, that is gone at this commit."""
        more = {"IEUM_DATABASE": self.database.name, "CRASH_TIMES": str(times)}
        where = (self._folder, self.kafka, self._mongo_url, self.prefix)
        return Process(*where, "restored", crash_at="before commit", more=more)

    async def told(self, topic: str) -> dict[str, Event[Any]]:
        """What a follower holds that compares numbers, by thing."""
        held: dict[str, Event[Any]] = {}
        for event in await on_the_bus(self.kafka, self.prefix + topic, at_least=1):
            if event.key not in held or (held[event.key].sequence or 0) < (event.sequence or 0):
                held[event.key] = event
        return held

    async def notice_for(self, person: str) -> list[str]:
        """Who may be told of a person, for a follower of both topics."""
        state = (await self.told("people"))[person]
        said = [event.data for event in await on_the_bus(self.kafka, self.prefix + "prohibitions")]
        floors = merged(Floors(person=person), *(each for each in said if each.person == person))
        if state.data.status != "active" or floors.forbid_all(state.sequence or 0):
            return []
        consents = [c for c in state.data.consents if c.purpose == "notice" and c.recipient]
        return [c.recipient for c in consents if not floors.forbid(state.sequence or 0, c.purpose, c.recipient)]

    async def known_by(self, partner: Partner, reference: str) -> str:
        """The person behind a reference, found by the owner's alias."""
        alias = (await partner.lookup(reference)).json()["alias"]
        [found] = await self.database[PEOPLE].find({"state.aliases.alias": alias}).to_list(None)
        return str(found["_id"])


@pytest_asyncio.fixture(loop_scope="session")
async def place(kafka: str, mongo_url: str, mongo: Any, tmp_path: Path) -> AsyncIterator[Place]:
    name = f"test_{secrets.token_hex(6)}"
    yield Place(kafka, mongo_url, f"t{secrets.token_hex(4)}.", mongo[name], tmp_path)
    await mongo.drop_database(name)


def consents(*recipients: str) -> list[dict[str, Any]]:
    until = graduate("x")["consents"][0]["until"]
    given = [{"purpose": "notice", "recipient": name, "until": until} for name in recipients]
    return [{"purpose": "matching", "until": until}, *given]


def arriving(reference: str, *recipients: str) -> dict[str, Any]:
    return graduate(reference, consents=consents(*recipients))


async def accepted(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def test_who_withdrew_since_the_copy_stays_so_and_what_is_said_from_then_on_is_obeyed(place: Place) -> None:
    async with place.running():
        hanawon, gjf = await place.agency("hanawon"), await place.agency("gjf", "service")
        khf, aaa = await place.agency("khf"), await place.agency("aaa")
        for reference in ("STAYS", "TAKES", "LEAVES", "AGAIN"):
            await accepted(await hanawon.send("trainee-graduated", arriving(reference, "gjf"), time=BEFORE))
        for reference in ("OPEN", "ENDS"):
            await accepted(await gjf.send("job-posted", advert(reference), sequence="1", time=BEFORE))
        people = {each: await place.known_by(hanawon, each) for each in ("STAYS", "TAKES", "LEAVES", "AGAIN")}
    copy = await DatabaseCopy.of(place.database)
    given = {"consents": [{**NOTICE, "until": consents("gjf")[1]["until"]}]}
    async with place.running():
        for month in (3, 4, 5):
            changed = example("person-updated", reference="STAYS", wants={"kinds": ["job"], "from": f"2027-{month:02}"})
            await accepted(await hanawon.send("person-updated", changed, time=LATER))
        taken = {"consents": [NOTICE]}
        for reference in ("TAKES", "AGAIN"):
            await accepted(await hanawon.send("consent-withdrawn", {"reference": reference, **taken}, time=TAKEN))
        await accepted(await hanawon.send("consent-given", {"reference": "AGAIN", **given}, time=LATER))
        await accepted(await hanawon.send("person-left", {"reference": "LEAVES", "reason": "own-wish"}, time=TAKEN))
        for reference in ("NEW", "NEW-TAKES"):
            await accepted(await hanawon.send("trainee-graduated", arriving(reference, "gjf", "khf"), time=BEFORE))
            people[reference] = await place.known_by(hanawon, reference)
        await accepted(await hanawon.send("consent-withdrawn", {"reference": "NEW-TAKES", **taken}, time=TAKEN))
        await accepted(await gjf.send("job-closed", {"reference": "ENDS", "reason": "filled"}, time=TAKEN))
        added = (await accepted(await gjf.send("job-posted", advert("ADDED"), time=BEFORE)))["opportunity"]
        stolen = dict(khf.headers)
        token, key = make_key("khf-2")
        await accepted(await place.admin.send("agency-changed", with_key("khf", key)))
        moved, same = make_key("khf-1")
        await accepted(await place.admin.send("agency-changed", with_key("aaa", same)))
    held = {topic: await place.told(topic) for topic in ("people", "opportunities", "agencies")}
    await copy.put_back(place.database)
    for commit in (2, 7, 12, 16):
        process = place.killed(commit)
        assert await process.gone() == -9
        process.kill()
        if commit == 7:
            with pytest.raises(CannotStart, match="not done"):
                async with place.running():
                    raise AssertionError("half of it")
    assert "done" in await place.restored()
    assert "done: 0" in await place.restored()

    async with place.running():
        await expect_notice(place, people, STAYS=["gjf"], TAKES=[], AGAIN=["gjf"], LEAVES=[], NEW=[])
        [still] = {key for key, event in held["opportunities"].items() if event.data.status == "open"} - {added}
        await expect_open(place, still)
        khf.headers = stolen
        assert (await khf.get("/rejections")).status_code == 401
        khf.headers = {"authorization": f"Bearer {token}"}
        assert (await khf.get("/rejections")).status_code == 200
        aaa.headers = {"authorization": f"Bearer {moved}"}
        assert (await aaa.get("/rejections")).status_code == 200
        # what was said before the withdrawal is no consent given anew, whatever came to be known of its number
        old = await accepted(await hanawon.send("consent-given", {"reference": "TAKES", **given}, time=BEFORE))
        assert old["status"] == "superseded"
        again = await accepted(await hanawon.send("trainee-graduated", arriving("LEAVES", "gjf"), time=BEFORE))
        assert again["status"] == "superseded"
        arrived = await accepted(
            await hanawon.send("trainee-graduated", arriving("NEW-TAKES", "gjf", "khf"), time=BEFORE)
        )
        assert arrived["withheld"] == ["notice/gjf"]
        reposted = await accepted(await gjf.send("job-posted", advert("ENDS"), sequence="2", time=BEFORE))
        assert reposted["status"] == "superseded"
        await accepted(await gjf.send("job-closed", {"reference": "OPEN", "reason": "filled"}, time=TAKEN))
        await expect_open(place)
        anew = datetime.now(UTC).isoformat()
        await accepted(await hanawon.send("consent-withdrawn", {"reference": "STAYS", **taken}, time=anew))
        changed = example("person-updated", reference="AGAIN", wants={"kinds": ["job"], "from": "2027-08"})
        await accepted(await hanawon.send("person-updated", changed, time=anew))
        people["NEW-TAKES anew"] = await place.known_by(hanawon, "NEW-TAKES")
        await expect_notice(place, people, **{"STAYS": [], "NEW-TAKES": [], "NEW-TAKES anew": ["khf"]})
        await accepted(await hanawon.send("consent-given", {"reference": "TAKES", **given}, time=anew))
        await expect_notice(place, people, TAKES=["gjf"], AGAIN=["gjf"])
    now = await place.told("people")
    assert now[people["AGAIN"]].data.wants.start == "2027-08"
    newer = {key for key, event in held["people"].items() if (now[key].sequence or 0) > (event.sequence or 0)}
    assert newer == {people[each] for each in ("STAYS", "TAKES", "AGAIN", "NEW", "NEW-TAKES")}


async def test_who_forgot_it_is_told_and_what_is_in_doubt_by_then_is_held_back(place: Place) -> None:
    async with place.running():
        hanawon, _ = await place.agency("hanawon"), await place.agency("gjf", "service")
        await accepted(await hanawon.send("trainee-graduated", arriving("TAKES", "gjf")))
        person = await place.known_by(hanawon, "TAKES")
        assert place.older() == 0
    copy = await DatabaseCopy.of(place.database)
    async with place.running():
        await accepted(await hanawon.send("consent-withdrawn", {"reference": "TAKES", "consents": [NOTICE]}))
    await copy.put_back(place.database)
    async with place.running():
        await eventually(place.older)
        for month in (3, 4):  # the second one's number is higher than that of the withdrawal
            changed = example("person-updated", reference="TAKES", wants={"kinds": ["job"], "from": f"2027-{month:02}"})
            await accepted(await hanawon.send("person-updated", changed))
    assert await place.notice_for(person) == ["gjf"]
    with pytest.raises(CannotStart, match="was started on this copy"):
        await place.restored()
    await copy.put_back(place.database)
    assert "done: 1" in await place.restored()
    async with place.running():
        await expect_notice(place, {"TAKES": person}, TAKES=[])
        assert place.older() == 0


async def test_it_is_refused_while_a_replica_runs_and_where_the_topics_are_others(place: Place) -> None:
    async with place.running():
        await place.agency("hanawon")
        with pytest.raises(CannotStart, match="a replica runs"):
            await place.restored()
    await place.database.outbox_opened.update_one({"_id": "people"}, {"$set": {"topic_id": "another"}})
    with pytest.raises(CannotStart, match="topic people is not the one"):
        await place.restored()


def advert(reference: str) -> dict[str, Any]:
    return example("job-posted", reference=reference, title=f"제과 {len(reference)}")


def with_key(agency: str, key: Any) -> dict[str, Any]:
    return {
        "agency": agency,
        "name": {"ko": agency, "en": agency},
        "recipient_class": "case",
        "rights": {"emits": [], "reads": ["rejections"], "receives": True},
        "keys": [{"key_id": key.key_id, "secret_sha256": key.secret_sha256}],
    }


async def expect_open(place: Place, *expected: str) -> None:
    """A little later these and no others are open."""
    found: set[str] = set()
    for _ in range(20):
        told = await place.told("opportunities")
        found = {key for key, event in told.items() if event.data.status == "open"}
        if found == set(expected):
            break
    assert found == set(expected)


async def expect_notice(place: Place, people: Mapping[str, str], **expected: list[str]) -> None:
    """A little later who may be told of whom is this."""
    found: dict[str, list[str]] = {}
    for _ in range(20):
        found = {name: await place.notice_for(people[name]) for name in expected}
        if found == expected:
            break
    assert found == expected
