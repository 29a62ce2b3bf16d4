"""What the kit must know to talk to Kafka: plain values, so that nothing here depends on how settings are read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """Addresses and counts. ``instance`` is the stable name of this replica (static membership, owner of outbox rows).

    ``idempotent``: whether the broker knows the idempotent producer; the embedded one does not. A setting, never
    guessed. ``partitions`` is asserted of every topic. ``replication`` -1 leaves it to the broker (Apache Kafka).
    """

    bootstrap: str
    service: str
    instance: str
    prefix: str = ""
    partitions: int = 4
    replication: int = 1
    idempotent: bool = False
    session_timeout_ms: int = 10_000
    heartbeat_interval_ms: int = 1_000
    max_poll_interval_ms: int = 300_000
    batch_max_records: int = 500
    batch_timeout_ms: int = 10
    metadata_max_age_ms: int = 5_000
    watch_seconds: float = 1.0

    def physical(self, topic: str) -> str:
        """The topic's name at the broker."""
        return self.prefix + topic

    def logical(self, name: str) -> str:
        """The topic that has this name at the broker."""
        return name.removeprefix(self.prefix)
