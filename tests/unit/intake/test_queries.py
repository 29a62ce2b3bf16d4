"""Looking back: who read about whom is written down first; what somebody wrote in the place of an id never reaches the
database, for it would stand in the log of slow queries."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from pymongo.errors import AutoReconnect

from services.intake.documents import INBOX, PEOPLE, REFERENCES, REJECTIONS, StoredPerson
from services.intake.held_lookup import HeldLookup
from services.intake.queries import Journeys
from services.intake.schemas import HeldOpportunity
from shared.access.api_keys import Caller
from shared.events.refusal import MOST
from tests.support.memory_store import MemoryStore
from tests.unit.intake.memory import House, example

pytestmark = pytest.mark.unit
NOBODY = cast(Caller, None)


class Unasked:
    """A repository that must not be asked."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"asked for {name}")


class Kept:
    """The reads of a repository, from a store in memory; what is written down in the audit; `away`: it cannot be."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.entries: list[tuple[str, str, str | None, str]] = []
        self.away = False

    async def receipt(self, *, index: str | None = None, receipt: str | None = None) -> dict[str, Any] | None:
        rows = self._store.all(INBOX.name)
        return next((row for row in rows if index in (row["_id"], None) and receipt in (row["receipt"], None)), None)

    async def person_by_reference(self, index: str) -> StoredPerson | None:
        found = self._store.get(REFERENCES, index)
        person = self._store.get(PEOPLE, found["thing"]) if found is not None else None
        return None if person is None else StoredPerson.kept_in(person)

    async def full(self, tallies: Sequence[str], most: int) -> list[str]:
        rows = {id: self._store.get(REFERENCES, id) for id in tallies}
        return [id for id, row in rows.items() if row is not None and row["count"] >= most]

    async def vetting(self, opportunity: str) -> None:
        return None

    async def steps(self, *correlationids: str) -> list[dict[str, Any]]:
        """One match of each."""
        at, what = datetime.now(UTC), {"type": "match-found", "recipient": None, "channel": None, "about": None}
        return [{"_id": what, "count": 1, "first": at, "last": at} for _ in correlationids]

    async def led_to(self, indexes: Sequence[str]) -> dict[str, str]:
        found = {index: self._store.get(REFERENCES, index) for index in indexes}
        return {index: row["thing"] for index, row in found.items() if row is not None and "thing" in row}

    async def thing(self, collection: str, id: str) -> dict[str, Any] | None:
        assert not self.away
        return self._store.get(collection, id)

    async def identity_fields(self, person: str) -> list[str]:
        return sorted((self._store.get("identities", person) or {})["sealed"])

    async def correlations(self, person: str, most: int, agency: str | None) -> list[str]:
        rows = [row for row in self._store.all(INBOX.name) if row["person"] == person]
        return [row["correlationid"] for row in rows if agency in (None, row["agency"])]

    async def rejections(
        self,
        agency: str | None,
        limit: int,
        before: tuple[datetime, str] | None,
        findings: int,
        only: dict[str, Any] | None = None,
    ) -> AsyncIterator[dict[str, Any]]:
        def place(row: dict[str, Any]) -> tuple[float, str]:
            return -row["at"].timestamp(), row["_id"]

        rows = [row | {"at": row["at"].replace(tzinfo=UTC)} for row in self._store.all(REJECTIONS.name)]
        if before is not None:
            rows = [row for row in rows if place(row) > (-before[0].timestamp(), before[1])]
        for row in sorted(rows, key=place)[:limit]:
            yield row | {"refusals": row["refusals"][:findings], "findings": len(row["refusals"])}

    async def audit(self, at: Any, caller: Any, action: str, *, person: str | None, outcome: str) -> None:
        if self.away:
            raise AutoReconnect("away")
        self.entries.append((caller.agency.agency, action, person, outcome))


@pytest.fixture
def house() -> House:
    return House()


class TestEveryReadAboutAPerson:
    async def test_a_journey_leaves_an_entry_that_names_the_person_whatever_became_of_the_event(
        self, house: House
    ) -> None:
        sent = [
            ("trainee-graduated", example("trainee-graduated"), {"sequence": "5"}),
            ("trainee-graduated", example("trainee-graduated"), {"sequence": "5"}),
            ("person-updated", example("person-updated"), {"sequence": "4"}),
            ("person-updated", example("person-updated", residence=None), {"sequence": "6"}),
            ("person-left", {"reference": example("person-updated")["reference"], "reason": "own-wish"}, {}),
        ]
        receipts = [await house.send(type, data, **more) for type, data, more in sent]
        assert [one.status for one in receipts] == ["accepted", "duplicate", "superseded", "accepted", "accepted"]
        [person] = house.store.documents[PEOPLE]
        kept = Kept(house.store)
        journeys, caller = Journeys(cast(Any, kept), house.dependencies), house.callers["hanawon"]
        for one in receipts:
            by_receipt = await journeys.of_receipt(one.receipt or "", caller)
            assert by_receipt is not None
            assert await journeys.of_event(one.id or "", one.source or "", caller) == by_receipt
        assert kept.entries == [("hanawon", "journey", person, "answered")] * 2 * len(sent)

    async def test_the_journey_of_an_advert_is_none(self, house: House) -> None:
        receipt = await house.send("job-posted", example("job-posted"), by="gjf")
        kept = Kept(house.store)
        assert await Journeys(cast(Any, kept), house.dependencies).of_receipt(
            receipt.receipt or "", house.callers["gjf"]
        )
        assert kept.entries == []

    async def test_what_cannot_be_written_down_is_not_answered(self, house: House) -> None:
        receipt = await house.send("trainee-graduated", example("trainee-graduated"))
        kept, caller = Kept(house.store), house.callers["hanawon"]
        journeys, reference = Journeys(cast(Any, kept), house.dependencies), example("trainee-graduated")["reference"]
        assert await journeys.alias(reference, caller) == receipt.alias
        kept.away = True
        for read in (
            journeys.alias(reference, caller),
            journeys.alias("nobody", caller),
            journeys.of_receipt(receipt.receipt or "", caller),
            journeys.of_event(receipt.id or "", receipt.source or "", caller),
        ):
            with pytest.raises(AutoReconnect):
                await read


class TestWhatIsHeld:
    REFERENCE = example("trainee-graduated")["reference"]

    def reading(self, house: House) -> tuple[HeldLookup, Kept]:
        kept = Kept(house.store)
        return HeldLookup(cast(Any, kept), house.dependencies), kept

    def caller(self, house: House, name: str, *reads: str) -> Caller:
        known = house.callers[name].agency
        rights = known.rights.model_copy(update={"reads": reads})
        return Caller(known.model_copy(update={"rights": rights}), f"{name}-1")

    async def test_a_person_as_codes_with_the_consents_that_hold_and_nothing_of_who_it_is(self, house: House) -> None:
        receipt = await house.send("trainee-graduated", example("trainee-graduated"), sequence="7")
        reading, kept = self.reading(house)
        held = await reading.held(self.REFERENCE, "hanawon", self.caller(house, "hanawon", "lookup"))
        assert held is not None
        assert held.person is not None
        person = held.person
        assert (person.alias, person.status, person.your_sequence) == (receipt.alias, "active", 7)
        assert [(one.purpose, one.recipient) for one in person.consents] == [("matching", None), ("notice", "gjf")]
        assert person.known_to == ["gjf"]
        assert person.profile["residence"] == "legal-dong-2026:41270"
        assert person.identity == ["birth_date", "name", "phone", "reference", "sex"]
        [id] = house.store.documents[PEOPLE]
        told = held.model_dump_json()
        identity = example("trainee-graduated")["identity"]
        assert not [one for one in (identity["name"], identity["birth_date"], "0000-0000", id) if one in told]
        assert kept.entries == [("hanawon", "held", id, "asked")]

    async def test_an_advert_as_its_agency_said_it_leaves_no_entry(self, house: House) -> None:
        receipt = await house.send("job-posted", example("job-posted"), by="gjf")
        reading, kept = self.reading(house)
        reference = example("job-posted")["reference"]
        held = await reading.held(reference, "gjf", self.caller(house, "gjf"))
        assert held is not None
        [advert] = held.opportunities
        assert (advert.opportunity, advert.kind, advert.open) == (receipt.opportunity, "job", True)
        assert advert.advert["title"] == example("job-posted")["title"]
        assert kept.entries == []

    async def test_what_followed_needs_the_right_journeys_and_is_of_ones_own_event(self, house: House) -> None:
        """As GET /events needs it. A vacancy of two agencies was told last by one of them."""
        for name in ("gjf", "acme"):
            await house.send("job-posted", example("job-posted", reference=f"{name}-7"), by=name)
        reading, _ = self.reading(house)
        gjf, acme = self.caller(house, "gjf", "journeys"), self.caller(house, "acme", "journeys")
        [without] = await self.adverts(reading, "gjf", self.caller(house, "gjf", "lookup"))
        assert (without.matches, without.told) == (None, None)
        [own], [other] = await self.adverts(reading, "gjf", gjf), await self.adverts(reading, "acme", acme)
        assert own.opportunity == other.opportunity
        assert (own.matches is None, other.matches is None) == (False, True)
        assert (own.told, other.told) == ([], None)
        await house.send("job-closed", {"reference": "gjf-7", "reason": "filled"}, by="gjf")
        [own], [other] = await self.adverts(reading, "gjf", gjf), await self.adverts(reading, "acme", acme)
        assert (own.matches is None) != (other.matches is None)
        [for_operators] = await self.adverts(reading, "acme", house.callers["ops"])
        assert for_operators.matches is not None

    async def adverts(self, reading: HeldLookup, name: str, caller: Caller) -> list[HeldOpportunity]:
        held = await reading.held(f"{name}-7", name, caller)
        assert held is not None
        return held.opportunities

    async def test_what_followed_from_anothers_event_about_a_person_is_not_told(self, house: House) -> None:
        await house.send("trainee-graduated", example("trainee-graduated"))
        reading, kept = self.reading(house)
        asked: list[tuple[str, ...]] = []

        async def steps(*correlationids: str) -> list[dict[str, Any]]:
            asked.append(correlationids)
            return []

        kept.steps = steps  # type: ignore[method-assign]  # counted
        for row in house.store.all(INBOX.name):
            house.store.put(INBOX.name, {**row, "_id": "another", "agency": "khf", "correlationid": "of-khf"})
        [own] = [row["correlationid"] for row in house.store.all(INBOX.name) if row["agency"] == "hanawon"]
        with_right = self.caller(house, "hanawon", "lookup", "journeys")
        for caller, told in (
            (self.caller(house, "hanawon", "lookup"), None),
            (with_right, []),
            (house.callers["ops"], []),
        ):
            held = await reading.held(self.REFERENCE, "hanawon", caller)
            assert held is not None
            assert held.person is not None
            assert held.person.told == told
        assert [sorted(one) for one in asked] == [[own], sorted([own, "of-khf"])]

    async def test_who_may_not_know_sees_nothing(self, house: House) -> None:
        await house.send("trainee-graduated", example("trainee-graduated"))
        reading, kept = self.reading(house)
        assert await reading.held(self.REFERENCE, "hanawon", self.caller(house, "hanawon")) is None  # without the right
        assert await reading.held(self.REFERENCE, "khf", self.caller(house, "khf", "lookup")) is None
        assert await reading.held("nobody", "hanawon", self.caller(house, "hanawon", "lookup")) is None
        assert kept.entries == []

    async def test_an_operators_look_is_written_down_whatever_it_finds_and_shows_no_alias(self, house: House) -> None:
        await house.send("trainee-graduated", example("trainee-graduated"))
        reading, kept = self.reading(house)
        held = await reading.held(self.REFERENCE, "hanawon", house.callers["ops"])
        assert held is not None
        assert held.person is not None
        assert held.person.alias is None
        assert await reading.held("nobody", "hanawon", house.callers["ops"]) is None
        assert [(who, action) for who, action, _, _ in kept.entries] == [("ops", "held-of-others")] * 2

    async def test_what_cannot_be_written_down_is_not_read(self, house: House) -> None:
        await house.send("trainee-graduated", example("trainee-graduated"))
        reading, kept = self.reading(house)
        kept.away = True
        with pytest.raises(AutoReconnect):
            await reading.held(self.REFERENCE, "hanawon", self.caller(house, "hanawon", "lookup"))


JOURNEYS = Journeys(cast(Any, Unasked()), cast(Any, None))


class TestOfReceipt:
    @pytest.mark.parametrize("receipt", ["+82-10-0674-9407", "홍길동", "x" * 32, ""])
    async def test_what_is_no_receipt_is_not_looked_for(self, receipt: str) -> None:
        assert await JOURNEYS.of_receipt(receipt, NOBODY) is None

    async def test_another_agencys_receipt_looks_unknown_and_leaves_no_entry(self, house: House) -> None:
        receipt = await house.send("trainee-graduated", example("trainee-graduated"))
        kept = Kept(house.store)
        journeys = Journeys(cast(Any, kept), house.dependencies)
        assert await journeys.of_receipt(receipt.receipt or "", house.callers["gjf"]) is None
        assert kept.entries == []
        assert await journeys.of_receipt(receipt.receipt or "", house.callers["hanawon"]) is not None


class TestRejections:
    async def test_a_page_ends_with_what_one_answer_may_hold_and_reading_on_sees_every_event_once(
        self, house: House
    ) -> None:
        data = example("job-posted", benefits=["a:b"] * 20, shifts=["a:b"] * 20, strengths=["a:b"] * 20)
        await house.send_all([house.event("job-posted", data, by="gjf") for _ in range(100)], by="gjf")
        journeys, caller = Journeys(cast(Any, Kept(house.store)), house.dependencies), house.callers["gjf"]
        sizes, seen, before = [], [], None
        while True:
            page = await journeys.rejections(caller, 500, before)
            sizes.append(len(page.rejections))
            seen += [one.id for one in page.rejections]
            assert {(len(one.errors), one.more) for one in page.rejections} <= {(10, MOST - 10)}
            before = page.next
            if before is None:
                break
        assert sizes == [20, 20, 20, 20, 20, 0]
        assert len(seen) == len(set(seen)) == 100
        assert len((await journeys.rejections(caller, 3, None)).rejections) == 3

    @pytest.mark.parametrize("id", ["+82-10-0674-9407", "gildong@example.invalid"])
    async def test_a_cursor_that_names_somebody_is_none_of_ours(self, id: str) -> None:
        cursor = base64.urlsafe_b64encode(f"2026-11-22T00:00:00+00:00 {id}".encode()).decode()
        with pytest.raises(ValueError, match="not a cursor"):
            await JOURNEYS.rejections(NOBODY, 10, cursor)
