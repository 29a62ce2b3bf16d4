"""The door on Kafka: an Apache Kafka with users, where every agency has its own topics, and intake is killed while they
publish."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Mapping
from pathlib import Path

import httpx

from deploy.local.apache.broker import ApacheBroker
from deploy.local.ports import free_port
from deploy.rights.agency import AgencyDoor
from deploy.rights.login import ADMIN, Login
from deploy.rights.own_topics import provide
from samples.world.envelope import Json
from verification.harness.agency_at_kafka import AgencyAtKafka, sealed
from verification.harness.child_processes import Program


class KafkaDoor:
    """A broker of its own: the others of a run have no users."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.broker = ApacheBroker(free_port(), folder, users=True)
        self._inbound_key = secrets.token_hex(32)

    @property
    def variables(self) -> Mapping[str, str]:
        """How intake comes to it, without a prefix: its rights name the topics as they are."""
        return {
            **self.broker.login("intake").variables,
            "IEUM_KAFKA_IDEMPOTENT": "true",
            "IEUM_TOPIC_PREFIX": "",
            "IEUM_INBOUND_KEYS": self._inbound_key,
            "IEUM_INBOUND_LEASE_SECONDS": "2",
        }

    def send(self, program: Program, agency: str, events: list[Json]) -> None:
        """Publish, kill intake once the first answers are there, and wait for one answer to each record. Raises
        RuntimeError for any that was not taken."""
        asyncio.run(self._send(program, AgencyDoor(agency), events))

    async def _send(self, program: Program, door: AgencyDoor, events: list[Json]) -> None:
        password = secrets.token_hex(16)
        await provide(self.broker.login(ADMIN).arguments, door, password, replication=1)
        async with httpx.AsyncClient() as http:
            told = (await http.get(f"{program.url}/doors/kafka")).json()
        public = base64.b64decode(told["keys"][0]["public_key"])
        async with AgencyAtKafka.at(door, Login(self.broker.address, door.user, password)) as agency:
            await agency.publish(*(sealed(event, public) for event in events))
            await agency.wait_for(1)
            program.kill()
            program.start()
            await agency.wait_for(len(events))
        bad = [answer for answer in agency.answers.values() if answer["status"] in ("refused", "failed")]
        if bad or len(agency.answers) != len(events):
            raise RuntimeError(f"{len(agency.answers)} of {len(events)} answered, {len(bad)} not taken")
