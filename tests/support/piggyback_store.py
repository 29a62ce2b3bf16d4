"""A store as the recorder of attempts knows it: nobody else begins a transaction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from shared.kit.store.store import Operation, Piggyback


class PiggybackStore(ABC):
    """``perform`` does what is taken along, as `commit` says."""

    piggyback: Piggyback | None = None

    @abstractmethod
    async def commit(self, operations: Sequence[Operation[Any]]) -> Sequence[Any]:
        """Results or exceptions, in order."""

    def take_along(self, piggyback: Piggyback) -> None:
        self.piggyback = piggyback

    async def perform(self, operations: Sequence[Operation[Any]]) -> Sequence[Any]:
        assert not operations, "only the recorder uses it"
        assert self.piggyback is not None
        if not (along := self.piggyback.take(company=False)):
            return []
        try:
            results = await self.commit(along)
        except Exception as error:
            self.piggyback.done(error)
            raise
        self.piggyback.done(results)
        return []
