"""Small work for a store, and memory that follows it."""

from __future__ import annotations

from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import Need, UnitOfWork


def add(id: str, amount: int = 1) -> Operation[int]:
    """Count up one document."""

    def do(work: UnitOfWork) -> int:
        held = work.get("counts", id) or {"_id": id, "n": 0}
        work.save("counts", {**held, "n": held["n"] + amount})
        return int(held["n"]) + amount

    return Operation(lambda work: [Need.by_id("counts", id)], do)


def failing(id: str, error: Exception) -> Operation[int]:
    """Change something, then raise."""

    def do(work: UnitOfWork) -> int:
        work.save("counts", {"_id": id, "n": -999})
        work.delete("counts", "other")
        raise error

    return Operation(lambda work: [Need.by_id("counts", id)], do)


async def counts(store: Store) -> dict[str, int]:
    return {d["_id"]: d["n"] async for d in store.database.counts.find()}


class Memory:
    """A view: a list that follows the commits."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.pending: list[str] = []

    def savepoint(self) -> int:
        return len(self.pending)

    def rollback_to(self, savepoint: int) -> None:
        del self.pending[savepoint:]

    def committed(self) -> None:
        self.kept += self.pending
        self.pending = []

    def aborted(self) -> None:
        self.pending = []
