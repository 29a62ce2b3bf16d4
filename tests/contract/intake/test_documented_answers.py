"""What a running intake answers is what its OpenAPI document says, and everything that the document says is seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from services.intake.event_handlers import opportunities
from services.intake.main import build
from tests.integration.intake.running import ADMIN_TOKEN, Partner, register, settings
from tests.support.documented import Documented, ask_what_the_kit_answers, ask_without_the_right
from tests.unit.intake.memory import example, today

pytestmark = pytest.mark.contract
ONE, MANY = "application/cloudevents+json", "application/cloudevents-batch+json"
LEFT = {"reference": "HW-8841", "reason": "own-wish"}
BLOCKED = {"verdict": "refused", "reason": "employer-blocked"}


class Door:
    """Sends events as one agency, each answer compared."""

    def __init__(self, service: Documented, agency: Partner) -> None:
        self.service, self.agency = service, agency

    async def send(self, status: int, event: Any, media: str = ONE, **headers: str) -> Any:
        content = event if isinstance(event, bytes) else json.dumps(event).encode()
        said = {**self.agency.headers, "content-type": media, **headers}
        return (await self.service.ask("POST /events", status, content=content, headers=said)).json()

    async def ask(self, operation: str, status: int, address: str | None = None, **more: Any) -> Any:
        return (await self.service.ask(operation, status, address, headers=self.agency.headers, **more)).json()


async def test_every_documented_answer(
    kafka: str, mongo_url: str, database: Any, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.kit.web.quotas.LONGEST_DELAY", 0.0)
    app = build(settings(kafka, mongo_url, database=database.name, topic_prefix=topic_prefix))
    async with app.router.lifespan_context(app):
        await app.state.runtime.ready.wait()
        service = Documented(app, {"authorization": f"Bearer {ADMIN_TOKEN}"})
        async with service.http:
            admin = Partner(service.http, "ops", ADMIN_TOKEN)
            gjf = await register(admin, "gjf", "service")
            hanawon = await register(admin, "hanawon")
            door = Door(service, hanawon)
            await ask_what_the_kit_answers(service)
            await ask_without_the_right(service, hanawon.headers)
            await look_up_codes(service)
            assert (await service.ask("GET /doors/kafka", 200)).json()["open"] is False
            await send_files(service, hanawon.headers)
            await look_back(door)
            await change_keys(service, await register(admin, "khf"))
            await look_back_without_a_right(service, await register(admin, "acme", "public", reads=()))
            await operate(service, Door(service, gjf), door)
            await send(door, monkeypatch)
            assert service.unseen() == []


async def look_up_codes(service: Documented) -> None:
    await service.ask("GET /codes", 200)
    found = await service.ask("GET /codes/{scheme}", 200, "/codes/occupation", params={"q": "요양", "limit": 1})
    assert [one["code"] for one in found.json()["codes"]] == ["work24-2024-occupation:550104"]
    await service.ask("GET /codes/{scheme}", 404, "/codes/nothing")
    await service.ask("GET /codes/{scheme}", 422, "/codes/region", params={"limit": 0})


async def operate(service: Documented, gjf: Door, hanawon: Door) -> None:
    """Two pairs that may be one: the first is answered, split and held; of the second one is closed."""
    opportunities = []
    for number, door in enumerate((gjf, hanawon, gjf, hanawon)):
        night = {"title": "제과제빵원 (야간)"} if door is hanawon else {}
        place = {"region": "legal-dong-2026:41110"} if number > 1 else {}
        said = example("job-posted", reference=f"Q-{number}", **night, **place)
        opportunities.append((await door.send(202, door.agency.event("job-posted", said)))["opportunity"])
    page = (await service.ask("GET /questions", 200, params={"limit": 1})).json()
    rest = (await service.ask("GET /questions", 200, params={"before": page["next"]})).json()
    first, second = sorted(
        [*page["questions"], *rest["questions"]], key=lambda each: opportunities[0] not in each["opportunities"]
    )
    await service.ask("GET /questions", 422, params={"limit": 0})
    assert (await service.ask("GET /questions", 422, params={"before": "x"})).json()["rule"] == "wrong-form"
    answer = "POST /questions/{question}"
    same: dict[str, Any] = {"json": {"answer": "same"}}
    await gjf.send(202, gjf.agency.event("job-closed", {"reference": "Q-2", "reason": "filled"}))
    told = (await service.ask(answer, 409, f"/questions/{second['question']}", **same)).json()
    assert (told["rule"], sorted(told["remedy"])) == ("not-one-vacancy", ["en", "ko"])
    assert (await service.ask(answer, 200, f"/questions/{first['question']}", **same)).json()["answer"] == "same"
    await service.ask(answer, 404, **same)
    await service.ask(answer, 422, json={"answer": "?"})

    one, split = f"/opportunities/{opportunities[0]}", "POST /opportunities/{opportunity}/split"
    held = (await service.ask("GET /opportunities/{opportunity}", 200, one)).json()
    (source,) = (each["source"] for each in held["sources"] if each["agency"] == "hanawon")
    await service.ask("GET /opportunities/{opportunity}", 404)
    await service.ask("GET /opportunities/{opportunity}", 422, "/opportunities/x")
    new = (await service.ask(split, 200, f"{one}/split", json={"source": source})).json()["opportunity"]
    await service.ask(split, 409, f"/opportunities/{new}/split", json={"source": source})
    await service.ask(split, 404, f"{one}/split", json={"source": source})
    await service.ask(split, 422, f"{one}/split", json={"source": "?"})

    vetted = {"opportunity": new, "verdict": "held", "reason": "wrong-terms"}
    assert (await gjf.send(202, gjf.agency.event("opportunity-vetted", vetted)))["vetting"]["verdict"] == "held"
    shown = (await service.ask("GET /held-adverts", 200, params={"limit": 1})).json()
    assert [each["opportunity"] for each in shown["opportunities"]] == [new]
    assert (await service.ask("GET /held-adverts", 200, params={"after": shown["next"]})).json() == {
        "opportunities": []
    }
    await service.ask("GET /held-adverts", 422, params={"after": "x"})

    employer = "/employers/124-81-00998"
    assert (await service.ask("PUT /employers/{number}", 200, employer, json=BLOCKED)).json()["applied"] is False
    await service.ask("PUT /employers/{number}", 422, employer, json={})
    await service.ask("PUT /employers/{number}", 422, "/employers/---", json=BLOCKED)
    listed = (await service.ask("GET /employers", 200, params={"limit": 1})).json()
    assert (listed["employers"][0]["number"], listed["next"]) == ("1248100998", "1248100998")
    await service.ask("GET /employers", 422, params={"after": "-"})
    await service.ask("DELETE /employers/{number}", 204, employer)
    await service.ask("DELETE /employers/{number}", 404, "/employers/1")
    await service.ask("DELETE /employers/{number}", 422, "/employers/~")


async def send_files(service: Documented, headers: Mapping[str, str]) -> None:
    table = "관리번호,사유\nHW-1,본인희망\nHW-2,?\n".encode("cp949")
    said = {"as_of": "2026-11-28T09:00:00+09:00", "type": "person-left", "testrun": True}
    found = (await service.ask("POST /files", 202, content=table, headers=headers, params=said)).json()
    assert (found["rows"], found["refused"], found["findings"][1]["column"]) == (2, 2, "B")
    report = await service.ask("POST /files", 202, content=table, headers=headers, params={**said, "report": "csv"})
    assert report.content.decode("cp949").splitlines()[0] == "row,column,field,rule,remedy"
    assert (await service.ask("POST /files", 422, content=b"%PDF", headers=headers, params=said)).json()["rule"]
    odd = await service.ask("POST /files", 422, content=b"", headers=headers, params={**said, "language": "tlh"})
    assert (odd.json()["field"], odd.json()["rule"]) == ("/query/language", "unknown-value")
    await service.ask("POST /files", 415, content=table, headers={**headers, "content-encoding": "br"}, params=said)
    await keep_mappings(service, headers)
    await service.ask("GET /templates/{name}", 200, "/templates/job-posted.csv", params={"encoding": "cp949"})
    await service.ask("GET /templates/{name}", 200, "/templates/job-posted.xlsx")
    await service.ask("GET /templates/{name}", 404, "/templates/nothing.csv")
    await service.ask("GET /templates/{name}", 422, "/templates/codes.csv", params={"encoding": "x"})


async def keep_mappings(service: Documented, headers: Mapping[str, str]) -> None:
    own = {"type": "person-enrolled", "columns": {"번호": "reference", "성함": "identity.name", "비고": ""}}
    kept: dict[str, Any] = {"headers": headers}
    ask = service.ask
    assert (await ask("PUT /mappings/{name}", 200, "/mappings/own", json=own, **kept)).json() == own
    fixed = {**own, "fixed": {"identity.name": "비밀이름"}}
    wrong = (await ask("PUT /mappings/{name}", 422, "/mappings/bad", json=fixed, **kept)).json()
    assert (wrong["field"], wrong["rule"]) == ("/fixed/0", "personal-in-mapping")
    number = {**own, "columns": {"900101-1234567": ""}}
    wrong = (await ask("PUT /mappings/{name}", 422, "/mappings/bad", json=number, **kept)).json()
    assert (wrong["field"], wrong["rule"]) == ("/columns/0", "refused-number")
    for at in range(1, 20):
        await ask("PUT /mappings/{name}", 200, f"/mappings/m-{at}", json={}, **kept)
    assert (await ask("PUT /mappings/{name}", 422, "/mappings/m-20", json={}, **kept)).json()["rule"]
    assert len((await ask("GET /mappings", 200, **kept)).json()["mappings"]) == 20
    assert (await ask("GET /mappings/{name}", 200, "/mappings/own", **kept)).json() == own
    await ask("GET /mappings/{name}", 404, "/mappings/m-20", **kept)
    await ask("GET /mappings/{name}", 422, "/mappings/A", **kept)

    table = "번호,성함,비고,거주지역\nHW-7,비밀이름,비밀이름,없는곳\nHW-8,비밀이름,,수원시\n".encode("cp949")
    preview, said = "POST /files/preview", {"mapping": "own"}
    told = (await ask(preview, 200, content=table, params=said, **kept)).json()
    assert [(one["column"], one.get("field")) for one in told["columns"]] == [
        ("A", "/data/reference"), ("B", "/data/identity/name"), ("C", None), ("D", "/data/residence"),
    ]  # fmt: skip
    assert told["rows"][0]["data"] == {"reference": "…", "residence": "legal-dong-2026:41110"}
    assert (2, "D", "unknown-code-name") in [(one["row"], one.get("column"), one["rule"]) for one in told["findings"]]
    assert "비밀" not in json.dumps(told, ensure_ascii=False)
    assert (await ask(preview, 422, content=b"%PDF", params=said, **kept)).json()["rule"] == "unknown-format"
    await ask(preview, 415, content=table, headers={**headers, "content-encoding": "br"}, params=said)
    file = {"as_of": "2026-11-28T09:00:00+09:00", "testrun": True}
    sent = (await ask("POST /files", 202, content=table, params={**said, **file}, **kept)).json()
    assert sent["findings"][0]["rule"] == "unknown-code-name"
    lacking = (await ask("POST /files", 422, content=table, params={**file, "mapping": "none"}, **kept)).json()
    assert lacking["rule"] == "unknown-mapping"

    await ask("DELETE /mappings/{name}", 204, "/mappings/own", **kept)
    await ask("DELETE /mappings/{name}", 404, "/mappings/own", **kept)
    await ask("DELETE /mappings/{name}", 422, "/mappings/A", **kept)


async def change_keys(service: Documented, agency: Partner) -> None:
    said: dict[str, Any] = {"headers": agency.headers}
    hashed = {"key_id": "khf-2", "secret_sha256": "ab" * 32}
    assert (await service.ask("POST /keys", 201, json=hashed, **said)).json() == {"key_id": "khf-2", "calling": False}
    assert (await service.ask("POST /keys", 422, json={**hashed, "key_id": "khf-3"}, **said)).json()["rule"]
    made = (await service.ask("POST /keys", 201, json={"key_id": "khf-3"}, **said)).json()
    assert len(made["key"]) == len("khf-3.") + 64
    listed = (await service.ask("GET /keys", 200, **said)).json()["keys"]
    assert "khf-1" in [one["key_id"] for one in listed]  # what was added a moment ago may not be in it yet
    left = await service.ask("DELETE /keys/{key_id}", 200, "/keys/khf-2", params={"grace_days": 0}, **said)
    assert [one["key_id"] for one in left.json()["keys"]] == ["khf-1", "khf-3"]
    await service.ask("DELETE /keys/{key_id}", 404, "/keys/khf-2", **said)
    own = await service.ask("DELETE /keys/{key_id}", 422, "/keys/khf-1", **said)
    assert own.json()["rule"] == "own-key"
    await service.ask("DELETE /keys/{key_id}", 422, "/keys/khf-3", params={"grace_days": 91}, **said)


async def send(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    event = door.agency.event
    arrival = event("trainee-graduated", example("trainee-graduated"))
    assert (await door.send(202, arrival))["status"] == "accepted"
    assert (await door.send(202, arrival))["status"] == "duplicate"
    assert (await door.send(202, {**arrival, "testrun": True}))["testrun"] is True
    conflict = await door.send(409, {**arrival, "data": LEFT, "type": "person-left"})
    assert conflict["id"] == arrival["id"]
    await door.send(403, {**event("person-left", LEFT), "source": "/agencies/gjf"})
    await door.send(400, b"{")
    assert (await door.send(400, "{}".encode("utf-16")))["rule"] == "not-utf-8"
    assert "id" not in await door.send(422, {})
    await door.send(415, {}, "text/plain")
    await door.send(413, [{}] * 501, MANY)
    kept = await door.send(422, event("person-left", {**LEFT, "reference": "HW-1"}))
    assert kept["rule"] == "unknown-reference-kept"
    late = await door.send(202, event("person-enrolled", example("person-enrolled", reference="HW-1")))
    assert late["withheld"] == ["active"]
    wrong = example("person-enrolled", consents=[{"purpose": "?", "until": today()}], reference="HW-2")
    found = await door.send(202, [{}, 7, event("person-enrolled", wrong), {"id": "x", "type": "job-posted"}], MANY)
    assert [one["status"] for one in found["results"]] == ["refused"] * 4
    assert [one.get("id") for one in found["results"]][1::2] == [None, "x"]
    await door.send(400, {"reference": 1}, "application/json", **{"ce-specversion": "1.0", "ce-id": "%"})
    monkeypatch.setattr(opportunities, "decide", lambda *_: 1 / 0)
    await door.send(500, event("job-posted", example("job-posted")))


async def look_back_without_a_right(service: Documented, agency: Partner) -> None:
    said: dict[str, Any] = {"headers": agency.headers}
    await service.ask("GET /events/{id}", 403, "/events/x", params={"source": "/agencies/acme"}, **said)
    await service.ask("GET /receipts/{receipt}", 403, "/receipts/x", **said)
    await service.ask("GET /rejections", 403, **said)
    for operation in (
        "GET /questions", "GET /held-adverts", "GET /employers", "GET /opportunities/{opportunity}",
        "DELETE /employers/{number}",
    ):  # fmt: skip
        await service.ask(operation, 403, **said)
    await service.ask("POST /questions/{question}", 403, json={"answer": "same"}, **said)
    await service.ask("POST /opportunities/{opportunity}/split", 403, json={"source": "0f"}, **said)
    await service.ask("PUT /employers/{number}", 403, json=BLOCKED, **said)
    await service.ask("POST /people/lookup", 403, json={"reference": "HW-7"}, **said)
    await service.ask("POST /rejections/search", 403, json={}, **said)
    await service.ask("POST /held", 403, json={"reference": "HW-7", "agency": "hanawon"}, **said)


async def look_back(door: Door) -> None:
    event, receipt, refused, lookup = (
        "GET /events/{id}", "GET /receipts/{receipt}", "GET /rejections", "POST /people/lookup",
    )  # fmt: skip
    source = {"source": "/agencies/hanawon"}
    sent = await door.send(202, door.agency.event("trainee-graduated", example("trainee-graduated", reference="HW-7")))
    bad = await door.send(422, door.agency.event("person-left", {**LEFT, "reason": "?"}))
    await door.send(422, {"data": {}})
    assert (await door.ask(event, 200, f"/events/{sent['id']}", params=source))["status"] == "accepted"
    assert (await door.ask(event, 200, f"/events/{bad['id']}", params=source))["status"] == "refused"
    await door.ask(event, 404, "/events/none", params=source)
    await door.ask(event, 422, "/events/none")
    await door.ask(receipt, 200, f"/receipts/{sent['receipt']}")
    await door.ask(receipt, 404, "/receipts/none")
    listed = await door.ask(refused, 200, params={"limit": 2})
    assert len(listed["rejections"]) == 2
    await door.ask(refused, 422, params={"before": "?"})
    search = "POST /rejections/search"
    assert [one["id"] for one in (await door.ask(search, 200, json={"id": bad["id"]}))["rejections"]] == [bad["id"]]
    by_reference = await door.ask(search, 200, json={"reference": LEFT["reference"], "day": today()})
    assert [one["id"] for one in by_reference["rejections"]] == [bad["id"]]
    assert (await door.ask(search, 200, json={"reference": "none"}))["rejections"] == []
    assert (await door.ask(search, 200, json={"day": today(-1)}))["rejections"] == []
    await door.ask(search, 422, json={"before": "?"})
    held = await door.ask("POST /held", 200, json={"reference": "HW-7"})
    assert (held["person"]["status"], held["opportunities"]) == ("active", [])
    await door.ask("POST /held", 404, json={"reference": "HW-9"})
    await door.ask("POST /held", 422, json={})
    assert "alias" in await door.ask(lookup, 200, json={"reference": "HW-7"})
    await door.ask(lookup, 404, json={"reference": "HW-9"})
    await door.ask(lookup, 422, json={"reference": "?", "x": 1})
