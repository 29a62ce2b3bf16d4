"""The service under test: small, but whole, on the kit as every service of ours is. ``batch`` 1 is event by event."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any

from shared.access.api_keys import Keys
from shared.events import Event
from shared.events.topics.deliveries import NOTICE_DELIVERED
from shared.events.topics.matches import MATCH_FOUND, Match
from shared.kit.runtime.service_runtime import ServiceRuntime
from shared.kit.runtime.settings import ServiceSettings
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.stream.stream import Stream
from verification.benchmarks.workload import (
    PARTITIONS,
    READS,
    SESSION_TIMEOUT_MS,
    SOURCE,
    STATE,
    WRITES,
    Names,
    document,
    told,
)


def service(names: Names, batch: int) -> AbstractAsyncContextManager[Any]:
    """Runs it, without its HTTP port, as long as the context lasts."""
    settings = ServiceSettings(
        profile="development", service="bench", port=0,
        kafka=names.kafka, mongo_url=names.mongo_url, database=names.database,
        topic_prefix=names.prefix, partitions=PARTITIONS, kafka_idempotent=names.idempotent, batch_max_records=batch,
        session_timeout_ms=SESSION_TIMEOUT_MS, log_level="warning",
    )  # fmt: skip
    stream = Stream("bench", (READS,))
    runtime = ServiceRuntime(settings, authenticator=Keys, streams=[stream], writes=[WRITES])

    @stream.subscriber(MATCH_FOUND, needs=_the_match)
    def match_told(event: Event[Match], work: UnitOfWork) -> None:
        held = work.get(STATE, event.data.match)
        if held is not None and held["sequence"] >= (event.sequence or 0):
            return
        work.save(STATE, document(event.data, event.sequence or 0))
        work.emit(
            Event(
                id=runtime.ids.derived("told", event.source, event.id),
                source=SOURCE,
                type=NOTICE_DELIVERED.name,
                version=1,
                time=work.now,
                key=event.data.match,
                data=told(event.data),
                sequence=event.sequence,
                correlationid=event.correlationid,
                causationid=event.id,
                recordedtime=event.recordedtime,
            )
        )

    app = runtime.app(title="bench", routers=[])
    return app.router.lifespan_context(app)


def _the_match(event: Event[Match], work: UnitOfWork) -> Iterable[Need]:
    return (Need.by_id(STATE, event.data.match),)
