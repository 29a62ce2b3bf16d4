"""Whether intake runs on a database that is older than what it has said: one that was put back from a copy, without the
command. Looked for once, behind the open door: whoever is told of it stops intake."""

from __future__ import annotations

import asyncio

from services.intake import metrics
from services.intake.documents import AGENCIES, OPPORTUNITIES, PEOPLE
from services.intake.restoration.own_topics import OwnTopics
from services.intake.restoration.to_do import STARTED, TO_DO
from shared.kit.base.logs import logger
from shared.kit.base.observer import Observer
from shared.kit.kafka.client import KAFKA_ERRORS
from shared.kit.store.mongo import Database

# of each topic where its things are kept; prohibitions say nothing that people does not say, too
KEPT_IN = {"agencies": AGENCIES, "people": PEOPLE, "opportunities": OPPORTUNITIES}
_log = logger("restored")


async def look(own: OwnTopics, database: Database, observer: Observer, stopping: asyncio.Event) -> None:
    """Say in the log and as a metric when something was said that is not held; then wait."""
    metrics.database_older_than_topics.of().set(0)
    try:
        if await is_older(own, database):
            metrics.database_older_than_topics.of().set(1)
            await TO_DO.of(database).update_one({"_id": STARTED}, {"$set": {}}, upsert=True)
            remedy = "Stop intake, put the copy back again, run `python -m services.intake restored`: docs/runbook.md."
            _log.error("database_older_than_topics", remedy=remedy)
    except KAFKA_ERRORS as error:  # then nobody knows: a start that cannot read its topics is no reason to stop
        observer.retried("restored", type(error).__name__)
    await stopping.wait()


async def is_older(own: OwnTopics, database: Database) -> bool:
    """Whether the newest events of intake's topics tell of states that the database has not come to."""
    for topic, collection in KEPT_IN.items():
        for event in await own.last_said(topic):
            held = await database[collection].find_one({"_id": event.key}, {"sequence": 1}, max_time_ms=5_000)
            if held is None or held["sequence"] < (event.sequence or 0):
                return True
    return False
