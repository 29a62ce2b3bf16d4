"""One attempt at a transaction, as far as it needs no database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import bson
import pytest

from shared.kit.store import transaction_attempt as round_module
from shared.kit.store.transaction_attempt import MOST_MIXED, MOST_REPLACED, Operation, TransactionAttempt, WriteRejected
from shared.kit.store.transaction_io import Found, Wanted, Write
from shared.kit.store.unit_of_work import Need, UnitOfWork

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 20, tzinfo=UTC)
NO_DATABASE: Any = None


class Guarding:
    """A view that may say no."""

    may = True

    def savepoint(self) -> None:
        if not self.may:
            raise PermissionError

    def rollback_to(self, savepoint: Any) -> None: ...
    def committed(self) -> None: ...
    def aborted(self) -> None: ...


class Held:
    """A database that holds these, whatever it is asked."""

    def __init__(self, *documents: dict[str, Any]) -> None:
        self._documents = [bson.encode(document) for document in documents]

    async def read(self, wanted: Wanted) -> Found:
        return dict.fromkeys(wanted, self._documents)


def round_of(*tasks: Operation[Any], views: Any = (), clashes: Any = None) -> TransactionAttempt[Any]:
    return TransactionAttempt(tasks, UnitOfWork(NOW), views, clashes or {})


class TestAParticipantThatSaysNo:
    async def test_stops_everything_and_no_record_is_set_apart(self) -> None:
        apart: list[Exception] = []
        healthy = Operation(lambda work: (), lambda work: 1, lambda work, error: apart.append(error))
        view = Guarding()
        view.may = False
        with pytest.raises(PermissionError):
            await round_of(healthy, views=[view]).run(NO_DATABASE)
        assert apart == []


class TestNeeds:
    @pytest.mark.parametrize("value", [2**70, "\ud800", object(), [1]])
    @pytest.mark.parametrize("field", ["_id", "n"])
    async def test_that_no_question_can_hold_fail_their_own_task_only(self, field: str, value: Any) -> None:
        bad = Operation(lambda work: [Need("people", field, value)], lambda work: 1)
        made = round_of(bad, Operation(lambda work: (), lambda work: 1))
        await made.run(NO_DATABASE)
        assert isinstance(made.results[0], Exception)
        assert made.results[1] == 1


class TestALargeRound:
    async def test_lets_others_have_the_event_loop_while_it_asks_and_while_it_does(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(round_module, "_SLICE_SECONDS", 0.0)
        turns = 0
        asked_at, done_at = list[int](), list[int]()

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        def needs(work: UnitOfWork) -> list[Need]:
            asked_at.append(turns)
            return []

        going_on = asyncio.create_task(others())
        await round_of(*(Operation(needs, lambda work: done_at.append(turns)) for _ in range(5))).run(NO_DATABASE)
        going_on.cancel()
        assert len(set(asked_at)) == len(set(done_at)) == 5


class TestOtherwise:
    async def test_that_raises_fails_its_task_alone_and_leaves_nothing(self) -> None:
        def failing(work: UnitOfWork) -> None:
            raise ValueError

        def otherwise(work: UnitOfWork, error: Exception) -> None:
            work.save("apart", {"_id": "x"})
            raise KeyError

        made = round_of(Operation(lambda work: (), failing, otherwise), Operation(lambda work: (), lambda work: 1))
        await made.run(NO_DATABASE)
        assert [type(result) for result in made.results] == [KeyError, int]
        assert made.work.changes() == {}

    async def test_of_a_clash_finds_what_the_task_needs(self) -> None:
        def held(work: UnitOfWork) -> Any:
            return work.get("apart", "x")

        def otherwise(work: UnitOfWork, error: Exception) -> None:
            work.save("apart", {**held(work), "attempts": 2})

        clash = WriteRejected("people", 0, 11000)
        made = round_of(Operation(lambda work: [Need.by_id("apart", "x")], held, otherwise), clashes={0: clash})
        database: Any = Held({"_id": "x", "attempts": 1})
        await made.run(database)
        assert made.results == [clash]
        assert made.work.get("apart", "x") == {"_id": "x", "attempts": 2}


class TestHowMuchIsWritten:
    """Few documents that are there already are replaced; where there are many indexes more of them are deleted together
    and inserted again."""

    @staticmethod
    def _writes(known: int, *, gone: int = 0, new: int = 0, anew: bool = True) -> list[Write]:
        work = UnitOfWork(NOW)
        before = [{"_id": f"k{n:02}"} for n in range(known)]
        work.loaded("things", "_id", [each["_id"] for each in before], map(bson.encode, before))
        for index, each in enumerate([*before, *({"_id": f"n{n:02}"} for n in range(new))]):
            work.operation_index = index
            if index < gone:
                work.delete("things", each["_id"])
            else:
                work.save("things", each, new=index >= known)
        return round_module._writes("things", work.changes()["things"], anew=anew)

    def test_as_many_as_are_replaced_are(self) -> None:
        deleted, replaced = self._writes(MOST_REPLACED, gone=1, new=2)
        assert [bson.decode(each) for each in deleted.statements] == [{"q": {"_id": "k00"}, "limit": 1}]
        assert [deleted.kind, deleted.operations] == ["delete", [0]]
        names = [*(f"k{n:02}" for n in range(1, MOST_REPLACED)), "n00", "n01"]
        assert [bson.decode(each) for each in replaced.statements] == [
            {"q": {"_id": name}, "u": {"_id": name}, "upsert": True} for name in names
        ]
        assert [replaced.kind, replaced.operations] == ["update", [*range(1, MOST_REPLACED + 2)]]

    def test_all_are_where_there_are_few_indexes(self) -> None:
        (replaced,) = self._writes(2 * MOST_REPLACED, anew=False)
        assert [replaced.kind, len(replaced.statements)] == ["update", 2 * MOST_REPLACED]

    def test_what_is_new_is_inserted_where_it_is_alone_or_much(self) -> None:
        (inserted,) = self._writes(0, new=3)
        assert [inserted.kind, inserted.operations] == ["insert", [0, 1, 2]]
        assert [bson.decode(each)["_id"] for each in inserted.statements] == ["n00", "n01", "n02"]
        replaced, inserted = self._writes(1, new=MOST_MIXED, anew=False)
        assert [replaced.kind, replaced.operations] == ["update", [0]]
        assert [inserted.kind, inserted.operations] == ["insert", [*range(1, MOST_MIXED + 1)]]

    def test_more_are_deleted_and_then_inserted_and_each_is_still_of_its_operation(self) -> None:
        deleted, inserted = self._writes(MOST_REPLACED + 1, gone=2, new=3)
        known = [f"k{n:02}" for n in range(MOST_REPLACED + 1)]
        assert [bson.decode(each) for each in deleted.statements] == [{"q": {"_id": {"$in": known}}, "limit": 0}]
        assert [deleted.kind, deleted.operations] == ["delete", [0]]
        assert [inserted.kind, inserted.operations] == ["insert", [*range(2, MOST_REPLACED + 4)]]
