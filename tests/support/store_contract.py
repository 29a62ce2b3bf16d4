"""What callers of a store rely on: asked of the real one on MongoDB, and of the one in memory that unit tests use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.events import Event
from shared.events.topics.agencies import AGENCY_CHANGED, Agency, Rights
from shared.kit.store.transaction_attempt import Operation, TooManyReads
from shared.kit.store.unit_of_work import Need, NotNeeded, UnitOfWork

THINGS = "things"
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


@dataclass
class Subject:
    """A store, what it has kept of ``things``, by id, and the keys of what it has emitted, in order."""

    store: Any
    things: Callable[[], Awaitable[dict[str, dict[str, Any]]]]
    said: Callable[[], Awaitable[list[str]]]


class Participant:
    """Follows the store: the operations that it believes are kept."""

    def __init__(self) -> None:
        self.pending: list[str] = []
        self.kept: list[str] = []
        self.ends: list[str] = []
        self.refuses: Exception | None = None

    def savepoint(self) -> int:
        if self.refuses is not None:
            raise self.refuses
        return len(self.pending)

    def rollback_to(self, savepoint: int) -> None:
        del self.pending[savepoint:]

    def committed(self) -> None:
        self.kept += self.pending
        self.pending = []
        self.ends.append("committed")

    def aborted(self) -> None:
        self.pending = []
        self.ends.append("aborted")


def ids(*names: str) -> Callable[[UnitOfWork], Iterable[Need]]:
    return lambda work: [Need.by_id(THINGS, name) for name in names]


def said(key: str) -> Event[Agency]:
    data = Agency(agency=key, name={"en": key}, recipient_class="service", rights=Rights())
    return Event(
        id=key * 32, source="/t", type=AGENCY_CHANGED.name, version=1, time=NOW, key=key, data=data, sequence=1
    )


def saves(id: str, **fields: Any) -> Operation[str]:
    def do(work: UnitOfWork) -> str:
        work.save(THINGS, {"_id": id, **fields})
        work.emit(said(id))
        return id

    return Operation(ids(id), do)


def fails(id: str, otherwise: Any = None) -> Operation[str]:
    def do(work: UnitOfWork) -> str:
        saves(id).do(work)
        raise ValueError(id)

    return Operation(ids(id), do, otherwise)


class StoreContract:
    """Inherit it with a fixture ``subject``."""

    async def test_operations_are_done_in_order_and_see_what_earlier_ones_saved(self, subject: Subject) -> None:
        def add(work: UnitOfWork) -> int:
            thing = work.get(THINGS, "a") or {"_id": "a", "n": 0}
            work.save(THINGS, {**thing, "n": thing["n"] + 1})
            return int(thing["n"]) + 1

        assert await subject.store.perform([Operation(ids("a"), add)] * 3) == [1, 2, 3]
        assert await subject.store.submit(Operation(ids("a"), add)) == 4
        assert await subject.things() == {"a": {"_id": "a", "n": 4}}

    async def test_one_that_fails_leaves_no_trace_and_fails_nobody_else(self, subject: Subject) -> None:
        first, failed, last = await subject.store.perform([saves("a"), fails("b"), saves("c")])
        assert (first, type(failed), last) == ("a", ValueError, "c")
        assert set(await subject.things()) == {"a", "c"}
        assert await subject.said() == ["a", "c"]

    async def test_a_failed_one_that_changed_what_an_earlier_one_saved_gives_it_back(self, subject: Subject) -> None:
        def spoil(work: UnitOfWork) -> None:
            work.save(THINGS, {"_id": "a", "n": 2})
            work.delete(THINGS, "b")
            raise ValueError

        await subject.store.perform([saves("a", n=1), saves("b"), Operation(ids("a", "b"), spoil)])
        assert await subject.things() == {"a": {"_id": "a", "n": 1}, "b": {"_id": "b"}}

    async def test_what_is_done_otherwise_is_kept_in_the_same_transaction(self, subject: Subject) -> None:
        def note(work: UnitOfWork, error: Exception) -> None:
            work.save(THINGS, {"_id": "noted", "error": type(error).__name__})

        (failed,) = await subject.store.perform([fails("a", note)])
        assert isinstance(failed, ValueError)
        assert await subject.things() == {"noted": {"_id": "noted", "error": "ValueError"}}

    async def test_when_that_fails_as_well_nothing_stays_and_its_error_is_the_result(self, subject: Subject) -> None:
        def worse(work: UnitOfWork, error: Exception) -> None:
            work.save(THINGS, {"_id": "noted"})
            raise KeyError

        failed, kept = await subject.store.perform([fails("a", worse), saves("b")])
        assert (type(failed), kept) == (KeyError, "b")
        assert set(await subject.things()) == {"b"}

    async def test_needs_are_asked_again_with_what_was_loaded(self, subject: Subject) -> None:
        await subject.store.perform([saves("a", next="b"), saves("b", next="c"), saves("c", value=7)])

        def needs(work: UnitOfWork) -> Iterable[Need]:
            yield Need.by_id(THINGS, "a")
            for name in ("a", "b"):
                if (thing := work.get(THINGS, name)) is not None:
                    yield Need.by_id(THINGS, thing["next"])

        def do(work: UnitOfWork) -> Any:
            found = work.get(THINGS, "c")
            return found and found["value"]

        assert await subject.store.submit(Operation(needs, do)) == 7

    async def test_what_an_earlier_one_saved_may_lead_to_more(self, subject: Subject) -> None:
        await subject.store.perform([saves("b", value=7)])

        def needs(work: UnitOfWork) -> Iterable[Need]:
            yield Need.by_id(THINGS, "a")
            if (thing := work.get(THINGS, "a")) is not None:
                yield Need.by_id(THINGS, thing["next"])

        def do(work: UnitOfWork) -> Any:
            a = work.get(THINGS, "a")
            found = work.get(THINGS, a["next"]) if a is not None else None
            return found and found["value"]

        assert await subject.store.perform([saves("a", next="b"), Operation(needs, do)]) == ["a", 7]

    async def test_needs_that_never_end_are_one_operations_fault(self, subject: Subject) -> None:
        asked = 0

        def needs(work: UnitOfWork) -> Iterable[Need]:
            nonlocal asked
            asked += 1
            yield Need.by_id(THINGS, f"{asked}")

        endless, kept = await subject.store.perform([Operation(needs, lambda work: work.get(THINGS, "0")), saves("a")])
        assert (type(endless), kept) == (TooManyReads, "a")

    async def test_documents_are_found_by_any_field_also_in_lists(self, subject: Subject) -> None:
        await subject.store.perform(
            [
                saves("a", of="x", keys=[{"id": 1}, {"id": 2}]),
                saves("b", of="y", keys=[{"id": 2}]),
                saves("c", of=["x"]),
            ]
        )

        def find(field: str, value: Any) -> Operation[list[str]]:
            return Operation(
                lambda work: [Need(THINGS, field, value)],
                lambda work: [each["_id"] for each in work.find(THINGS, field, value)],
            )

        found = await subject.store.perform([find("of", "x"), find("keys.id", 2), find("keys.id", 1), find("no", 1)])
        assert found == [["a", "c"], ["a", "b"], ["a"], []]

    async def test_what_was_not_asked_for_is_not_there(self, subject: Subject) -> None:
        (failed,) = await subject.store.perform([Operation(ids(), lambda work: work.get(THINGS, "a"))])
        assert isinstance(failed, NotNeeded)

    async def test_what_is_handed_out_is_a_copy(self, subject: Subject) -> None:
        await subject.store.submit(saves("a", n=1))

        def change(work: UnitOfWork) -> None:
            thing = work.get(THINGS, "a")
            assert thing is not None
            thing["n"] = 2

        await subject.store.submit(Operation(ids("a"), change))
        assert (await subject.things())["a"]["n"] == 1

    async def test_what_is_deleted_is_gone(self, subject: Subject) -> None:
        await subject.store.perform([saves("a"), saves("b")])
        await subject.store.submit(Operation(ids("a"), lambda work: work.delete(THINGS, "a")))
        assert set(await subject.things()) == {"b"}

    async def test_those_that_are_sent_together_are_in_order_and_errors_stand_for_results(
        self, subject: Subject
    ) -> None:
        first, failed, last = await subject.store.submit_all([saves("a"), fails("b"), saves("c")], ahead=True)
        assert (first, type(failed), last) == ("a", ValueError, "c")
        assert await subject.said() == ["a", "c"]
        with pytest.raises(ValueError, match="d"):
            await subject.store.submit(fails("d"))

    async def test_what_fails_in_the_transaction_undoes_all_of_it(self, subject: Subject) -> None:
        following, calls = Participant(), list[str]()
        subject.store.enlist(following)

        def do(work: UnitOfWork) -> None:
            following.pending.append("a")
            work.save(THINGS, {"_id": "a"})
            work.after_commit(lambda: calls.append("a"))

        def refuse(session: Any) -> None:
            raise LookupError

        with pytest.raises(LookupError):
            await subject.store.perform([Operation(ids("a"), do)], in_transaction=refuse)
        assert (await subject.things(), following.kept, following.ends, calls) == ({}, [], ["aborted"], [])
        await subject.store.perform([Operation(ids("a"), do)])
        assert (following.kept, following.ends, calls) == (["a"], ["aborted", "committed"], ["a"])

    async def test_participants_follow_each_operation_and_the_end(self, subject: Subject) -> None:
        following = Participant()
        subject.store.enlist(following)

        def noting(name: str, error: Exception | None) -> Operation[None]:
            def do(work: UnitOfWork) -> None:
                following.pending.append(name)
                if error is not None:
                    raise error

            return Operation(ids(), do)

        await subject.store.perform([noting("a", None), noting("b", ValueError()), noting("c", None)])
        assert (following.kept, following.ends) == (["a", "c"], ["committed"])

    async def test_a_participant_that_refuses_a_savepoint_stops_the_whole(self, subject: Subject) -> None:
        following = Participant()
        following.refuses = LookupError("no lease")
        subject.store.enlist(following)
        with pytest.raises(LookupError):
            await subject.store.perform([saves("a")])
        assert (await subject.things(), following.ends) == ({}, ["aborted"])

    async def test_what_is_called_after_the_commit_is_not_called_for_what_failed(self, subject: Subject) -> None:
        calls: list[str] = []

        def calling(name: str, error: Exception | None = None) -> Operation[None]:
            def do(work: UnitOfWork) -> None:
                work.after_commit(lambda: calls.append(name))
                if error is not None:
                    raise error

            return Operation(ids(), do)

        await subject.store.perform([calling("a"), calling("b", ValueError()), calling("c")])
        assert calls == ["a", "c"]

    async def test_what_is_done_at_the_end_sees_what_became_of_all_and_is_kept_with_it(self, subject: Subject) -> None:
        seen: list[list[str]] = []

        def counting(name: str, error: Exception | None = None) -> Operation[None]:
            def at_end(work: UnitOfWork) -> None:
                there = [each for each in ("a", "b", "c") if work.get(THINGS, each) is not None]
                seen.append(there)
                work.save(THINGS, {"_id": name, "there": there})

            def do(work: UnitOfWork) -> None:
                work.save(THINGS, {"_id": name})
                work.at_end(lambda: at_end(work))
                if error is not None:
                    raise error

            return Operation(ids("a", "b", "c"), do)

        await subject.store.perform([counting("a"), counting("b", ValueError()), counting("c")])
        assert seen == [["a", "c"], ["a", "c"]], "not for what failed"
        assert await subject.things() == {name: {"_id": name, "there": ["a", "c"]} for name in ("a", "c")}
