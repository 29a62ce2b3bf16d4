"""Topics for one test."""

from __future__ import annotations

from typing import Any, Protocol

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code


class CreateTopics(Protocol):
    """Makes topics under the test's prefix and returns their full names in the same order."""

    async def __call__(self, *names: str, partitions: int = 4) -> list[str]: ...


def creator_of_topics(bootstrap: str, prefix: str) -> CreateTopics:
    """The helper behind the fixture `create_topics`."""

    async def create(*names: str, partitions: int = 4) -> list[str]:
        topics = [prefix + name for name in names]
        await create_topics(bootstrap, topics, partitions)
        return topics

    return create


async def create_topics(bootstrap: str, topics: list[str], partitions: int = 4) -> None:
    """Create topics that must not exist yet. Raises aiokafka's error for the first that could not be made."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        answer: Any = await admin.create_topics([NewTopic(topic, partitions, 1) for topic in topics])
        for topic, code, *detail in answer.topic_errors:
            if code:
                raise for_code(code)(f"topic {topic}: {detail}")
    finally:
        await admin.close()
