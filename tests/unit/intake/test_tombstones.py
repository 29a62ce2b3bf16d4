"""What ends or forbids holds although its subject comes later, was refused at first, or never comes."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.documents import PEOPLE, REFERENCES
from services.intake.domain.sequence_ordering import MOST_NAMES, MOST_NAMES_OF_A_PERSON, Tombstone
from services.intake.event_handlers import tombstones
from services.intake.identity import References
from services.intake.indexes_and_retention import INDEXES
from shared.kit.base.ids import Ids
from shared.reference import available_packs, load_pack
from tests.unit.intake.memory import KEY, House, example, today

pytestmark = pytest.mark.unit
REFERENCE = "HW-8841"
CONSENT = References(Ids(KEY)).consent("notice", "gjf")
NUMBER = "82-10-0674-9407"  # has the form of an agency's id
ARRIVES = ("trainee-graduated", example("trainee-graduated"))
WITHDRAWN = ("consent-withdrawn", {"reference": REFERENCE, "consents": [{"purpose": "notice", "recipient": "gjf"}]})
FROM_ALL = ("consent-withdrawn", {"reference": REFERENCE, "consents": [{"purpose": "notice"}]})
LEFT = ("person-left", example("person-left"))
POSTED = ("job-posted", example("job-posted"))
CLOSED = ("job-closed", example("job-closed"))


@pytest.fixture
def house() -> House:
    return House()


def told(house: House) -> set[str]:
    """Recipients of notices in any state that was ever on the bus, active or not."""
    states = [event.data for event in house.store.emitted if hasattr(event.data, "aliases")]
    return {c.recipient for state in states for c in state.consents if c.purpose == "notice"}


class TestAWithdrawalOfWhichPartCannotBeUnderstood:
    """It is refused, for it may be a slip of the pen; what can be understood of it holds."""

    KEYS = (
        ({"purpose": "notice", "recipient": "nobody"}, "recipient-unknown"),
        ({"purpose": "notise"}, "unknown-purpose"),
        ({"purpose": "matching", "recipient": "gjf"}, "recipient-not-wanted"),
    )

    @pytest.mark.parametrize(("slip", "rule"), KEYS)
    async def test_takes_back_the_rest(self, house: House, slip: dict[str, Any], rule: str) -> None:
        await house.send(*ARRIVES)
        named = [{"purpose": "notice", "recipient": "gjf"}, slip]
        refused = await house.send("consent-withdrawn", {"reference": REFERENCE, "consents": named}, id="w-1")
        assert refused.problem is not None
        assert (refused.problem.rule, refused.problem.status) == (rule, 422)
        assert refused.problem.field.startswith("/data/consents/1")
        states = [event for event in house.store.emitted if event.type == "consent-withdrawn"]
        assert [c.purpose for c in states[-1].data.consents] == ["matching"]
        assert [event.type for event in house.store.prohibitions] == ["floor-raised"]
        mended = {"reference": REFERENCE, "consents": named[:1]}
        assert (await house.send("consent-withdrawn", mended, id="w-1")).status == "duplicate", "it holds already"

    async def test_of_which_nothing_can_be_changes_nothing(self, house: House) -> None:
        await house.send(*ARRIVES)
        before = len(house.store.emitted)
        refused = await house.send("consent-withdrawn", {"reference": REFERENCE, "consents": [{"purpose": "notise"}]})
        assert refused.status == "refused"
        assert len(house.store.emitted) == before

    async def test_is_a_test_run_as_well(self, house: House) -> None:
        await house.send(*ARRIVES)
        before = len(house.store.emitted)
        named = [{"purpose": "notice", "recipient": "gjf"}, {"purpose": "notise"}]
        await house.send("consent-withdrawn", {"reference": REFERENCE, "consents": named}, testrun=True)
        assert len(house.store.emitted) == before

    async def test_names_a_recipient_that_is_registered_only_later(self, house: House) -> None:
        newcomer = {"purpose": "notice", "recipient": "newcomer"}
        given = {**newcomer, "until": today(9)}
        arrival = {**ARRIVES[1], "consents": [*ARRIVES[1]["consents"], given]}
        assert (await house.send("trainee-graduated", arrival, id="a-1", sequence=1)).status == "refused"
        withdrawal = {"reference": REFERENCE, "consents": [newcomer]}
        refused = await house.send("consent-withdrawn", withdrawal, sequence=2)
        assert refused.problem is not None
        assert [finding.rule for finding in refused.problem.errors] == ["recipient-unknown", "unknown-reference-kept"]
        registered = {**example("agency-registered"), "agency": "newcomer", "keys": []}
        assert (await house.send("agency-registered", registered, "ops")).status == "accepted"
        mended = await house.send("trainee-graduated", arrival, id="a-1", sequence=1)
        assert (mended.status, mended.withheld) == ("accepted", ["notice/newcomer"])
        assert "newcomer" not in told(house)


class TestBeforeTheArrival:
    @pytest.mark.parametrize("numbers", [(None, None), (1, 2), (None, 2), (1, None), (2, 2)])
    @pytest.mark.parametrize("withdrawal", [WITHDRAWN, FROM_ALL])
    async def test_a_withdrawal_stands(
        self, house: House, numbers: tuple[int | None, int | None], withdrawal: tuple[str, dict[str, Any]]
    ) -> None:
        of_arrival, of_withdrawal = numbers
        wrong = {**ARRIVES[1], "certificates": ["없는 자격증 xyz"]}
        assert (await house.send("trainee-graduated", wrong, id="a-1", sequence=of_arrival)).status == "refused"
        refused = await house.send(*withdrawal, sequence=of_withdrawal)
        assert refused.problem is not None
        assert (refused.problem.rule, refused.problem.status) == ("unknown-reference-kept", 422)
        assert "1100" in refused.problem.remedy["ko"]
        mended = await house.send(*ARRIVES, id="a-1", sequence=of_arrival)
        assert (mended.status, mended.withheld) == ("accepted", ["notice/gjf"])
        assert told(house) == set()
        assert [c.purpose for c in house.newest.consents] == ["matching"]

    async def test_an_arrival_that_says_it_is_newer_brings_its_consents(self, house: House) -> None:
        await house.send(*WITHDRAWN, sequence=2)
        receipt = await house.send(*ARRIVES, sequence=3)
        assert (receipt.status, receipt.withheld) == ("accepted", None)
        assert told(house) == {"gjf"}

    @pytest.mark.parametrize(
        ("of_withdrawal", "of_consent", "said"),
        [(None, None, "accepted"), (2, None, "refused"), (2, 2, "superseded"), (2, 3, "accepted")],
    )
    async def test_after_it_the_consent_is_given_again_by_an_act_of_its_own(
        self, house: House, of_withdrawal: int | None, of_consent: int | None, said: str
    ) -> None:
        await house.send(*WITHDRAWN, sequence=of_withdrawal)
        await house.send(*ARRIVES)
        given = {"reference": REFERENCE, "consents": [{"purpose": "notice", "recipient": "gjf", "until": today(9)}]}
        receipt = await house.send("consent-given", given, sequence=of_consent)
        assert receipt.status == said
        if said == "refused":
            assert receipt.problem is not None
            assert receipt.problem.rule == "sequence-needed"
        assert told(house) == ({"gjf"} if said == "accepted" else set())

    @pytest.mark.parametrize("numbers", [(None, None), (1, 2), (None, 2), (1, None), (2, 2)])
    async def test_who_left_before_they_came_is_never_active(
        self, house: House, numbers: tuple[int | None, int | None]
    ) -> None:
        assert (await house.send(*LEFT, sequence=numbers[1])).status == "refused"
        receipt = await house.send(*ARRIVES, sequence=numbers[0])
        assert receipt.withheld is not None
        assert (receipt.status, receipt.withheld[0]) == ("accepted", "active")
        assert house.told == ["person-left"]
        assert house.newest.status == "left"
        again = await house.send("person-enrolled", example("person-enrolled", residence=None), sequence=9)
        assert (again.status, house.newest.status) == ("accepted", "active")

    @pytest.mark.parametrize("numbers", [(None, None), (1, 2), (None, 2), (1, None), (2, 2)])
    async def test_what_was_closed_before_it_was_posted_is_never_open(
        self, house: House, numbers: tuple[int | None, int | None]
    ) -> None:
        assert (await house.send(*CLOSED, by="gjf", sequence=numbers[1])).status == "refused"
        receipt = await house.send(*POSTED, by="gjf", sequence=numbers[0])
        assert (receipt.status, receipt.withheld) == ("accepted", ["open"])
        assert [(event.type, event.data.status) for event in house.store.emitted] == [("job-closed", "closed")]
        again = await house.send(*POSTED, by="gjf", sequence=9)
        assert (again.status, house.newest.status) == ("accepted", "open")

    async def test_what_was_posted_anew_after_an_early_close_is_open(self, house: House) -> None:
        await house.send(*CLOSED, by="gjf", sequence=2)
        receipt = await house.send(*POSTED, by="gjf", sequence=3)
        assert (receipt.status, receipt.withheld, house.newest.status) == ("accepted", None, "open")


class TestAfterTheEnd:
    async def test_the_same_arrival_again_brings_nobody_back(self, house: House) -> None:
        await house.send(*ARRIVES)
        await house.send(*LEFT)
        assert (await house.send(*ARRIVES)).status == "duplicate"
        other = await house.send("trainee-graduated", example("trainee-graduated", residence=None))
        assert other.problem is not None
        assert other.problem.rule == "person-left"
        assert house.newest.status == "left"

    async def test_leaving_with_a_number_needs_a_number_to_come_back(self, house: House) -> None:
        await house.send(*ARRIVES, sequence=1)
        await house.send("person-updated", example("person-updated", residence=None), sequence=5)
        assert (await house.send(*LEFT, sequence=2)).status == "accepted"  # an update says nothing of staying
        back = example("person-enrolled", consents=[])
        receipt = await house.send("person-enrolled", back)
        assert receipt.problem is not None
        assert receipt.problem.rule == "sequence-needed"
        assert (await house.send("person-enrolled", back, sequence=2)).status == "superseded"
        assert (await house.send("person-enrolled", back, sequence=3)).status == "accepted"
        assert (house.newest.status, house.newest.residence) == ("active", None)  # back by the third, told by the fifth
        assert (await house.send(*LEFT, sequence=2)).status == "superseded"

    async def test_a_withdrawal_without_a_number_takes_back_all_that_was_said(self, house: House) -> None:
        await house.send(*ARRIVES, sequence=4)
        await house.send(*WITHDRAWN)
        given = {"reference": REFERENCE, "consents": [{"purpose": "notice", "recipient": "gjf", "until": today(9)}]}
        assert (await house.send("consent-given", given, sequence=4)).status == "superseded"
        assert (await house.send("consent-given", given, sequence=5)).status == "accepted"


class TestWhatIsKept:
    async def test_is_a_keyed_hash_and_nothing_that_says_who(self, house: House) -> None:
        await house.send(*WITHDRAWN, sequence=2, actor="w-17")
        row = next(row for row in house.store.all(REFERENCES) if "tombstone" in row)
        assert row["_id"] == house.dependencies.references.index("person", "hanawon", REFERENCE)
        assert set(row) == {"_id", "tombstone", "until"}
        assert row["tombstone"] == {"ended": False, "by": None, "taken": {CONSENT: 2}}
        assert (row["until"].hour, row["until"].minute, row["until"].microsecond) == (0, 0, 0)
        assert REFERENCE not in str(list(map(house.store.all, house.store.documents)))

    @pytest.mark.parametrize("sequence", [None, 3])
    async def test_a_recipient_that_nobody_registered_is_kept_as_a_keyed_hash(
        self, house: House, sequence: int | None
    ) -> None:
        keys = [{"purpose": "notice", "recipient": NUMBER}, {"purpose": "notice", "recipient": "gjf"}]
        withdrawn = {"reference": REFERENCE, "consents": keys}

        async def nowhere(rules: list[str]) -> None:
            assert [error.rule for error in (await withdraw()).problem.errors] == rules
            kept = str(list(map(house.store.all, house.store.documents)))
            assert NUMBER not in kept
            assert house.dependencies.references.consent("notice", NUMBER) in kept

        async def withdraw() -> Any:
            return await house.send("consent-withdrawn", withdrawn, sequence=sequence)

        await nowhere(["recipient-unknown", "unknown-reference-kept"])
        await house.send(*ARRIVES, sequence=None if sequence is None else 4)
        if sequence is not None:
            await nowhere(["recipient-unknown"])

    async def test_of_a_person_who_is_here_stays_small_and_forbids_no_less(self, house: House) -> None:
        await house.send(*ARRIVES, sequence=1)
        for start in range(0, MOST_NAMES_OF_A_PERSON + 1, 50):
            keys = [{"purpose": "notice", "recipient": f"agency-{start + number}"} for number in range(50)]
            await house.send("consent-withdrawn", {"reference": REFERENCE, "consents": keys}, sequence=5 + start)
        (row,) = house.store.all(PEOPLE)
        assert row["taken"] == {"notice/": 205}
        assert len(row["consent_senders"]) == 2, "of those that stand"
        given = {"reference": REFERENCE, "consents": [{"purpose": "notice", "recipient": "khf", "until": today(9)}]}
        assert (await house.send("consent-given", given, sequence=205)).status == "superseded"
        assert (await house.send("consent-given", given, sequence=206)).status == "accepted"

    async def test_is_gone_when_the_subject_is_here(self, house: House) -> None:
        await house.send(*WITHDRAWN)
        await house.send(*ARRIVES)
        assert not [row for row in house.store.all(REFERENCES) if "tombstone" in row]

    async def test_tells_nobody_whether_another_agency_has_the_reference(self, house: House) -> None:
        await house.send(*ARRIVES)
        for name, data in (WITHDRAWN, LEFT):
            there = await house.send(name, data, by="khf")
            nowhere = await house.send(name, {**data, "reference": "XX-1"}, by="khf")
            assert there.problem == nowhere.problem
            assert (there.withheld, there.alias) == (nowhere.withheld, nowhere.alias) == (None, None)
        assert house.newest.status == "active"
        other = await house.send("person-enrolled", example("person-enrolled"), by="khf")
        assert other.withheld is not None

    async def test_a_test_run_leaves_nothing(self, house: House) -> None:
        receipt = await house.send(*WITHDRAWN, testrun=True)
        assert receipt.problem is not None
        assert receipt.problem.rule == "unknown-reference-kept"
        assert not house.store.all(REFERENCES)

    async def test_is_bounded_for_each_agency_and_month(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tombstones, "MOST_A_MONTH", 3)

        async def rules(by: str, references: range) -> list[str | None]:
            found = []
            for number in references:
                receipt = await house.send("person-left", {**LEFT[1], "reference": f"R-{number}"}, by=by)
                assert receipt.problem is not None
                found.append(receipt.problem.rule)
            return found

        kept, full = "unknown-reference-kept", "unknown-reference"
        assert await rules("hanawon", range(4)) == [kept, kept, kept, full]
        assert await rules("hanawon", range(4)) == [kept, kept, kept, full]  # the same again takes no room
        assert await rules("khf", range(1)) == [kept]
        house.store.now += timedelta(days=31)
        assert await rules("hanawon", range(3, 4)) == [kept]

    def test_outlives_every_consent_that_a_late_original_can_bring(self) -> None:
        for name in available_packs():
            assert all(one.longest_days < tombstones.TOMBSTONE_DAYS for one in load_pack(name).purposes.values())
        (index,) = INDEXES[REFERENCES]
        assert (list(index.document["key"]), index.document["expireAfterSeconds"]) == (["until"], 0)

    def test_of_one_person_stays_small_and_forbids_no_less(self) -> None:
        names = [f"notice/{number:064x}" for number in range(MOST_NAMES + 1)]
        kept = Tombstone().with_withdrawal(names[:-1], 3)
        assert len(kept.taken) == MOST_NAMES
        wide = kept.with_withdrawal(names[-1:], 2)
        assert wide.taken == {"notice/": 3}
        assert all(wide.took(name, 3) for name in names)
        assert not wide.took(names[0], 4)


def _people(numbered: bool) -> list[tuple[str, dict[str, Any], int | None]]:
    events = [ARRIVES, ("person-updated", example("person-updated", residence=None)), WITHDRAWN, LEFT]
    return [(name, data, number if numbered else None) for number, (name, data) in enumerate(events, 1)]


def _adverts(numbered: bool) -> list[tuple[str, dict[str, Any], int | None]]:
    events = [POSTED, ("job-updated", example("job-updated", places=7)), CLOSED]
    return [(name, data, number if numbered else None) for number, (name, data) in enumerate(events, 1)]


class TestEveryInterleaving:
    """The history is: arrived, updated, consent taken back, left; posted, updated, closed. Whatever comes when, and how
    often, and whatever is refused at first and mended at the end: one end."""

    @pytest.mark.parametrize("numbered", [True, False])
    async def test_of_a_person_ends_with_nobody_told(self, numbered: bool) -> None:
        for order in itertools.permutations(_people(numbered)):
            house = House()
            for name, data, number in order:
                await house.send(name, data, sequence=number)
            await _ends_told_nobody(house, order)

    @pytest.mark.parametrize("numbered", [True, False])
    async def test_of_an_advert_ends_closed(self, numbered: bool) -> None:
        for order in itertools.permutations(_adverts(numbered)):
            house = House()
            for name, data, number in order:
                await house.send(name, data, by="gjf", sequence=number)
            assert house.newest.status == "closed", [name for name, *_ in order]

    def test_with_repeats_and_late_mending_too(self) -> None:
        orders = st.tuples(
            st.lists(st.integers(0, 3), max_size=6),
            st.permutations(range(4)),
            st.lists(st.booleans(), min_size=4, max_size=4),
        )

        @settings(max_examples=150, deadline=None, database=None, derandomize=True)
        @given(orders)
        def try_one(drawn: tuple[list[int], list[int], list[bool]]) -> None:
            repeats, order, numbered = drawn
            asyncio.run(_mended(repeats, order, numbered))

        try_one()

    def test_of_any_history_of_an_advert_ends_as_the_highest_number_says(self) -> None:
        @settings(max_examples=200, deadline=None, database=None, derandomize=True)
        @given(_histories((POSTED[0], "job-updated", CLOSED[0])))
        def try_one(history: list[tuple[str, int]]) -> None:
            asyncio.run(_advert_ends_right(history))

        try_one()

    def test_of_any_history_of_a_person_ends_as_the_highest_number_says(self) -> None:
        @settings(max_examples=200, deadline=None, database=None, derandomize=True)
        @given(_histories((ARRIVES[0], "person-updated", WITHDRAWN[0], LEFT[0], "consent-given")))
        def try_one(history: list[tuple[str, int]]) -> None:
            asyncio.run(_person_ends_right(history))

        try_one()

    def test_an_end_without_a_number_is_not_weakened_by_one_with_it(self) -> None:
        for numbers in itertools.permutations((None, 2)):
            kept = Tombstone()
            for number in numbers:
                kept = kept.with_end(number).with_withdrawal([CONSENT], number)
            assert kept.forbids(9)
            assert kept.took(CONSENT, 9)


def _histories(kinds: tuple[str, ...]) -> st.SearchStrategy[list[tuple[str, int]]]:
    """Events with numbers of their own, in the order in which they are delivered; some twice."""
    return st.lists(st.sampled_from(kinds), min_size=1, max_size=6).flatmap(
        lambda drawn: st.tuples(
            st.permutations([(kind, number) for number, kind in enumerate(drawn, 1)]),
            st.lists(st.integers(0, len(drawn) - 1), max_size=2),
        ).map(lambda both: [*both[0], *(both[0][place] for place in both[1])])
    )


def _highest(history: list[tuple[str, int]], *kinds: str) -> int:
    return max((number for kind, number in history if kind in kinds), default=0)


async def _advert_ends_right(history: list[tuple[str, int]]) -> None:
    house = House()
    for kind, number in history:
        await house.send(kind, example(kind, reference="J-1", places=None), by="gjf", sequence=number)
    if not _highest(history, POSTED[0]):
        assert not house.store.emitted
        return
    closed = _highest(history, CLOSED[0]) > _highest(history, POSTED[0])
    assert house.newest.status == ("closed" if closed else "open"), history


async def _person_ends_right(history: list[tuple[str, int]]) -> None:
    house = House()
    for kind, number in history:
        data = example("consent-withdrawn" if kind == WITHDRAWN[0] else kind)
        await house.send(kind, data, sequence=number)
    if not _highest(history, ARRIVES[0]):
        assert not house.store.emitted
        return
    left = _highest(history, LEFT[0]) > _highest(history, ARRIVES[0])
    assert house.newest.status == ("left" if left else "active"), history
    allowed = "gjf" in {consent.recipient for consent in house.newest.consents}
    given_last = _highest(history, ARRIVES[0], "consent-given") > _highest(history, WITHDRAWN[0])
    assert given_last or not allowed, history


async def _mended(repeats: list[int], order: list[int], numbered: list[bool]) -> None:
    """Some events come in any order and under ids of their own; in the end each comes once more, in the order drawn."""
    house = House()
    events = [(name, data, number if with_number else None)
              for (name, data, number), with_number in zip(_people(True), numbered, strict=True)]  # fmt: skip
    wrong = {**ARRIVES[1], "certificates": ["없는 자격증 xyz"]}
    await house.send("trainee-graduated", wrong, id="mended")
    for place in [*repeats, *order]:
        name, data, number = events[place]
        await house.send(name, data, sequence=number, **({"id": "mended"} if name == ARRIVES[0] else {}))
    await _ends_told_nobody(house, events)


async def _ends_told_nobody(house: House, said: Any) -> None:
    state = house.newest
    assert state.status == "left", said
    assert "gjf" not in {c.recipient for c in state.consents}, said
