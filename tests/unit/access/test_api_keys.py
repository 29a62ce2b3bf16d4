"""Keys: the right secret of a live key opens, everything else gets one and the same answer."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pymongo.errors import ServerSelectionTimeoutError

from shared.access import api_keys
from shared.access.agencies import agency_document
from shared.access.api_keys import Caller, Keys, make_key, wrong_hashes
from shared.events.topics.agencies import Agency, Key, Rights
from shared.kit.web.problems import Problem

pytestmark = pytest.mark.unit
TODAY = date(2026, 11, 22)
SEOUL = ZoneInfo("Asia/Seoul")
NOON = datetime(2026, 11, 22, 12, tzinfo=SEOUL).astimezone(UTC)


class Found:
    """What a motor cursor does, of a list."""

    def __init__(self, documents: list[dict[str, Any]]) -> None:
        self._documents = documents

    def sort(self, *_: Any) -> Found:
        return self

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        for document in self._documents:
            yield document


class Collection:
    def __init__(self, agencies: list[Agency]) -> None:
        self.agencies = agencies
        self.reads = 0

    def find(self, *_: Any) -> Found:
        self.reads += 1
        return Found([agency_document(agency, 1) for agency in self.agencies])


def agency(*held: Key, receives: bool = False, recipient_class: Any = "case", **rights: Any) -> Agency:
    given = Rights(receives=receives, **rights)
    return Agency(agency="gjf", name={"en": "x"}, recipient_class=recipient_class, rights=given, keys=held)


class World:
    def __init__(self, *agencies: Agency) -> None:
        self.collection = Collection(list(agencies))
        self.now = 0.0
        database: Any = {"agencies": self.collection}
        self.moment = NOON
        self.keys = Keys(database, lambda: self.moment, zone=SEOUL, clock=lambda: self.now)


async def refused(world: World, header: str | None) -> dict[str, Any]:
    with pytest.raises(Problem) as problem:
        await world.keys.authenticate(header)
    assert problem.value.headers == {"WWW-Authenticate": "Bearer"}
    return problem.value.details.model_dump()


class TestCaller:
    async def test_a_good_key_names_its_agency(self) -> None:
        token, key = make_key("gjf-1")
        caller = await World(agency(key)).keys.authenticate(f"Bearer {token}")
        assert (caller.agency.agency, caller.key_id) == ("gjf", "gjf-1")

    async def test_both_keys_open_while_one_replaces_the_other(self) -> None:
        old, old_key = make_key("gjf-1")
        new, new_key = make_key("gjf-2")
        world = World(agency(old_key, new_key))
        assert {(await world.keys.authenticate(f"Bearer {token}")).key_id for token in (old, new)} == {"gjf-1", "gjf-2"}

    async def test_everything_else_gets_the_same_answer(self) -> None:
        token, key = make_key("gjf-1")
        expired_token, expired = make_key("gjf-2", date(2026, 11, 21))
        world = World(agency(key, expired))
        wrong = f"gjf-1.{secrets.token_hex(32)}"
        headers = [
            None, "", "Bearer", f"Basic {token}", f"Bearer {wrong}", f"Bearer nobody.{secrets.token_hex(32)}",
            f"Bearer {expired_token}", f"Bearer {token}0", f"Bearer {token[:-1]}", f"Bearer {token.upper()}",
            "Bearer " + "x" * 100_000, "Bearer gjf-1.é", f"Bearer {token}\n{token}",
        ]  # fmt: skip
        bodies = [await refused(world, header) for header in headers]
        assert all(body == bodies[0] for body in bodies)
        assert bodies[0]["status"] == 401

    async def test_a_key_holds_on_its_last_day(self) -> None:
        token, key = make_key("gjf-1", TODAY)
        assert (await World(agency(key)).keys.authenticate(f"Bearer {token}")).key_id == "gjf-1"

    async def test_an_agency_that_cannot_be_read_shuts_out_nobody_else_and_is_said_once(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token, key = make_key("gjf-1")
        world = World(agency(key))
        newer = {"_id": "a-newer-one", "state": {"a field that this replica does not know": 1}}
        good = agency_document(world.collection.agencies[0], 1)
        monkeypatch.setattr(world.collection, "find", lambda *_: Found([newer, good, {"_id": "without"}]))
        for world.now in (0.0, 2.0, 4.0):
            assert (await world.keys.authenticate(f"Bearer {token}")).key_id == "gjf-1"
        assert capsys.readouterr().out.count("agencies_not_readable") == 1

    async def test_who_was_let_in_is_looked_at_again(self) -> None:
        token, key = make_key("gjf-1")
        _, other = make_key("gjf-2")
        same_id = make_key("gjf-1")[1]
        world = World(agency(key, other))
        caller = await world.keys.authenticate(f"Bearer {token}")
        for number, held in enumerate([agency(key), agency(key, other, receives=True)]):
            world.collection.agencies[:], world.now = [held], world.now + 2.0
            assert (await world.keys.reauthenticate(caller)).receives == bool(number)  # with the rights of now
        for held in (
            agency(),
            agency(other),
            agency(same_id),
            agency(key.model_copy(update={"until": date(2026, 11, 21)})),
        ):
            world.collection.agencies[:], world.now = [held], world.now + 2.0
            with pytest.raises(Problem) as problem:
                await world.keys.reauthenticate(caller)
            assert problem.value.status == 401

    async def test_its_last_day_begins_and_ends_where_the_pack_is(self) -> None:
        token, key = make_key("gjf-1", TODAY)
        world = World(agency(key))
        # 14:59 UTC is one minute before midnight in Seoul; the UTC day goes on for nine hours
        world.moment = datetime(2026, 11, 22, 14, 59, tzinfo=UTC)
        assert (await world.keys.authenticate(f"Bearer {token}")).key_id == "gjf-1"
        world.moment = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
        await refused(world, f"Bearer {token}")

    async def test_a_revoked_key_is_known_after_a_second_and_not_read_more_often(self) -> None:
        token, key = make_key("gjf-1")
        world = World(agency(key))
        for _ in range(100):
            await world.keys.authenticate(f"Bearer {token}")
        assert world.collection.reads == 1
        world.collection.agencies[:] = [agency()]
        world.now = 0.9
        await world.keys.authenticate(f"Bearer {token}")
        world.now = 1.0
        await refused(world, f"Bearer {token}")

    @pytest.mark.parametrize("key_id", ["gjf-1", "nobody-1"])
    async def test_compares_in_constant_time_also_for_nobody(
        self, key_id: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        compared: list[tuple[bytes, bytes]] = []

        def compare(one: bytes, other: bytes) -> bool:
            compared.append((one, other))
            return False

        monkeypatch.setattr(api_keys, "compare_digest", compare)
        _, key = make_key("gjf-1")
        await refused(World(agency(key)), f"Bearer {key_id}.{secrets.token_hex(32)}")
        # the secret's hash, then those of the six ways to register a wrong one
        assert [(len(one), len(other)) for one, other in compared] == [(32, 32)] * 7

    async def test_two_agencies_with_one_key_id_do_not_open_each_other(self) -> None:
        _, key = make_key("gjf-1")
        other_token, other_key = make_key("gjf-1")
        other = agency(other_key).model_copy(update={"agency": "zzz"})
        await refused(World(agency(key), other), f"Bearer {other_token}")

    async def test_while_the_database_is_away_all_wait_for_one_answer_together(self) -> None:
        token, key = make_key("gjf-1")
        world = World(agency(key))
        found = world.collection.find

        class Away(Found):
            async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
                await asyncio.sleep(0.01)
                raise ServerSelectionTimeoutError
                yield {}

        def away(*_: Any) -> Found:
            found()
            return Away([])

        world.collection.find = away  # type: ignore[method-assign]  # the database has gone
        calls = [world.keys.authenticate(f"Bearer {token}") for _ in range(50)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(answer) for answer in answers} == {ServerSelectionTimeoutError}
        assert world.collection.reads == 1
        world.collection.find = found  # type: ignore[method-assign]  # and is back
        assert (await world.keys.authenticate(f"Bearer {token}")).key_id == "gjf-1"


class TestRights:
    def test_are_those_of_the_agency(self) -> None:
        caller = Caller(agency(emits=("job-posted",), reads=("matches",), administers=True), "gjf-1")
        assert (caller.reads("matches"), caller.reads("deliveries")) == (True, False)
        assert caller.administers

    @pytest.mark.parametrize(
        ("recipient_class", "receives"), [("case", True), ("service", True), ("employer", False), ("public", False)]
    )
    def test_to_receive_need_the_class_too(self, recipient_class: str, receives: bool) -> None:
        assert Caller(agency(receives=True, recipient_class=recipient_class), "k").receives is receives
        assert not Caller(agency(receives=False, recipient_class=recipient_class), "k").receives

    def test_lacking_are_403_and_named(self) -> None:
        with pytest.raises(Problem) as problem:
            Caller(agency(), "k").must_read("matches")
        assert problem.value.status == 403
        assert "reads matches" in (problem.value.details.detail or "")


class TestMakeKey:
    def test_has_256_random_bits_that_the_registered_key_does_not_tell(self) -> None:
        token, key = make_key("gjf-1")
        secret = token.removeprefix("gjf-1.")
        assert len(bytes.fromhex(secret)) == 32
        assert secret not in key.model_dump_json()
        assert make_key("gjf-1")[0] != token


class TestAHashThatNobodyCanMeet:
    """A1: noticed at the first call, told to the agency and to the operator."""

    @staticmethod
    def hashes(token: str) -> dict[str, str]:
        text = token.partition(".")[2]
        return {
            "hash-of-text": sha256(text.encode()).hexdigest(),
            "hash-of-line": sha256(f"{text}\n".encode()).hexdigest(),
            "hash-of-token": sha256(token.encode()).hexdigest(),
            "hash-of-token-line": sha256(f"{token}\n".encode()).hexdigest(),
            "hash-of-hash": sha256(sha256(bytes.fromhex(text)).hexdigest().encode()).hexdigest(),
            "not-hashed": text,
        }

    @pytest.mark.parametrize(
        "mistake",
        ["hash-of-text", "hash-of-line", "hash-of-token", "hash-of-token-line", "hash-of-hash", "not-hashed"],
    )
    async def test_is_named_by_the_mistake_once_in_the_log_and_counted_each_time(
        self, mistake: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        token, _ = make_key("gjf-1")
        world = World(agency(Key(key_id="gjf-1", secret_sha256=self.hashes(token)[mistake])))
        counted = wrong_hashes.of(agency="gjf", reason=mistake)
        before = counted._value.get()
        for _ in range(3):
            details = await refused(world, f"Bearer {token}")
            assert details["rule"] == mistake
            assert token.partition(".")[2] not in str(details)
        assert counted._value.get() - before == 3
        assert capsys.readouterr().out.count("key_registered_with_wrong_hash") == 1

    async def test_says_nothing_to_who_does_not_hold_the_secret_nor_of_a_key_that_has_ended(self) -> None:
        token, other = make_key("gjf-1")[0], make_key("gjf-1")[0]
        wrong = self.hashes(token)["hash-of-text"]
        plain = await refused(World(), f"Bearer {token}")
        assert await refused(World(agency(Key(key_id="gjf-1", secret_sha256=wrong))), f"Bearer {other}") == plain
        ended = Key(key_id="gjf-1", secret_sha256=wrong, until=date(2026, 11, 21))
        assert await refused(World(agency(ended)), f"Bearer {token}") == plain
