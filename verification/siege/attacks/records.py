"""Bad records on the topics, past every door. Where the broker has users and rules, it refuses them."""

from __future__ import annotations

import json
import time

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from deploy.rights.login import Login
from verification.harness import topic_reader
from verification.leaks.poison import poison, put
from verification.siege.attack import Attack, AttackClient

RECORDS = 150


class PoisonRecords(Attack):
    name = "poison-records"
    about = "records on every topic that are no events, or name nobody, or are a megabyte of nothing"
    services = ("intake", "matching", "notifications")

    async def hostile(self, client: AttackClient) -> None:
        records, _ = poison(time.monotonic_ns())
        try:
            await put(Login(self.target.facts["kafka"]), records[:RECORDS])
            client.tally["taken by the broker"] += len(records[:RECORDS])
        except KafkaError as error:
            client.tally[f"refused: {type(error).__name__}"] += 1

    async def harmless(self, client: AttackClient) -> None:
        """As many sound records that everybody knows already, by somebody who may."""
        login = Login(**json.loads(self.target.facts["kafka_admin"]))
        known = [one for one in await topic_reader.records(login) if one.topic == "opportunities"]
        producer = AIOKafkaProducer(**login.arguments)
        await producer.start()
        try:
            for number in range(RECORDS):
                one = known[number % len(known)]
                await producer.send_and_wait(one.topic, one.value, key=one.key, headers=list(one.headers))
            client.tally["taken by the broker"] += RECORDS
        except KafkaError as error:
            client.tally[f"refused: {type(error).__name__}"] += 1
        finally:
            await producer.stop()


ALL: tuple[type[Attack], ...] = (PoisonRecords,)
