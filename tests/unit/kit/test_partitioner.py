"""A key's partition is the one that every Kafka client finds: events of one key must stay in one partition."""

from __future__ import annotations

import pytest
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as theirs
from hypothesis import given
from hypothesis import strategies as st

from shared.kit.kafka.producer import murmur2, partition_of

pytestmark = pytest.mark.unit


@given(st.binary(max_size=100))
def test_the_hash_is_aiokafka_s(key: bytes) -> None:
    assert murmur2(key) == theirs(key) & 0xFFFFFFFF


@given(st.binary(min_size=1, max_size=100), st.integers(1, 50))
def test_the_partition_is_aiokafka_s(key: bytes, partitions: int) -> None:
    numbers = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key, numbers, numbers)


@pytest.mark.parametrize(
    ("key", "hashed"), [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536)]
)
def test_the_hash_is_the_one_that_kafka_s_own_test_says(key: bytes, hashed: int) -> None:
    assert murmur2(key) == hashed & 0xFFFFFFFF
