"""What goes into one transaction shrinks only for what size explains, and grows back slowly."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DocumentTooLarge,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    ServerSelectionTimeoutError,
)

from shared.kit.base.adaptive_batch_size import AdaptiveBatchSize, too_large, too_much
from shared.kit.base.sealing import Sealer
from shared.kit.kafka.records import Origin, Partition
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.kafka.topics import Topics
from shared.kit.runtime.cloudevent_codec import CloudEventCodec
from shared.kit.store.store import TooLargeTogether, Unavailable
from shared.kit.stream.backlog import Backlog, Position
from shared.kit.stream.checkpoints import Fenced
from shared.kit.stream.quarantine import Quarantine
from shared.kit.stream.session import Session
from shared.kit.stream.stream import Stream

pytestmark = pytest.mark.unit
CODEC = CloudEventCodec()
PARTITION = Partition("people", 0)


class TestTooMuch:
    @pytest.mark.parametrize(
        "error",
        [
            NetworkTimeout("slow"),
            ExecutionTimeout("slow", 50),
            DocumentTooLarge("large"),
            OperationFailure("TransactionTooLarge", 257),
            OperationFailure("TransactionTooLargeForCache", 388),
            OperationFailure("BSONObjectTooLarge", 10334),
            BulkWriteError({"writeErrors": [{"index": 3, "code": 257, "errmsg": "no more room"}]}),
            OperationFailure("NoSuchTransaction", 251),
        ],
    )
    def test_is_what_a_smaller_transaction_may_mend(self, error: Exception) -> None:
        assert too_much(error)

    @pytest.mark.parametrize(
        "error",
        [
            AutoReconnect("gone"),
            ServerSelectionTimeoutError("nobody"),
            OperationFailure("WriteConflict", 112),
            BulkWriteError({"writeErrors": [{"index": 3, "code": 11000, "errmsg": "is there already"}]}),
            KafkaConnectionError(),
            Fenced("people"),
            ValueError(),
        ],
    )
    def test_is_not_a_server_that_is_away_or_anything_of_kafka(self, error: Exception) -> None:
        assert not too_much(error)

    @pytest.mark.parametrize("error", [NetworkTimeout("slow"), OperationFailure("NoSuchTransaction", 251)])
    def test_is_not_always_a_limit_of_size(self, error: Exception) -> None:
        assert not too_large(error)


class TestPortion:
    def test_halves_and_grows_back_only_after_many_full_ones(self) -> None:
        portion = AdaptiveBatchSize(500)
        portion.was_too_much()
        assert portion.size == 250
        grown = []
        while portion.size < 500:
            portion.worked(portion.size)
            grown.append(portion.size)
        assert grown[:16] == [250] * 15 + [281]
        assert len(grown) > 100

    def test_is_halved_from_what_was_tried(self) -> None:
        portion = AdaptiveBatchSize(500)
        portion.was_too_much(40)
        assert portion.size == 20

    def test_learns_nothing_from_small_ones(self) -> None:
        portion = AdaptiveBatchSize(500)
        portion.was_too_much()
        for _ in range(1_000):
            portion.worked(3)
        assert portion.size == 250

    def test_never_leaves_one_and_the_most(self) -> None:
        portion = AdaptiveBatchSize(10)
        for _ in range(20):
            portion.was_too_much()
        assert portion.size == 1
        for _ in range(1_000):
            portion.worked(10)
        assert portion.size == 10


class TestAStream:
    @pytest.mark.parametrize(
        ("error", "size"),
        [
            (Unavailable("AutoReconnect"), 500),
            (KafkaConnectionError(), 500),
            (Fenced("people"), 500),
            (Unavailable("NetworkTimeout", too_much=True), 250),
            (DocumentTooLarge("large"), 250),
            (TooLargeTogether("these few"), 1),
        ],
    )
    async def test_takes_less_only_after_what_size_explains(
        self, error: Exception, size: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store: Any = type("Store", (), {"database": type("Database", (defaultdict,), {"client": None})(object)})
        topics = Topics(KafkaSettings(bootstrap="127.0.0.1:1", instance="test-1"))
        reading = Stream("test", ["people"])
        reading.bind(store, topics, Quarantine(store.database, Sealer(bytes(32)), "test", CODEC), CODEC)

        session = Session(reading._parts, {"people": "id"})

        async def take_in(backlog: Backlog, *_: Any) -> None:
            record: Any = SimpleNamespace(key=b"k", value=b"")
            backlog.begin(PARTITION, Position(-1))
            backlog.add(PARTITION, [(Origin(PARTITION, "id", 0), record)], {})

        async def transaction(*_: Any) -> None:
            raise error

        monkeypatch.setattr(session, "_take_in", take_in)
        monkeypatch.setattr(session, "_transaction", transaction)
        reading._stopping.set()  # nobody waits
        with pytest.raises(type(error)):
            await session.batch([])
        assert reading._parts.batch_size.size == size
