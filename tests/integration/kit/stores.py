"""Small work for a store, and memory that follows it."""

from __future__ import annotations

from shared.kit.store import Store, Task
from shared.kit.work import Need, Work


def add(id: str, amount: int = 1) -> Task[int]:
    """Count up one document."""

    def do(work: Work) -> int:
        held = work.get("counts", id) or {"_id": id, "n": 0}
        work.save("counts", {**held, "n": held["n"] + amount})
        return int(held["n"]) + amount

    return Task(lambda work: [Need.by_id("counts", id)], do)


def failing(id: str, error: Exception) -> Task[int]:
    """Change something, then raise."""

    def do(work: Work) -> int:
        work.save("counts", {"_id": id, "n": -999})
        work.delete("counts", "other")
        raise error

    return Task(lambda work: [Need.by_id("counts", id)], do)


async def counts(store: Store) -> dict[str, int]:
    return {d["_id"]: d["n"] async for d in store.database.counts.find()}


class Memory:
    """A view: a list that follows the commits."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.pending: list[str] = []

    def mark(self) -> int:
        return len(self.pending)

    def undo(self, mark: int) -> None:
        del self.pending[mark:]

    def committed(self) -> None:
        self.kept += self.pending
        self.pending = []

    def aborted(self) -> None:
        self.pending = []
