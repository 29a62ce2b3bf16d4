"""How events pass the door: seen before, right and source, test runs, batches, rejections."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any, cast

import pytest

from services.intake import metrics
from services.intake.event_handlers import opportunities, topic_handlers
from services.intake.request_admission import Admitted
from services.intake.service import Door
from shared.events.limits import Contents
from shared.events.refusal import Refusal, Refused
from shared.events.registry import Topic, registry
from shared.events.topics.agencies import Agency
from shared.events.topics.opportunities import JOB_CLOSED
from shared.kit.base.clock import Clock
from shared.kit.web.problems import Problem
from shared.screening.sensitive_data import NeverCollected
from tests.unit.intake.memory import House, agency, example, today

pytestmark = pytest.mark.unit


@pytest.fixture
def house() -> House:
    return House()


class TestSeenBefore:
    async def test_the_same_event_gets_the_first_receipt(self, house: House) -> None:
        event = house.event("trainee-graduated", example("trainee-graduated"))
        first, second = await house.send_all([event, event])
        assert (first.status, second.status) == ("accepted", "duplicate")
        assert (first.receipt, first.alias) == (second.receipt, second.alias)
        assert len(house.store.emitted) == 2

    async def test_the_order_of_names_in_the_json_does_not_count(self, house: House) -> None:
        event = house.event("job-posted", example("job-posted"), by="gjf")
        turned = {**event, "data": dict(reversed(event["data"].items()))}
        assert [r.status for r in await house.send_all([event, turned], "gjf")] == ["accepted", "duplicate"]

    async def test_the_same_id_with_other_content_is_a_conflict(self, house: House) -> None:
        event = house.event("job-posted", example("job-posted"), by="gjf")
        other = {**event, "data": example("job-posted", places=9)}
        _, second = await house.send_all([event, other], "gjf")
        assert second.problem is not None
        assert (second.problem.rule, second.problem.status) == ("same-id-other-content", 409)

    async def test_a_repeat_is_known_even_when_its_dates_no_longer_hold(self, house: House) -> None:
        event = house.event("job-posted", example("job-posted", closes=today()), by="gjf")
        first = (await house.send_all([event], "gjf"))[0]
        much_later = replace(house.dependencies, clock=Clock(timedelta(days=10_000)))
        again = (await Door(cast(Any, house.store), much_later).take(Admitted([event], 1), house.callers["gjf"]))[0]
        assert (again.status, again.receipt) == ("duplicate", first.receipt)

    async def test_a_refused_event_may_be_mended_under_its_id(self, house: House) -> None:
        wrong = house.event("job-posted", example("job-posted", closes=today(-1)), by="gjf")
        mended = {**wrong, "data": example("job-posted")}
        assert [r.status for r in await house.send_all([wrong, mended], "gjf")] == ["refused", "accepted"]


class TestRights:
    async def test_the_source_is_the_callers_own(self, house: House) -> None:
        event = house.event("job-posted", example("job-posted"), by="khf")
        receipt = (await house.send_all([event], "gjf"))[0]
        assert receipt.problem is not None
        assert (receipt.problem.rule, receipt.problem.status) == ("wrong-source", 403)
        assert "/agencies/gjf" in receipt.problem.remedy["en"]

    async def test_a_type_needs_its_right(self, house: House) -> None:
        receipt = await house.send("job-posted", example("job-posted"), by="ops")
        assert receipt.problem is None
        await house.send("agency-changed", _changed(house, "gjf", emits=["job-posted"]), by="ops")
        assert (await house.send("job-posted", example("job-posted"), by="gjf")).status == "accepted"
        receipt = await house.send("trainee-graduated", example("trainee-graduated"), by="gjf")
        assert receipt.problem is not None
        assert (receipt.problem.rule, receipt.problem.status) == ("not-allowed", 403)

    async def test_only_administrators_register_agencies(self, house: House) -> None:
        new = agency("newcomer").model_dump(mode="json", exclude_none=True)
        receipt = await house.send("agency-registered", new, by="gjf")
        assert receipt.problem is not None
        assert receipt.problem.rule == "not-allowed"
        assert (await house.send("agency-registered", new, by="ops")).agency == "newcomer"

    async def test_a_key_that_was_taken_away_works_no_longer(self, house: House) -> None:
        await house.send("agency-changed", _changed(house, "gjf", keys=[]), by="ops")
        with pytest.raises(Problem) as caught:
            await house.send("job-posted", example("job-posted"), by="gjf")
        assert caught.value.status == 401


def _changed(
    house: House, name: str, *, emits: list[str] | None = None, keys: list[Any] | None = None
) -> dict[str, Any]:
    data = house.callers[name].agency.model_dump(mode="json", exclude_none=True)
    if emits is not None:
        data["rights"]["emits"] = emits
    if keys is not None:
        data["keys"] = keys
    return data


class TestAccepted:
    async def test_counts_what_was_accepted_and_neither_what_came_again_nor_what_is_older(self, house: House) -> None:
        counted = metrics.events_accepted.of(type="trainee-graduated")
        before = counted._value.get()
        arrival = house.event("trainee-graduated", example("trainee-graduated"), sequence="5")
        again = {**arrival, "id": "another"}
        older = {**arrival, "id": "older", "sequence": "4"}
        receipts = await house.send_all([arrival, arrival, again, older])
        assert [one.status for one in receipts] == ["accepted", "duplicate", "duplicate", "superseded"]
        assert counted._value.get() == before + 1


class TestAgencies:
    @pytest.mark.parametrize(
        ("change", "rule"),
        [
            ({"name": {"ko": "하나"}}, "languages"),
            ({"rights": {"emits": ["match-found"]}}, "not-for-the-door"),
            ({"rights": {"emits": ["birthday-party"]}}, "not-for-the-door"),
            ({"recipient_class": "employer"}, "class-never-receives"),
            ({"keys": [{"key_id": "gjf-1", "secret_sha256": "11" * 32}]}, "key-taken"),
            ({"keys": [{"key_id": "new-1", "secret_sha256": sha256(b"").hexdigest()}]}, "key-known"),
            ({"keys": [{"key_id": "new-1", "secret_sha256": sha256(bytes(32)).hexdigest()}]}, "key-known"),
            ({"keys": [{"key_id": "new-1", "secret_sha256": sha256(b"\xd1" * 32).hexdigest()}]}, "key-known"),
            ({"agency": "gjf", "keys": []}, "already-known"),
        ],
    )
    async def test_what_breaks_a_rule_is_named(self, house: House, change: dict[str, Any], rule: str) -> None:
        new = {**agency("newcomer").model_dump(mode="json", exclude_none=True), **change}
        receipt = await house.send("agency-registered", new, by="ops")
        assert receipt.problem is not None
        assert receipt.problem.rule == rule

    async def test_a_change_counts_on_and_is_told_as_a_whole(self, house: House) -> None:
        await house.send("agency-changed", _changed(house, "gjf", emits=["job-posted"]), by="ops")
        told = house.store.emitted[-1]
        assert (told.type, told.sequence, told.key) == ("agency-changed", 2, "gjf")
        assert isinstance(told.data, Agency)
        assert told.data.rights.emits == ("job-posted",)

    async def test_who_is_not_registered_cannot_change(self, house: House) -> None:
        receipt = await house.send("agency-changed", agency("x").model_dump(mode="json", exclude_none=True), by="ops")
        assert receipt.problem is not None
        assert receipt.problem.rule == "unknown-agency"


class TestTestRuns:
    async def test_a_test_run_answers_like_the_real_thing_and_leaves_nothing(self, house: House) -> None:
        before = {name: dict(held) for name, held in house.store.documents.items()}
        receipt = await house.send("trainee-graduated", example("trainee-graduated"), testrun=True)
        refused = await house.send("job-posted", example("job-posted", closes=today(-1)), testrun=True)
        assert (receipt.status, receipt.testrun, receipt.alias is not None) == ("accepted", True, True)
        assert (refused.status, refused.testrun) == ("refused", True)
        assert house.store.documents == before
        assert not house.store.emitted

    async def test_the_real_event_may_come_under_the_same_id(self, house: House) -> None:
        event = house.event("job-posted", example("job-posted"), by="gjf")
        receipts = await house.send_all([{**event, "testrun": True}, event], "gjf")
        assert [receipt.status for receipt in receipts] == ["accepted", "accepted"]
        assert house.told == ["job-posted"]


class TestBatches:
    async def test_a_bad_event_stops_nobody_and_order_holds(self, house: House) -> None:
        receipts = await house.send_all(
            [
                house.event("trainee-graduated", example("trainee-graduated")),
                Refused(Refusal("wrong-form", "")),
                house.event("person-left", {"reference": "nobody", "reason": "own-wish"}),
                {"specversion": "0.3"},
                house.event("consent-withdrawn", example("consent-withdrawn")),
                house.event("person-left", example("person-left")),
            ]
        )
        assert [r.status for r in receipts] == ["accepted", "refused", "refused", "refused", "accepted", "accepted"]
        assert house.told == ["trainee-graduated", "consent-given", "consent-withdrawn", "person-left"]
        assert [event.sequence for event in house.store.emitted] == [1, 2, 3, 4]

    async def test_a_type_of_the_contract_that_nothing_here_takes_is_refused_and_stops_nobody(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        example_data = dict(JOB_CLOSED.door_example or {})
        topic = Topic(name="elsewhere", key="thing", written_by="intake")
        monkeypatch.setitem(registry.types, ("thing-told", 1), replace(JOB_CLOSED, name="thing-told", topic=topic))
        receipts = await house.send_all(
            [house.event("thing-told", example_data), house.event("trainee-graduated", example("trainee-graduated"))]
        )
        assert [receipt.status for receipt in receipts] == ["refused", "accepted"]
        assert receipts[0].problem is not None
        assert receipts[0].problem.rule == "not-for-the-door"

    async def test_deep_nesting_is_refused_and_no_crash(self, house: House) -> None:
        deep: Any = {}
        for _ in range(100_000):
            deep = {"a": deep}
        receipt = await house.send("trainee-graduated", deep)
        assert receipt.problem is not None
        assert receipt.problem.status in (400, 422)

    async def test_a_number_or_time_that_no_store_can_hold_stops_nobody(self, house: House) -> None:
        events = [
            house.event("trainee-graduated", example("trainee-graduated"), sequence=10**30),
            house.event("trainee-graduated", example("trainee-graduated"), time="0001-01-01T00:00:00+23:59"),
            house.event("trainee-graduated", example("trainee-graduated")),
        ]
        receipts = await house.send_all(events)
        assert [receipt.status for receipt in receipts] == ["refused", "refused", "accepted"]
        assert receipts[0].problem is not None
        assert receipts[0].problem.field == "/sequence"

    async def test_a_flood_of_mistakes_is_told_in_part(self, house: House) -> None:
        for data in ([{"family": n} for n in range(5_000)], {f"x{n}": 1 for n in range(5_000)}):
            receipt = await house.send("trainee-graduated", {"reference": data})
            assert receipt.problem is not None
            assert len(receipt.problem.errors or ()) <= 100

    async def test_looking_for_what_is_never_collected_holds_no_copy_of_what_was_sent(self, house: House) -> None:
        wide: Any = [[] for _ in range(20_000)]
        for _ in range(800):
            wide = [wide]
        tracemalloc.start()
        walked = Contents(names={"a name that is not ours"})
        assert NeverCollected(house.dependencies.pack).find({"data": wide}, walked) == ([], [])
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most < 3_000_000


class TestFaultsOfOurs:
    @pytest.mark.parametrize("where", ["decide", "needs", "read"])
    async def test_one_events_fault_is_answered_for_that_event_alone(
        self, house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], where: str
    ) -> None:
        def broken(*_: object) -> None:
            raise ZeroDivisionError("예시 사람")

        target = (
            "shared.screening.door_rules.check_envelope" if where == "read" else f"{opportunities.__name__}.{where}"
        )
        events = [
            house.event("trainee-graduated", example("trainee-graduated"), by="khf"),
            house.event("job-posted", example("job-posted"), by="khf"),
            house.event("person-left", example("person-left"), by="khf"),
        ]
        counted = metrics.events_refused.of(reason="failed-here")
        before = counted._value.get()
        with monkeypatch.context() as broke:
            broke.setattr(target, broken)
            first, failed, last = await house.send_all(events, "khf")
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        if where != "read":  # what reads breaks for everybody, each answered alone
            assert (first.status, last.status) == ("accepted", "accepted")
            assert house.told == ["trainee-graduated", "consent-given", "person-left"]
        assert (failed.id, failed.status, failed.receipt) == (events[1]["id"], "failed", None)
        assert failed.problem is not None
        assert (failed.problem.status, failed.problem.rule) == (500, "failed-here")
        assert "again" in failed.problem.remedy["en"]
        assert failed.problem.incident in {line.get("event_id") for line in lines if line["event"] == "event_failed"}
        assert {line["errors"][0] for line in lines if line["event"] == "event_failed"} == {"ZeroDivisionError"}
        assert "예시" not in str(lines) + failed.model_dump_json()
        assert counted._value.get() - before == (3 if where == "read" else 1)
        again = await house.send_all([events[1]], "khf")
        assert again[0].status == "accepted"

    async def test_a_fault_leaves_nothing_behind_not_even_a_rejection(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(opportunities, "decide", lambda *_: 1 / 0)
        before = {name: dict(held) for name, held in house.store.documents.items()}
        assert (await house.send("job-posted", example("job-posted"), by="gjf")).status == "failed"
        assert house.store.documents == before


class TestAllAtOnce:
    async def test_form_codes_titles_and_last_days_are_told_in_one_answer(self, house: House) -> None:
        data = example(
            "trainee-graduated",
            residence="legal-dong-2026:99999",
            certificates=["없는 이름"],
            consents=[{"purpose": "matching", "until": today(-1)}],
            situation={"jobless": "perhaps"},
        )
        receipt = await house.send("trainee-graduated", data, actor="Kim Minsu")
        assert receipt.problem is not None
        assert {(one.rule, one.field) for one in receipt.problem.errors} == {
            ("bool-type", "/data/situation/jobless"),
            ("unknown-code", "/data/residence"),
            ("unknown-title", "/data/certificates/0"),
            ("consent-in-the-past", "/data/consents/0/until"),
            ("actor-not-opaque", "/actor"),
        }

    async def test_what_stands_in_for_a_missing_field_is_never_found_wrong(self, house: House) -> None:
        data = example("trainee-graduated", consents=None, residence="legal-dong-2026:99999")
        data["identity"] = {"name": "예시 사람"}
        receipt = await house.send("trainee-graduated", data)
        assert receipt.problem is not None
        assert {(one.rule, one.field) for one in receipt.problem.errors} == {
            ("missing-field", "/data/identity/birth_date"),
            ("missing-field", "/data/identity/sex"),
            ("unknown-code", "/data/residence"),
        }

    async def test_what_only_the_store_can_tell_is_told_with_the_rest(self, house: House) -> None:
        consents = [{"purpose": "notice", "recipient": name, "until": today(9)} for name in ("nobody", "acme")]
        data = example("trainee-graduated", residence="legal-dong-2026:99999", consents=consents)
        receipt = await house.send("trainee-graduated", data)
        assert receipt.problem is not None
        assert {(one.rule, one.field) for one in receipt.problem.errors} == {
            ("unknown-code", "/data/residence"),
            ("recipient-unknown", "/data/consents/0/recipient"),
            ("recipient-class", "/data/consents/1/recipient"),
        }


class TestTopics:
    def test_every_topic_that_agencies_send_to_has_a_module_that_takes_it(self) -> None:
        assert list(topic_handlers()) == ["agencies", "opportunities", "people"]
        assert topic_handlers().keys() == {known.topic.name for known in registry if known.door is not None}
        for name, handler in topic_handlers().items():
            assert name == handler.STORED.COLLECTION
            assert all(callable(getattr(handler, each)) for each in ("check_data", "needs", "check", "decide"))


class TestRejections:
    @pytest.mark.parametrize("name", ["kim_minsu", "tel01012345678"])
    async def test_a_name_that_the_sender_made_up_is_neither_kept_nor_told(self, house: House, name: str) -> None:
        receipt = await house.send("trainee-graduated", example("trainee-graduated", **{name: {"family": 1}}))
        assert receipt.problem is not None
        assert receipt.problem.rule == "never-collected"
        assert name not in receipt.model_dump_json() + str(house.store.all("rejections"))

    async def test_a_rejection_keeps_field_and_rule_and_no_value(self, house: House) -> None:
        data = example("trainee-graduated", residence="legal-dong-2026:99999", certificates=["몰래 적은 이름"])
        await house.send("trainee-graduated", data, id="HW-8841-graduated")
        kept = house.store.all("rejections")[0]
        assert (kept["agency"], kept["type"]) == ("hanawon", "trainee-graduated")
        assert {r["rule"] for r in kept["refusals"]} == {"unknown-code", "unknown-title"}
        for secret in ("99999", "몰래", "예시 사람", "HW-8841"):
            assert secret not in str(kept)

    async def test_sending_the_same_mistake_again_does_not_pile_up(self, house: House) -> None:
        for _ in range(3):
            await house.send("job-posted", example("job-posted", closes=today(-1)), by="gjf", id="same")
        assert len(house.store.all("rejections")) == 1
