"""`POST /held` between two agencies on the real parts: the same reference, the same vacancy, and what neither may know
of the other."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.events import Event, registry
from tests.integration.intake.running import register, say
from tests.integration.intake.world import World, graduate
from tests.unit.intake.memory import example, today

pytestmark = pytest.mark.integration
SECRET = "비밀이름"


async def test_each_sees_its_own_person_under_the_same_reference(world: World) -> None:
    consents = [{"purpose": "notice", "recipient": "gjf", "until": today(100)}]
    mine = graduate("SAME-1", consents=consents)
    mine["identity"]["name"] = SECRET
    other = example("person-enrolled", reference="SAME-1", residence="legal-dong-2026:41110", consents=[])
    assert (await world.hanawon.send("trainee-graduated", mine)).status_code == 202
    assert (await world.khf.send("person-enrolled", other)).status_code == 202
    held = {name: (await agency.ask("/held", reference="SAME-1")) for name, agency in _agencies(world).items()}
    persons = {name: answer.json()["person"] for name, answer in held.items() if answer.status_code == 200}
    assert persons.keys() == {"hanawon", "khf"}
    assert persons["hanawon"]["profile"]["residence"] == "legal-dong-2026:41270"
    assert persons["khf"]["profile"]["residence"] == "legal-dong-2026:41110"
    assert persons["hanawon"]["alias"] != persons["khf"]["alias"]
    assert (persons["hanawon"]["known_to"], persons["khf"]["known_to"]) == (["gjf"], [])
    assert [one["recipient"] for one in persons["hanawon"]["consents"]] == ["gjf"]
    assert all(SECRET not in answer.text for answer in held.values())
    # who may be told of the person still has no word on the reference: it is the sender's own
    unknown = await world.gjf.ask("/held", reference="NOBODY")
    assert (held["gjf"].status_code, held["gjf"].json()) == (404, unknown.json())


async def test_whose_reference_it_is_only_an_administrator_says_and_it_is_written_down_first(world: World) -> None:
    assert (await world.hanawon.send("trainee-graduated", graduate("ONE-1"))).status_code == 202
    audit = world.runtime.database.audit
    before = await audit.count_documents({"action": "held-of-others"})
    assert (await world.khf.ask("/held", reference="ONE-1")).status_code == 404
    assert (await world.khf.ask("/held", reference="ONE-1", agency="hanawon")).status_code == 403
    seen = await world.admin.ask("/held", reference="ONE-1", agency="hanawon")
    assert seen.status_code == 200
    assert "alias" not in seen.json()["person"]
    assert await audit.count_documents({"action": "held-of-others"}) == before + 1
    blind = await register(world.admin, "blind", reads=("journeys",))
    assert (await blind.send("trainee-graduated", graduate("ONE-1"))).status_code == 202
    assert (await blind.ask("/held", reference="ONE-1")).status_code == 404  # without the right to look people up


async def test_of_one_vacancy_each_sees_its_own_words_and_what_its_own_event_led_to(world: World) -> None:
    said = {"employer": {"name": "두기관제과"}, "closes": today(60), "until_filled": False}
    first = (await world.gjf.send("job-posted", example("job-posted", reference="V-1", places=2, **said))).json()
    second = (await world.khf.send("job-posted", example("job-posted", reference="V-1", places=3, **said))).json()
    assert second["opportunity"] == first["opportunity"]
    row = await world.runtime.database.inbox.find_one({"receipt": first["receipt"]})
    await say(world.kafka, world.prefix, _delivered(row["correlationid"]))
    for _ in range(300):
        owner = (await world.gjf.ask("/held", reference="V-1")).json()["opportunities"][0]
        if owner["told"]:
            break
        await asyncio.sleep(0.1)
    (other,) = (await world.khf.ask("/held", reference="V-1")).json()["opportunities"]
    assert (owner["advert"]["places"], other["advert"]["places"]) == (2, 3)
    assert owner["told"]
    assert "matches" not in other  # what was told last was another agency's event
    assert "told" not in other
    assert "gjf" not in str(other)
    closed = await world.gjf.send("job-closed", {"reference": "V-1", "reason": "filled"})
    assert closed.status_code == 202
    (owner,) = (await world.gjf.ask("/held", reference="V-1")).json()["opportunities"]
    (other,) = (await world.khf.ask("/held", reference="V-1")).json()["opportunities"]
    assert (owner["open"], owner["told_as_open"], other["open"], other["told_as_open"]) == (False, True, True, True)
    assert (await world.hanawon.ask("/held", reference="V-1")).status_code == 404


def _agencies(world: World) -> dict[str, Any]:
    return {"hanawon": world.hanawon, "khf": world.khf, "gjf": world.gjf}


def _delivered(correlationid: str) -> Event[Any]:
    event_type = registry.find("notice-delivered")
    data = event_type.bus.model_validate(dict(event_type.example), strict=False)
    return Event(
        id="0" * 31 + "1", source="/services/notifications", type=event_type.name, version=event_type.version,
        time=datetime.now(UTC), key="0" * 31 + "1", data=data, sequence=1, correlationid=correlationid,
    )  # fmt: skip
