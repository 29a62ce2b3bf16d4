"""An agency's own keys: added, ended, never the last one that works."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from services.intake.documents import AGENCIES, AUDIT
from services.intake.domain.key_rules import MOST_KEYS, ended, with_key
from services.intake.own_keys.service import MOST_ADDED, OwnKeys
from shared.access.agencies import held_agency
from shared.access.api_keys import Caller, make_key
from shared.events.refusal import Refused
from shared.events.topics.agencies import Agency, Key
from shared.kit.web.problems import Problem
from tests.unit.intake.memory import House, agency

pytestmark = pytest.mark.unit
TODAY = date(2026, 11, 28)
HASH = "ab" * 32


def with_keys(*keys: Key) -> Agency:
    return agency("gjf", "service").model_copy(update={"keys": keys})


def key(number: int, until: date | None = None) -> Key:
    return Key(key_id=f"gjf-{number}", secret_sha256=f"{number:064x}", until=until)


def rule(raised: pytest.ExceptionInfo[Refused]) -> tuple[str, str]:
    return raised.value.refusals[0].rule, raised.value.refusals[0].field


class TestRules:
    def test_one_more_key_and_the_old_one_as_before(self) -> None:
        changed = with_key(with_keys(key(1)), "gjf-2", HASH, "gjf-1", TODAY)
        assert changed.keys == (key(1), Key(key_id="gjf-2", secret_sha256=HASH))

    def test_the_same_again_changes_nothing(self) -> None:
        held = with_keys(key(1), key(2))
        assert with_key(held, "gjf-2", key(2).secret_sha256, "gjf-1", TODAY) is held

    @pytest.mark.parametrize(
        ("key_id", "secret", "found"),
        [
            ("gjf-1", HASH, ("key-taken", "/key_id")),
            ("gjf-2", key(1).secret_sha256, ("secret-not-new", "/secret_sha256")),
            (
                "gjf-2",
                "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925",
                ("key-known", "/secret_sha256"),
            ),
        ],
    )
    def test_what_is_no_new_key_is_refused(self, key_id: str, secret: str, found: tuple[str, str]) -> None:
        with pytest.raises(Refused) as raised:
            with_key(with_keys(key(1)), key_id, secret, "gjf-1", TODAY)
        assert rule(raised) == found

    def test_so_many_hold_at_once_and_those_that_are_over_make_room(self) -> None:
        full = with_keys(*(key(number) for number in range(1, MOST_KEYS + 1)))
        with pytest.raises(Refused) as raised:
            with_key(full, "gjf-9", HASH, "gjf-1", TODAY)
        assert rule(raised) == ("too-many-keys", "/key_id")
        over = with_keys(*full.keys[:-1], key(MOST_KEYS, TODAY - timedelta(days=1)))
        assert [one.key_id for one in with_key(over, "gjf-9", HASH, "gjf-1", TODAY).keys] == [
            "gjf-1", "gjf-2", "gjf-3", "gjf-4", "gjf-9",
        ]  # fmt: skip

    def test_a_last_day_that_the_operator_gave_is_not_got_round(self) -> None:
        last = TODAY + timedelta(days=30)
        changed = with_key(with_keys(key(1, last)), "gjf-2", HASH, "gjf-1", TODAY)
        assert changed.keys[-1].until == last

    def test_a_key_ends_others_and_never_itself(self) -> None:
        held = with_keys(key(1), key(2))
        with pytest.raises(Refused) as raised:
            ended(held, "gjf-1", "gjf-1", TODAY, 0)
        assert rule(raised)[0] == "own-key"
        assert ended(held, "gjf-3", "gjf-2", TODAY, 0) is None
        assert ended(held, "gjf-1", "gjf-2", TODAY, 0) == with_keys(key(2))
        graced = ended(held, "gjf-1", "gjf-2", TODAY, 7)
        assert graced == with_keys(key(1, date(2026, 12, 5)), key(2))
        assert ended(graced, "gjf-1", "gjf-2", TODAY, 30) == graced  # never longer than before

    @pytest.mark.parametrize("grace_days", [0, 7])
    def test_a_key_ends_none_that_holds_longer(self, grace_days: int) -> None:
        """Else one in its days of grace ends the only one that lasts, and all that it adds end with it."""
        soon, later = TODAY + timedelta(days=7), TODAY + timedelta(days=8)
        for other in (key(2), key(2, later)):
            with pytest.raises(Refused) as raised:
                ended(with_keys(key(1, soon), other), "gjf-2", "gjf-1", TODAY, grace_days)
            assert rule(raised) == ("own-key-ends-first", "/path/key_id")
        assert ended(with_keys(key(1, soon), key(2, soon)), "gjf-2", "gjf-1", TODAY, 0) == with_keys(key(1, soon))
        assert ended(with_keys(key(1, later), key(2, soon)), "gjf-2", "gjf-1", TODAY, 0) == with_keys(key(1, later))


class TestUseCases:
    @pytest.fixture
    def house(self) -> House:
        return House()

    @pytest.fixture
    def own(self, house: House) -> OwnKeys:
        return OwnKeys(house.store, house.dependencies)  # type: ignore[arg-type]  # stands in for the real store

    def state(self, house: House) -> dict[str, date | None]:
        document = house.store.get(AGENCIES, "gjf")
        assert document is not None
        found = held_agency(document)
        return {one.key_id: one.until for one in found.keys}

    async def test_every_service_is_told_and_it_is_written_down(self, house: House, own: OwnKeys) -> None:
        await own.add(house.callers["gjf"], "gjf-2", HASH)
        assert self.state(house) == {"gjf-1": None, "gjf-2": None}
        assert (house.told, house.newest.keys[-1].key_id) == (["agency-changed"], "gjf-2")
        await own.add(house.callers["gjf"], "gjf-2", HASH)
        assert house.told == ["agency-changed"]
        new = Caller(house.newest, "gjf-2")
        await own.end(new, "gjf-1", 0)
        assert self.state(house) == {"gjf-2": None}
        audit = house.store.all(AUDIT)
        assert [(one["agency"], one["key_id"], one["action"], one["key"]) for one in audit] == [
            ("gjf", "gjf-1", "key-added", "gjf-2"),
            ("gjf", "gjf-2", "key-ended", "gjf-1"),
        ]
        assert HASH not in str(audit)

    async def test_a_key_of_another_agency_is_taken_and_cannot_be_ended(self, house: House, own: OwnKeys) -> None:
        with pytest.raises(Refused) as raised:
            await own.add(house.callers["gjf"], "khf-1", HASH)
        assert rule(raised) == ("key-taken", "/key_id")
        assert await own.end(house.callers["gjf"], "khf-1", 0) is None
        assert house.told == []

    async def test_a_key_that_was_taken_away_does_nothing_more(self, house: House, own: OwnKeys) -> None:
        await own.add(house.callers["gjf"], "gjf-2", HASH)
        await own.end(Caller(house.newest, "gjf-2"), "gjf-1", 0)
        for asked in (own.add(house.callers["gjf"], "gjf-3", "cd" * 32), own.end(house.callers["gjf"], "gjf-2", 0)):
            with pytest.raises(Problem) as raised:
                await asked
            assert raised.value.status == 401

    async def test_so_many_in_a_day_and_ending_is_always_possible(self, house: House, own: OwnKeys) -> None:
        for number in range(MOST_ADDED):
            _, new = make_key(f"n-{number}")
            await own.add(house.callers["gjf"], new.key_id, new.secret_sha256)
            await own.end(house.callers["gjf"], new.key_id, 0)
        with pytest.raises(Refused) as raised:
            await own.add(house.callers["gjf"], "n-last", HASH)
        assert rule(raised)[0] == "too-many-keys-today"
        assert self.state(house) == {"gjf-1": None}

    async def test_an_operators_change_without_keys_leaves_them(self, house: House, own: OwnKeys) -> None:
        await own.add(house.callers["gjf"], "gjf-2", HASH)
        data = agency("gjf", "service").model_dump(mode="json", exclude_none=True)
        del data["keys"]
        receipt = await house.send("agency-changed", {**data, "name": {"ko": "새", "en": "new"}}, by="ops")
        assert receipt.status == "accepted"
        assert self.state(house) == {"gjf-1": None, "gjf-2": None}
        await house.send("agency-changed", {**data, "keys": []}, by="ops")
        assert self.state(house) == {}
