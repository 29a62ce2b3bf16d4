"""What needs the real Apache Kafka is part of a run only with `KAFKA=apache`: it needs a JDK and takes minutes."""

from __future__ import annotations

from tests.support.broker import KAFKA

collect_ignore = [] if KAFKA == "apache" else ["test_broker.py"]
