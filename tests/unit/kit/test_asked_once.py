"""Operations are asked once what they need, and believed until one misses something."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from shared.kit.base.ids import random_id
from shared.kit.store.transaction_attempt import Operation, TooManyReads
from shared.kit.store.unit_of_work import Need, UnitOfWork
from tests.support.memory_store import MemoryStore

pytestmark = pytest.mark.unit

THINGS = "things"


class Chain:
    """Needs one thing, and that which it names; ``guess`` is what it believes that to be."""

    def __init__(self, name: str, guess: str | None = None) -> None:
        self.name, self.guess = name, guess
        self.asked = self.done = 0

    def operation(self, otherwise: Callable[[UnitOfWork, Exception], None] | None = None) -> Operation[Any]:
        """Its value, and that it was here is written down."""
        return Operation(self._needs, self._do, otherwise)

    def _needs(self, work: UnitOfWork) -> Iterable[Need]:
        self.asked += 1
        yield Need.by_id(THINGS, self.name)
        thing = work.get(THINGS, self.name)
        if (next := self.guess if thing is None else thing["next"]) is not None:
            yield Need.by_id(THINGS, next)

    def _do(self, work: UnitOfWork) -> Any:
        self.done += 1
        work.save(THINGS, {"_id": f"here {self.name} {self.done}"})
        work.after_commit(lambda: None)
        thing = work.get(THINGS, self.name)
        assert thing is not None
        return (work.get(THINGS, thing["next"]) or {}).get("value")


def store_with(*names: str) -> MemoryStore:
    store = MemoryStore()
    for name in names:
        store.put(THINGS, {"_id": name, "next": f"{name}'s"})
        store.put(THINGS, {"_id": f"{name}'s", "value": name})
    return store


def test_who_guesses_well_is_asked_once_and_all_of_them_with_one_question() -> None:
    store, chains = store_with("a", "b"), [Chain("a", "a's"), Chain("b", "b's")]
    assert store.perform_now([each.operation() for each in chains]) == ["a", "b"]
    assert [(each.asked, each.done) for each in chains] == [(1, 1), (1, 1)]
    assert store.questions == [{"a", "a's", "b", "b's"}]


def test_the_first_that_misses_something_is_asked_again_with_all_behind_it() -> None:
    store = store_with("a", "b", "c", "d")
    chains = [Chain("a", "a's"), Chain("b"), Chain("c"), Chain("d", "no such thing")]
    assert store.perform_now([each.operation() for each in chains]) == ["a", "b", "c", "d"]
    assert [each.done for each in chains] == [1, 2, 1, 1]
    assert chains[0].asked == 1
    assert store.questions == [{"a", "a's", "b", "c", "d", "no such thing"}, {"b's", "c's", "d's"}]


def test_of_what_missed_something_nothing_stays() -> None:
    store = store_with("a")
    assert store.perform_now([Chain("a").operation()]) == ["a"]
    assert "here a 1" not in store.documents[THINGS]
    assert "here a 2" in store.documents[THINGS]


def test_memory_that_follows_is_taken_back_for_what_missed_something() -> None:
    store, told = store_with("a"), list[str]()

    class Follows:
        def savepoint(self) -> int:
            return len(told)

        def rollback_to(self, savepoint: int) -> None:
            told.append("back")

        def committed(self) -> None:
            told.append("committed")

        def aborted(self) -> None:
            told.append("aborted")

    store.enlist(Follows())
    store.perform_now([Chain("a").operation()])
    assert told == ["back", "committed"]


def test_what_is_done_instead_may_miss_something_too() -> None:
    store = store_with("a")

    def fails(work: UnitOfWork) -> Any:
        raise ValueError

    def instead(work: UnitOfWork, error: Exception) -> None:
        thing = work.get(THINGS, "a")
        assert thing is not None
        work.save(THINGS, {"_id": "noted", "value": (work.get(THINGS, thing["next"]) or {})["value"]})

    (result,) = store.perform_now([Operation(Chain("a")._needs, fails, instead)])
    assert isinstance(result, ValueError)
    assert store.get(THINGS, "noted") == {"_id": "noted", "value": "a"}


def test_who_misses_what_nobody_can_name_fails_alone() -> None:
    store = store_with("a")
    lost = Operation[Any](lambda work: [Need.by_id(THINGS, "a")], lambda work: work.get(THINGS, "never named"))
    first, second = store.perform_now([lost, Chain("a").operation()])
    assert (type(first).__name__, second) == ("NotNeeded", "a")


def test_who_needs_nothing_asks_the_database_nothing() -> None:
    store = MemoryStore()
    assert store.perform_now([Operation(lambda work: [], lambda work: 1)]) == [1]
    assert store.questions == []


def late(work: UnitOfWork) -> Iterable[Need]:
    """Cannot say what else it needs, once it is told what it asked for."""
    yield Need.by_id(THINGS, "b")
    if work.get(THINGS, "b") is not None:
        raise ValueError


def endless(work: UnitOfWork) -> Iterable[Need]:
    """Names what nobody has named, each time."""
    yield Need.by_id(THINGS, "b")
    yield from () if work.asking and work.missing([Need.by_id(THINGS, "b")]) else [Need.by_id(THINGS, random_id())]


@pytest.mark.parametrize("needs", [late, endless])
@pytest.mark.parametrize("misses", [True, False])
def test_what_becomes_of_an_operation_does_not_depend_on_its_neighbours(
    needs: Callable[[UnitOfWork], Iterable[Need]], misses: bool
) -> None:
    store = store_with("a", "b", "c")
    first, last = Chain("a", None if misses else "a's"), Chain("c")
    asked = Operation[Any](needs, lambda work: "done")
    assert store.perform_now([first.operation(), asked, last.operation()]) == ["a", "done", "c"]


@pytest.mark.parametrize(("needs", "error"), [(late, ValueError), (endless, TooManyReads)])
def test_who_misses_something_and_cannot_say_what_fails_alone(
    needs: Callable[[UnitOfWork], Iterable[Need]], error: type[Exception]
) -> None:
    store = store_with("a", "b")
    lost = Operation[Any](needs, lambda work: work.get(THINGS, "never named"))
    first, second = store.perform_now([lost, Chain("a").operation()])
    assert (type(first), second) == (error, "a")
