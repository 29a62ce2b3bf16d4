"""Opens MongoDB and Kafka at start, or says in one line which of them is missing and what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from pymongo import IndexModel
from pymongo.errors import ConfigurationError, ConnectionFailure, OperationFailure, PyMongoError

from shared.kit.base import metrics
from shared.kit.base.logs import logger
from shared.kit.kafka.client import KAFKA_ERRORS, NotLetIn
from shared.kit.kafka.rights import NotGranted, Rights, check_granted
from shared.kit.kafka.topics import Topics, WrongPartitionCount
from shared.kit.runtime.settings import ServiceSettings
from shared.kit.store.mongo import Client, NoReplicaSet, connect, ensure_indexes, ping, server_version

KAFKA_MISSING = 3
MONGODB_MISSING = 4
OLDEST_MONGODB = (7, 0)  # older ones get no security updates any more
_log = logger("start")


class CannotStart(Exception):
    """Why this service cannot start: the process's exit code, what is missing, what to do."""

    def __init__(self, code: int, missing: str, remedy: str, **values: str) -> None:
        super().__init__(f"{missing}: {remedy}")
        self.code = code
        self.missing = missing
        self.remedy = remedy
        self.values = values

    def say(self) -> None:
        """The one line for whoever looks why it did not start."""
        _log.error("cannot_start", missing=self.missing, remedy=self.remedy, code=self.code, **self.values)


async def open_both(
    settings: ServiceSettings,
    indexes: Mapping[str, Sequence[IndexModel]],
    topics: Topics,
    rights: Rights,
    retention_ms: Mapping[str, int],
) -> Client:
    """MongoDB and Kafka at the same time. When both are missing both are said, and CannotStart is Kafka's."""
    metrics.ready.of().set(0)
    for name in ("kafka", "mongodb"):  # also for who dies of it again and again: metrics are served meanwhile
        metrics.missing.of(kind=name).set(1)
    kafka, mongo = await asyncio.gather(
        open_kafka(topics, rights, retention_ms, settings.start_seconds),
        open_mongo(settings, indexes),
        return_exceptions=True,
    )
    if not isinstance(mongo, BaseException) and kafka is None:
        return mongo
    if not isinstance(mongo, BaseException):
        mongo.close()
    await topics.stop()
    failures = [failure for failure in (kafka, mongo) if isinstance(failure, BaseException)]
    for other in failures[1:]:
        if isinstance(other, CannotStart):
            other.say()
    raise failures[0]


async def open_mongo(settings: ServiceSettings, indexes: Mapping[str, Sequence[IndexModel]]) -> Client:
    """A client whose server answers, is good enough for the profile, and has the indexes. Raises CannotStart."""
    try:
        client = connect(settings.mongo_url)
    except (PyMongoError, ValueError):
        remedy = "IEUM_MONGO_URL is no address of MongoDB: in a name or password escape : / ? # [ ] @ as %3A and so on."
        raise _mongo(remedy, settings.summary()["mongo_url"]) from None
    try:
        await _prepare(client, settings, indexes)
    except BaseException:
        client.close()
        raise
    metrics.missing.of(kind="mongodb").set(0)
    return client


async def _prepare(client: Client, settings: ServiceSettings, indexes: Mapping[str, Sequence[IndexModel]]) -> None:
    address = settings.summary()["mongo_url"]
    try:
        await ping(client)
        if settings.profile == "production" and await server_version(client) < OLDEST_MONGODB:
            raise _mongo("MongoDB 7 or newer is needed in production: this server is past its support.", address)
        await ensure_indexes(client[settings.database], indexes)
    except NoReplicaSet:
        raise _mongo("MongoDB is no replica set: start it with --replSet and initiate it.", address) from None
    except ConfigurationError:
        remedy = "The name in IEUM_MONGO_URL cannot be resolved: look at it and at DNS, or name the hosts (mongodb://)."
        if not settings.mongo_url.startswith("mongodb+srv:"):
            remedy = "MongoDB cannot be used as IEUM_MONGO_URL says: look at its options."
        raise _mongo(remedy, address) from None
    except ConnectionFailure:
        raise _mongo("MongoDB does not answer: start it, or set IEUM_MONGO_URL.", address) from None
    except OperationFailure as refused:
        remedy = f"MongoDB refused (code {refused.code}): look at the user's rights and at the indexes."
        raise _mongo(remedy, address) from None
    except PyMongoError as error:
        raise _mongo(f"MongoDB failed ({type(error).__name__}).", address) from None


def _mongo(remedy: str, address: str) -> CannotStart:
    return CannotStart(MONGODB_MISSING, "MongoDB", remedy, mongo_url=address)


async def open_kafka(topics: Topics, rights: Rights, retention_ms: Mapping[str, int], seconds: float) -> None:
    """Declare the topics, begin to watch them, see that all that must be done may be. Raises CannotStart, at the latest
    after so many seconds."""
    if not topics.kafka.security.authenticated:
        _log.warning("kafka_is_open", remedy="Whoever reaches it can forge every record: for one machine, never more.")
    try:
        async with asyncio.timeout(seconds):
            await topics.start({*rights.reads, *rights.writes}, retention_ms)
            await check_granted(topics, rights)
    except NotLetIn as refused:
        raise _kafka(topics, _NOT_LET_IN[refused.wrong]) from None
    except NotGranted as refused:
        user = topics.kafka.security.user
        remedy = (
            f"Kafka does not allow {user or 'this client'} to {refused}: give the user its rights, see docs/brokers.md."
        )
        raise _kafka(topics, remedy) from None
    except KAFKA_ERRORS:
        raise _kafka(topics, "Kafka does not answer: start it, or set IEUM_KAFKA.") from None
    except ValueError:
        raise _kafka(topics, "IEUM_KAFKA is no list of brokers: put host:port, several with a comma between.") from None
    except WrongPartitionCount as wrong:
        remedy = f"A topic has another number of partitions: {wrong}. Mend the topic or set IEUM_PARTITIONS."
        raise _kafka(topics, remedy) from None
    metrics.missing.of(kind="kafka").set(0)


_NOT_LET_IN = {
    "protocol": "Kafka closes the connection: IEUM_KAFKA_SECURITY_PROTOCOL is not what that listener speaks.",
    "password": "Kafka refuses the authentication: look at IEUM_KAFKA_USER, IEUM_KAFKA_PASSWORD and"
    " IEUM_KAFKA_SASL_MECHANISM, and whether the broker has that user.",
    "certificate": "TLS with Kafka fails: IEUM_KAFKA_CA_FILE must be its authority, IEUM_KAFKA its name as in its"
    " certificate, IEUM_KAFKA_CERT_FILE one that it accepts.",
}


def _kafka(topics: Topics, remedy: str) -> CannotStart:
    return CannotStart(KAFKA_MISSING, "Kafka", remedy, kafka=topics.kafka.bootstrap)
