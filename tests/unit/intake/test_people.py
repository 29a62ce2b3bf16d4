"""What events about people do: features, sequence numbers, aliases, and who is found again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.intake.memory import House, agency, example, today

pytestmark = pytest.mark.unit
REFERENCE = "HW-8841"


@pytest.fixture
def house() -> House:
    return House()


class TestArrival:
    async def test_a_graduate_becomes_a_person_and_their_consents_an_event_of_their_own(self, house: House) -> None:
        receipt = await house.send("trainee-graduated", example("trainee-graduated"))
        assert receipt.status == "accepted"
        assert house.told == ["trainee-graduated", "consent-given"]
        first, second = house.store.emitted
        assert (first.sequence, second.sequence) == (1, 2)
        assert first.key == second.key == first.data.person
        assert first.data.consents == ()
        assert {(c.purpose, c.recipient) for c in second.data.consents} == {("matching", None), ("notice", "gjf")}

    async def test_the_bus_gets_year_and_sex_and_codes_but_no_identity(self, house: House) -> None:
        await house.send("trainee-graduated", example("trainee-graduated"))
        person = house.newest
        assert (person.year_of_birth, person.sex) == (1991, "female")
        assert [house.dependencies.pack.label(code, "ko") for code in person.certificates] == ["제과기능사"]
        assert person.courses[0].code == "ncs-2026:21"
        said = house.newest.model_dump_json()
        for secret in ("예시 사람", "1991-03-02", "0000-0000", REFERENCE):
            assert secret not in said

    async def test_every_agency_has_an_alias_of_its_own_and_the_receipt_says_the_senders(self, house: House) -> None:
        receipt = await house.send("trainee-graduated", example("trainee-graduated"))
        aliases = {alias.agency: alias.alias for alias in house.newest.aliases}
        assert set(aliases) == {"hanawon", "gjf"}
        assert len({*aliases.values(), house.newest.person}) == 3
        assert receipt.alias == aliases["hanawon"]

    async def test_one_correlation_from_the_receipt_onwards(self, house: House) -> None:
        receipt = await house.send("trainee-graduated", example("trainee-graduated"), actor="w-17/counsellor")
        first, second = house.store.emitted
        assert first.correlationid == second.correlationid != receipt.receipt
        assert first.causationid == second.causationid == receipt.receipt
        assert first.recordedtime == house.store.now
        assert first.id != second.id

    async def test_the_bus_knows_that_one_worker_acted_twice_but_not_who(self, house: House) -> None:
        actor = "kim.minsu/010-1234-5678"
        await house.send("trainee-graduated", example("trainee-graduated"), actor=actor)
        await house.send("person-updated", example("person-updated", residence=None), actor=actor)
        await house.send("person-left", {"reference": REFERENCE, "reason": "own-wish"}, actor="w-17")
        told = [event.actor for event in house.store.emitted]
        assert told[0] == told[1] == told[2] != told[3]
        assert all(len(each or "") == 32 for each in told)
        assert actor not in str(list(map(house.store.all, house.store.documents)))
        inbox = house.store.all("inbox")[0]
        assert house.dependencies.sealer.open(inbox["actor"], "inbox", inbox["_id"], "actor").decode() == actor

    async def test_the_same_arrival_under_another_id_changes_nothing(self, house: House) -> None:
        first = await house.send("trainee-graduated", example("trainee-graduated"))
        again = await house.send("trainee-graduated", example("trainee-graduated"))
        assert (again.status, again.alias) == ("duplicate", first.alias)
        assert len(house.store.emitted) == 2
        assert again.receipt != first.receipt  # another event: its own journey is found under its own receipt
        assert {again.receipt, first.receipt} == {row["receipt"] for row in house.store.all("inbox")}

    async def test_another_arrival_of_a_known_reference_is_a_mistake(self, house: House) -> None:
        await house.send("trainee-graduated", example("trainee-graduated"))
        again = await house.send("person-enrolled", example("person-enrolled", residence=None))
        assert again.problem is not None
        assert again.problem.rule == "already-known"
        assert len(house.told) == 2

    async def test_the_same_reference_at_another_agency_is_another_person(self, house: House) -> None:
        await house.send("person-enrolled", example("person-enrolled"))
        one = house.newest.person
        await house.send("person-enrolled", example("person-enrolled"), by="khf")
        assert house.newest.person != one

    async def test_somebody_who_left_may_come_back_without_the_old_consents(self, house: House) -> None:
        await house.send("trainee-graduated", example("trainee-graduated"))
        before = house.newest
        await house.send("person-left", {"reference": REFERENCE, "reason": "own-wish"})
        await house.send("person-enrolled", example("person-enrolled", consents=[]))
        assert house.newest.person == before.person
        assert house.newest.aliases == before.aliases
        assert (house.newest.status, house.newest.consents) == ("active", ())
        assert [event.sequence for event in house.store.emitted] == [1, 2, 3, 4]


class TestUpdates:
    async def test_the_profile_is_replaced_and_the_rest_stays(self, house: House) -> None:
        await house.send("trainee-graduated", example("trainee-graduated"))
        before = house.newest
        await house.send("person-updated", example("person-updated", certificates=[], residence=None))
        assert (house.newest.certificates, house.newest.residence) == ((), None)
        assert house.newest.consents == before.consents
        assert house.newest.year_of_birth == 1991

    async def test_an_update_that_changes_nothing_is_not_told(self, house: House) -> None:
        await house.send("trainee-graduated", example("trainee-graduated"))
        receipt = await house.send("person-updated", example("person-updated"))
        assert receipt.status == "duplicate"
        assert len(house.store.emitted) == 2

    async def test_a_new_identity_changes_the_derived_features(self, house: House) -> None:
        await house.send("trainee-graduated", example("trainee-graduated"))
        identity = {"name": "다른 예시", "birth_date": "1985-05-05", "sex": "male"}
        await house.send("person-updated", example("person-updated", identity=identity))
        assert (house.newest.year_of_birth, house.newest.sex) == (1985, "male")
        record = house.store.all("identities")[0]
        assert house.dependencies.vault.open(record, "name") == "다른 예시"
        assert house.dependencies.vault.open(record, "phone") is None
        assert house.dependencies.vault.open(record, "reference") == REFERENCE

    @pytest.mark.parametrize("type", ["person-updated", "person-left", "consent-given", "consent-withdrawn"])
    async def test_an_unknown_reference_is_refused(self, house: House, type: str) -> None:
        receipt = await house.send(type, example(type))
        assert receipt.problem is not None
        kept = "-kept" if type in ("person-left", "consent-withdrawn") else ""
        assert (receipt.problem.rule, receipt.problem.status) == ("unknown-reference" + kept, 422)
        assert not house.store.emitted

    async def test_another_agencys_reference_looks_unknown(self, house: House) -> None:
        await house.send("trainee-graduated", example("trainee-graduated"))
        receipt = await house.send("person-left", example("person-left"), by="khf")
        unknown = await house.send("person-left", example("person-left", reference="XX-1"), by="khf")
        assert receipt.problem == unknown.problem

    async def test_who_left_is_not_updated(self, house: House) -> None:
        await house.send("trainee-graduated", example("trainee-graduated"))
        await house.send("person-left", example("person-left"))
        receipt = await house.send("person-updated", example("person-updated", residence=None))
        assert receipt.problem is not None
        assert receipt.problem.rule == "person-left"

    async def test_an_older_version_has_no_effect(self, house: House) -> None:
        await house.send("trainee-graduated", example("trainee-graduated"), sequence=3)
        receipt = await house.send("person-updated", example("person-updated", residence=None), sequence="2")
        assert receipt.status == "superseded"
        assert len(house.store.emitted) == 2
        newer = await house.send("person-updated", example("person-updated", residence=None), sequence=4)
        assert newer.status == "accepted"
        assert house.newest.residence is None


def _consent(recipient: str | None, purpose: str = "notice", days: int = 100) -> dict[str, object]:
    named = {} if recipient is None else {"recipient": recipient}
    return {"purpose": purpose, **named, "until": today(days)}


class TestConsents:
    async def test_a_new_recipient_gets_an_alias_and_an_old_consent_the_new_last_day(self, house: House) -> None:
        await house.send("trainee-graduated", example("trainee-graduated"))
        before = {alias.agency: alias.alias for alias in house.newest.aliases}
        consents = [_consent("khf"), _consent("gjf", days=10)]
        await house.send("consent-given", {"reference": REFERENCE, "consents": consents})
        after = {alias.agency: alias.alias for alias in house.newest.aliases}
        assert after.items() > before.items()
        assert "khf" in after
        held = {c.recipient: c.until.isoformat() for c in house.newest.consents if c.purpose == "notice"}
        assert held == {"gjf": today(10), "khf": today(100)}

    async def test_a_withdrawal_keeps_the_alias_for_the_recall(self, house: House) -> None:
        await house.send("trainee-graduated", example("trainee-graduated"))
        aliases = house.newest.aliases
        await house.send("consent-withdrawn", example("consent-withdrawn"))
        assert [c.purpose for c in house.newest.consents] == ["matching"]
        assert house.newest.aliases == aliases

    async def test_a_purpose_without_recipient_is_taken_back_from_everybody(self, house: House) -> None:
        await house.send("trainee-graduated", example("trainee-graduated"))
        await house.send("consent-given", {"reference": REFERENCE, "consents": [_consent("khf")]})
        await house.send("consent-withdrawn", {"reference": REFERENCE, "consents": [{"purpose": "notice"}]})
        assert [c.purpose for c in house.newest.consents] == ["matching"]

    async def test_taking_back_what_does_not_stand_is_fine_and_not_told(self, house: House) -> None:
        await house.send("trainee-graduated", example("trainee-graduated"))
        gone = {"reference": REFERENCE, "consents": [{"purpose": "notice", "recipient": "khf"}]}
        assert (await house.send("consent-withdrawn", gone)).status == "duplicate"
        assert len(house.store.emitted) == 2

    async def test_an_old_consent_does_not_bring_back_what_was_taken_back_since(self, house: House) -> None:
        await house.send("trainee-graduated", example("trainee-graduated"), sequence=1)
        await house.send("consent-withdrawn", example("consent-withdrawn"), sequence=3)
        late = await house.send("consent-given", {"reference": REFERENCE, "consents": [_consent("gjf")]}, sequence=2)
        assert late.status == "superseded"
        assert [c.purpose for c in house.newest.consents] == ["matching"]

    async def test_a_late_withdrawal_holds_although_the_profile_is_newer(self, house: House) -> None:
        await house.send("trainee-graduated", example("trainee-graduated"), sequence=1)
        await house.send("person-updated", example("person-updated", residence=None), sequence=5)
        late = await house.send("consent-withdrawn", example("consent-withdrawn"), sequence=4)
        assert late.status == "accepted"
        assert [c.purpose for c in house.newest.consents] == ["matching"]

    async def test_an_older_consent_does_not_bring_back_what_everybody_lost(self, house: House) -> None:
        await house.send("trainee-graduated", example("trainee-graduated"), sequence=1)
        everybody = {"reference": REFERENCE, "consents": [{"purpose": "notice"}]}
        assert (await house.send("consent-withdrawn", everybody, sequence=5)).status == "accepted"
        for recipient in ("khf", "gjf"):
            given = {"reference": REFERENCE, "consents": [_consent(recipient)]}
            assert (await house.send("consent-given", given, sequence=4)).status == "superseded"
        assert [c.purpose for c in house.newest.consents] == ["matching"]
        await house.send("consent-given", {"reference": REFERENCE, "consents": [_consent("khf")]}, sequence=6)
        assert (await house.send("consent-withdrawn", everybody, sequence=3)).status == "superseded"
        assert [c.purpose for c in house.newest.consents] == ["matching", "notice"]

    async def test_a_late_return_does_not_bring_back_what_was_taken_back_since(self, house: House) -> None:
        await house.send("trainee-graduated", example("trainee-graduated"), sequence=1)
        await house.send("person-left", {"reference": REFERENCE, "reason": "own-wish"}, sequence=2)
        await house.send("consent-withdrawn", example("consent-withdrawn"), sequence=9)
        assert (await house.send("person-enrolled", example("person-enrolled"), sequence=8)).status == "accepted"
        assert (house.newest.status, [c.purpose for c in house.newest.consents]) == ("active", ["matching"])

    async def test_more_agencies_than_the_contract_has_room_for_are_refused_at_a_return_too(self, house: House) -> None:
        for n in range(201):
            house.add(agency(f"case-{n}"))
        await house.send("trainee-graduated", example("trainee-graduated"))
        for start in range(0, 190, 38):
            given = [_consent(f"case-{n}") for n in range(start, start + 38)]
            assert (await house.send("consent-given", {"reference": REFERENCE, "consents": given})).status == "accepted"
        await house.send("person-left", {"reference": REFERENCE, "reason": "own-wish"})
        back = example("person-enrolled", consents=[_consent(f"case-{n}") for n in range(190, 201)])
        receipt = await house.send("person-enrolled", back)
        assert receipt.problem is not None
        assert receipt.problem.rule == "too-many"

    @pytest.mark.parametrize(
        ("consent", "rule"),
        [
            (_consent(None, "fortune-telling"), "unknown-purpose"),
            (_consent(None), "recipient-missing"),
            (_consent("gjf", "matching"), "recipient-not-wanted"),
            (_consent("nobody"), "recipient-unknown"),
            (_consent("acme"), "recipient-class"),
            (_consent("ops"), "recipient-class"),
            (_consent("gjf", days=-1), "consent-in-the-past"),
            (_consent("gjf", days=181), "consent-too-long"),
        ],
    )
    async def test_a_consent_that_must_not_be_is_refused(
        self, house: House, consent: dict[str, object], rule: str
    ) -> None:
        arrival = await house.send("trainee-graduated", example("trainee-graduated", consents=[consent]))
        assert arrival.problem is not None
        assert arrival.problem.rule == rule
        assert arrival.problem.field.startswith("/data/consents/0")
        await house.send("trainee-graduated", example("trainee-graduated"))
        later = await house.send("consent-given", {"reference": REFERENCE, "consents": [consent]})
        assert later.problem is not None
        assert later.problem.rule == rule

    async def test_the_last_days_that_may_be(self, house: House) -> None:
        consents = [_consent("gjf", days=180), _consent(None, "matching", days=0)]
        assert (await house.send("trainee-graduated", example("trainee-graduated", consents=consents))).problem is None

    async def test_a_withdrawal_with_a_wrong_name_does_not_look_like_a_success(self, house: House) -> None:
        await house.send("trainee-graduated", example("trainee-graduated"))
        for key in ({"purpose": "notise"}, {"purpose": "notice", "recipient": "gfj"}):
            receipt = await house.send("consent-withdrawn", {"reference": REFERENCE, "consents": [key]})
            assert receipt.status == "refused"


class TestProfileRules:
    @pytest.mark.parametrize(
        ("change", "rule", "field"),
        [
            ({"residence": "legal-dong-2026:99999"}, "unknown-code", "/data/residence"),
            ({"residence": "keco-2018:53"}, "unknown-code", "/data/residence"),
            ({"certificates": ["없는 자격증 xyz"]}, "unknown-title", "/data/certificates/0"),
            ({"courses": [{"title": "qqqqzzzz"}]}, "unknown-title", "/data/courses/0/title"),
            ({"courses": [{"title": "x", "ncs": "ncs-2026:ZZ"}]}, "unknown-code", "/data/courses/0/ncs"),
            (
                {"courses": [{"title": "제과제빵", "completed": "2099-01"}]},
                "date-in-future",
                "/data/courses/0/completed",
            ),
            ({"wants": {"kinds": ["lottery"]}}, "unknown-kind", "/data/wants/kinds/0"),
            (
                {"wants": {"kinds": ["job"], "wage_min": {"per": "hour", "amount": 1, "currency": "USD"}}},
                "unknown-currency",
                "/data/wants/wage_min/currency",
            ),
            (
                {"wants": {"kinds": ["job"], "hours_per_week": {"min": 40, "max": 20}}},
                "numbers-in-wrong-order",
                "/data/wants/hours_per_week",
            ),
            (
                {"identity": {"name": "예시", "birth_date": "2199-01-01", "sex": "male"}},
                "date-in-future",
                "/data/identity/birth_date",
            ),
        ],
    )
    async def test_what_breaks_a_rule_is_named(
        self, house: House, change: dict[str, Any], rule: str, field: str
    ) -> None:
        receipt = await house.send("trainee-graduated", example("trainee-graduated", **change))
        assert receipt.problem is not None
        assert (receipt.problem.rule, receipt.problem.field) == (rule, field)
        assert set(receipt.problem.remedy or ()) == {"ko", "en"}

    async def test_everything_that_is_wrong_is_said_at_once(self, house: House) -> None:
        receipt = await house.send(
            "trainee-graduated",
            example("trainee-graduated", residence="keco-2018:0", education="keco-2018:0", certificates=["qqqq zz"]),
        )
        assert receipt.problem is not None
        assert {error.field for error in receipt.problem.errors} == {
            "/data/residence", "/data/education", "/data/certificates/0"
        }  # fmt: skip

    async def test_a_title_nearly_right_gets_suggestions_and_no_echo(self, house: House) -> None:
        receipt = await house.send("trainee-graduated", example("trainee-graduated", certificates=["제과 기능사님"]))
        assert receipt.problem is not None
        assert "제과" in receipt.problem.remedy["ko"]
        assert "기능사님" not in receipt.model_dump_json()

    @pytest.mark.parametrize("name", ["family", "homeTown", "하나원 기수", "health_status", "rrn"])
    async def test_what_is_never_collected_is_refused_with_the_reason(self, house: House, name: str) -> None:
        data = example("trainee-graduated")
        data["counselling"][name] = "a secret thing"
        receipt = await house.send("trainee-graduated", data)
        assert receipt.problem is not None
        assert receipt.problem.rule == "never-collected"
        assert receipt.problem.field.startswith("/data/counselling/")
        assert len(receipt.problem.remedy["en"]) > len("Please send it again without this field. ")
        assert "secret" not in receipt.model_dump_json()
