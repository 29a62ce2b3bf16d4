"""A page of the feed is read as of one moment; one that MongoDB cannot show is replaced by another."""

from __future__ import annotations

from types import SimpleNamespace, TracebackType
from typing import Any

import pytest
from pymongo.errors import OperationFailure

from services.notifications.queries.feed_queries import SNAPSHOT_TRIES
from services.notifications.repository import Repository
from shared.kit.store.store import Unavailable

pytestmark = pytest.mark.unit
TOO_OLD, UNAVAILABLE = 239, 246


class Session:
    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(self, *_: type[BaseException] | TracebackType | BaseException | None) -> None:
        return None


class Deliveries:
    """Fails with these codes, one after the other, and then finds one entry."""

    def __init__(self, codes: list[int]) -> None:
        self.codes = codes
        self.reads = 0

    def __getitem__(self, name: str) -> Deliveries:
        return self

    @property
    def client(self) -> Any:
        async def start_session(snapshot: bool) -> Session:
            assert snapshot
            return Session()

        return SimpleNamespace(start_session=start_session)

    def find(self, *_: Any, **__: Any) -> Deliveries:
        return self

    sort = limit = find

    async def to_list(self, limit: int) -> list[dict[str, Any]]:
        self.reads += 1
        if self.codes:
            raise OperationFailure("no such moment", self.codes.pop(0))
        return [{"_id": "d-1"}]


class TestMoments:
    async def test_one_that_cannot_be_shown_is_replaced_by_another(self) -> None:
        deliveries = Deliveries([UNAVAILABLE, TOO_OLD])
        found = await Repository(deliveries).feed_after("gjf", 0, 10)  # type: ignore[arg-type]  # as much as is used
        assert found == [{"_id": "d-1"}]
        assert deliveries.reads == 3

    async def test_when_none_can_be_shown_the_answer_is_not_now(self) -> None:
        deliveries = Deliveries([UNAVAILABLE] * 100)
        with pytest.raises(Unavailable):
            await Repository(deliveries).feed_after("gjf", 0, 10)  # type: ignore[arg-type]  # as much as is used
        assert deliveries.reads == SNAPSHOT_TRIES

    async def test_another_failure_is_not_hidden(self) -> None:
        deliveries = Deliveries([13])
        with pytest.raises(OperationFailure):
            await Repository(deliveries).feed_after("gjf", 0, 10)  # type: ignore[arg-type]  # as much as is used
        assert deliveries.reads == 1
