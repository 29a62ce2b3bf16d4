"""A key goes to the same partition whoever sends it."""

from __future__ import annotations

import random

import pytest
from aiokafka.partitioner import DefaultPartitioner

from shared.kit.kafka.partitioning import partition_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("length", range(40))
def test_it_is_the_one_that_the_library_chooses(length: int) -> None:
    chance, library = random.Random(length), DefaultPartitioner()
    for partitions in (1, 3, 12, 64):
        numbers = list(range(partitions))
        for _ in range(20):
            key = chance.randbytes(length)
            assert partition_of(key, partitions) == library(key, numbers, numbers)
