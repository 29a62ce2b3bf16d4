"""The store in memory is what unit tests of the services take for the real one."""

from __future__ import annotations

import pytest

from tests.support.memory_store import MemoryStore
from tests.support.store_contract import THINGS, StoreContract, Subject, saves

pytestmark = pytest.mark.unit


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def subject(self) -> Subject:
        store = MemoryStore()

        async def things() -> dict[str, dict[str, object]]:
            return {each["_id"]: each for each in store.all(THINGS)}

        async def said() -> list[str]:
            return [record.key.decode() for record in store.emitted]

        return Subject(store, things, said)

    def test_does_the_same_without_an_event_loop(self) -> None:
        store = MemoryStore()
        assert store.perform_now([saves("a"), saves("b")]) == ["a", "b"]
        assert store.submit_now(saves("c")) == "c"
        assert [each["_id"] for each in store.all(THINGS)] == ["a", "b", "c"]
