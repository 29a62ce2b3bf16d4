"""Sends events to an agency's topic at Kafka and waits for the answer to each on its topic of answers.

Only what comes after this began is read there, from no committed offset: whoever else reads the answers misses nothing.
An answer belongs to the record at its partition and offset.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from clients.ieum.api_client import Away, Json, NotAllowed, RefusedByHub, this_machine, until_taken
from clients.ieum.kafka.records import HEADERS, Record, Records
from shared.reference import Pack

LEAST_PATIENCE = 10.0  # seconds: an answer takes some time even when all is well
AT_ONCE = 500  # answers taken from the client at once
_POLL = 0.3
_LONGEST_CALL = 5.0
_NOT_LET_IN = (KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED, KafkaError.UNSUPPORTED_SASL_MECHANISM)
_NOT_ALLOWED = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
)
T = TypeVar("T")


@dataclass(frozen=True)
class KafkaLogin:
    """Where the brokers are, and as whom to come. `authority`: a file with the certificate of who signed the brokers';
    without, those that this machine trusts."""

    brokers: str
    user: str
    password: str = field(repr=False)
    authority: Path | None = None

    def settings(self) -> dict[str, Any]:
        """Of any client. Over TLS, but to this machine itself (unless an authority is named). Raises ValueError."""
        hosts = [each.strip().rpartition(":")[0].strip("[]") for each in self.brokers.split(",")]
        if not all(hosts):
            raise ValueError("brokers are <host>:<port>, with commas between")
        plain = self.authority is None and all(map(this_machine, hosts))
        return {
            "bootstrap.servers": self.brokers,
            "security.protocol": "SASL_PLAINTEXT" if plain else "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": self.user,
            "sasl.password": self.password,
            "log_level": 0,  # what matters comes as an error
            **({} if self.authority is None else {"ssl.ca.location": str(self.authority)}),
        }


class KafkaDoor:
    """Of one agency. `told`: what `GET /doors/kafka` says; `patience`: seconds without any answer. Raises ValueError
    for a door that is closed."""

    def __init__(self, login: KafkaLogin, agency: str, told: Json, pack: Pack, patience: float) -> None:
        if not told.get("open"):
            raise ValueError(f"the door on Kafka is closed there: {told.get('why', '')}")
        self._inbound = told["publish_to"].replace("<agency>", agency)
        self._answers = told["answers_on"].replace("<agency>", agency)
        self._records = Records(base64.b64decode(told["keys"][0]["public_key"]), pack)
        self._agency, self._user, self._brokers = agency, login.user, login.brokers
        self._patience = max(patience, LEAST_PATIENCE)
        self._noticed: list[KafkaError] = []
        common = {**login.settings(), "error_cb": self._notice}
        reading = {"group.id": self._answers, "enable.auto.commit": False, "auto.offset.reset": "latest"}
        self._consumer = Consumer({**common, **reading})
        waiting = {"enable.idempotence": True, "message.timeout.ms": round(1_000 * self._patience)}
        self._producer = Producer({**common, **waiting})

    def __enter__(self) -> Self:
        """Begin to read the answers. Raises Away, NotAllowed, ValueError."""
        try:
            self._tried(partial(self._partitions, self._inbound))
            numbers = self._tried(partial(self._partitions, self._answers))
            places = [TopicPartition(self._answers, number) for number in numbers]
            for place in places:
                _, place.offset = self._tried(partial(self._ends, place))
            self._consumer.assign(places)
        except BaseException:
            self._consumer.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def send(self, events: Sequence[Json]) -> list[Json]:
        """As `Hub.send`. Raises Away, NotAllowed, RefusedByHub."""
        return until_taken(events, self._once, self._patience, time.monotonic, time.sleep)

    def _once(self, events: Sequence[Json]) -> list[Json]:
        answers: list[Json] = [{}] * len(events)
        places: dict[tuple[int, int], int] = {}
        warnings: dict[int, list[Json]] = {}
        lost: list[KafkaError] = []  # of these: what is told late of earlier ones is in a list of theirs
        for at, event in enumerate(events):
            record = self._records.of(event)
            if isinstance(record, Record):
                warnings[at] = record.warnings
                self._publish(record.value, partial(self._published, places, lost, at))
            else:
                answers[at] = record
        if self._producer.flush(self._patience + _LONGEST_CALL):
            self._producer.purge()
            raise Away("Kafka took no records in time; what was sent is safe to send again")
        self._look(lost)
        until = time.monotonic() + self._patience
        while places:
            for message in self._consumer.consume(AT_ONCE, _POLL):
                if (answer := self._read(message)) is not None and (at := places.pop(_place(answer), -1)) >= 0:
                    answers[at] = _with(warnings[at], answer)
                    until = time.monotonic() + self._patience
            self._look(lost)
            if time.monotonic() > until:
                raise Away("no answers in time; what was sent is safe to send again")
        return answers

    def _publish(self, value: bytes, published: Callable[[KafkaError | None, Message], None]) -> None:
        try:  # one key for all: they stay in the order of the file, however many partitions there are
            self._producer.produce(self._inbound, value, self._agency.encode(), headers=HEADERS, on_delivery=published)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE:
                raise RefusedByHub(413, {"title": "An event of more than 1 MB"}) from None
            raise
        self._producer.poll(0)

    def _published(
        self,
        places: dict[tuple[int, int], int],
        lost: list[KafkaError],
        at: int,
        error: KafkaError | None,
        message: Message,
    ) -> None:
        if error is not None:
            lost.append(error)
        elif (offset := message.offset()) is not None and offset >= 0:  # else it is sent once more
            places[message.partition() or 0, offset] = at

    def _read(self, message: Message) -> Json | None:
        if (error := message.error()) is not None:
            self._check(error)
            return None
        try:
            answer = json.loads(message.value() or b"")
        except ValueError:
            return None
        return answer if isinstance(answer, dict) else None

    def _partitions(self, topic: str) -> list[int]:
        found = self._consumer.list_topics(topic, timeout=_LONGEST_CALL).topics[topic]
        if found.error is not None:
            if found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:  # no waiting makes it
                raise ValueError(f"there is no topic {topic} at {self._brokers}; the operator makes it")
            raise KafkaException(found.error)
        return sorted(found.partitions)

    def _ends(self, place: TopicPartition) -> tuple[int, int]:
        found = self._consumer.get_watermark_offsets(place, timeout=_LONGEST_CALL)
        if found is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return found

    def _tried(self, ask: Callable[[], T]) -> T:
        """Asked until it is answered, within the patience."""
        until = time.monotonic() + self._patience
        while True:
            try:
                return ask()
            except KafkaException as error:
                self._check(error.args[0])
            self._consumer.poll(_POLL)
            self._look()
            if time.monotonic() > until:
                raise Away("no broker answered in time")

    def _notice(self, error: KafkaError) -> None:
        """Called by the clients. What only cannot be reached is tried again by themselves."""
        if error.code() in (*_NOT_LET_IN, *_NOT_ALLOWED, KafkaError._SSL) or error.fatal():
            self._noticed.append(error)

    def _look(self, lost: Sequence[KafkaError] = ()) -> None:
        found, self._noticed = [*self._noticed, *lost], []
        for error in found[:1]:
            self._check(error)
            raise Away(f"Kafka took no more records ({error.name()}); what was sent is safe to send again")

    def _check(self, error: KafkaError) -> None:
        """Raises NotAllowed and ValueError for what would stay as it is."""
        if error.code() in _NOT_LET_IN:
            raise NotAllowed(401, {"detail": f"the brokers do not let {self._user} in with this password"})
        if error.code() in _NOT_ALLOWED:
            topics = f"write to {self._inbound} and read {self._answers}"
            raise NotAllowed(403, {"detail": f"{self._user} may not {topics}; the operator gives that"})
        if error.code() == KafkaError._SSL:
            raise ValueError("no TLS with the brokers: is their certificate signed by who is named in --kafka-ca?")


def _with(warnings: list[Json], answer: Json) -> Json:
    """The answer with these warnings, too, of what was left out before it was published."""
    if not warnings or answer.get("status") not in ("accepted", "duplicate", "superseded"):
        return answer
    return {**answer, "warnings": [*warnings, *answer.get("warnings", ())]}


def _place(answer: Json) -> tuple[int, int]:
    return answer.get("partition", -1), answer.get("offset", -1)
