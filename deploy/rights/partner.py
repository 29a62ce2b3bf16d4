"""`python -m deploy.rights.partner add|remove|list [AGENCY]`: a topic of a partner's own at Kafka, user and rights.

`add gjf` makes the topic `partners.gjf`, the user `partner-gjf`, and lets that user read this topic in the consumer
group `partners.gjf`, and nothing else. The password is made here and shown once, or goes to a file for its owner alone
(`--out`). Again: a new password, the same topic. `remove gjf` takes rights, user and topic away, with all that lies in
it: end the subscription first. KAFKA_ADMIN_ADDRESS and KAFKA_ADMIN_PASSWORD as for `deploy.rights.setup`,
IEUM_TOPIC_PREFIX as the services have it. Other users and topics stay as they are.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaClient
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from deploy.local.login import ADMIN, Login
from deploy.rights.acls import Rule
from deploy.rights.kafka_admin import KafkaError, apply, forget, remove, rules_there

PARTITIONS = 4
RETENTION_DAYS = 7
_AGENCY = re.compile(r"(?=.{1,40}\Z)[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)  # as in the contract (shared/events/fields.py)


@dataclass(frozen=True, slots=True)
class Partner:
    """How everything of one agency is called. No service's user begins like a partner's."""

    agency: str
    prefix: str = ""

    @property
    def topic(self) -> str:
        """What it reads."""
        return f"{self.prefix}partners.{self.agency}"

    @property
    def group(self) -> str:
        """In which it reads."""
        return self.topic

    @property
    def user(self) -> str:
        """As whom it reads."""
        return f"partner-{self.agency}"

    @property
    def rules(self) -> list[Rule]:
        """All that it may do."""
        return [
            Rule(self.user, kind, name, operation)
            for kind, name in (("Topic", self.topic), ("Group", self.group))
            for operation in ("Read", "Describe")
        ]


async def provide(
    login: Mapping[str, Any],
    partner: Partner,
    password: str,
    *,
    replication: int = -1,
    partitions: int = PARTITIONS,
    retention_days: int = RETENTION_DAYS,
) -> bool:
    """Topic, user and rights. Safe to repeat; False when the topic was there already, which keeps its settings. Raises
    KafkaError."""
    settings = {"retention.ms": str(retention_days * 86_400_000), "cleanup.policy": "delete"}
    admin = AIOKafkaAdminClient(**login)
    await admin.start()
    try:
        wanted = NewTopic(partner.topic, partitions, replication, topic_configs=settings)
        answer: Any = await admin.create_topics([wanted])
        code = answer.topic_errors[0][1]
        if code not in (0, TopicAlreadyExistsError.errno):
            raise for_code(code)()
    finally:
        await admin.close()
    await apply(login, {partner.user: password}, partner.rules)
    return bool(code == 0)


async def withdraw(login: Mapping[str, Any], partner: Partner) -> bool:
    """Rights first (they count for connections that stand), then user and topic. Safe to repeat; False when there was
    no such user. Raises KafkaError."""
    client = AIOKafkaClient(**login)
    try:
        await client.bootstrap()
        for rule in sorted(await rules_there(client)):
            if rule.user == partner.user:
                await remove(client, rule)
        known = await forget(client, partner.user)
    finally:
        await client.close()
    admin = AIOKafkaAdminClient(**login)
    await admin.start()
    try:
        answer: Any = await admin.delete_topics([partner.topic])
        code = answer.topic_error_codes[0][1]
        if code not in (0, UnknownTopicOrPartitionError.errno):
            raise for_code(code)()
    finally:
        await admin.close()
    return known


async def provided(login: Mapping[str, Any]) -> list[Rule]:
    """What partners may do now. Raises KafkaError."""
    client = AIOKafkaClient(**login)
    try:
        await client.bootstrap()
        return sorted(rule for rule in await rules_there(client) if rule.user.startswith("partner-"))
    finally:
        await client.close()


def main(arguments: list[str] | None = None) -> int:
    """0 when it is done; 1 with the reason when it cannot be."""
    parser = argparse.ArgumentParser(prog="python -m deploy.rights.partner", description="a topic of a partner's own")
    acts = parser.add_subparsers(dest="act", required=True)
    add = acts.add_parser("add", help="topic, user and rights; a new password")
    add.add_argument("--out", type=Path, help="write the password here, for its owner alone, instead of showing it")
    add.add_argument("--partitions", type=int, default=PARTITIONS)
    add.add_argument("--replication", type=int, default=-1, help="copies; the default leaves it to the broker")
    add.add_argument("--days", type=int, default=RETENTION_DAYS, help="how long what was written can be read")
    for named in (add, acts.add_parser("remove", help="take rights, user and topic away")):
        named.add_argument("agency", type=_agency)
    acts.add_parser("list", help="who may do what")
    given = parser.parse_args(arguments)
    told = {name: os.environ.get(name, "") for name in ("KAFKA_ADMIN_ADDRESS", "KAFKA_ADMIN_PASSWORD")}
    if missing := [name for name, value in told.items() if not value]:
        print(f"not set: {', '.join(missing)}", file=sys.stderr)
        return 1
    login = Login(told["KAFKA_ADMIN_ADDRESS"], ADMIN, told["KAFKA_ADMIN_PASSWORD"], mechanism="PLAIN").arguments
    try:
        if given.act == "list":
            print(*(f"{rule.user}: {rule.operation} {rule.kind.lower()} {rule.name}" for rule in _all(login)), sep="\n")
            return 0
        partner = Partner(given.agency, os.environ.get("IEUM_TOPIC_PREFIX", ""))
        return _add(login, partner, given) if given.act == "add" else _remove(login, partner)
    except (KafkaError, OSError) as error:
        print(f"{type(error).__name__}", file=sys.stderr)
        return 1


def _all(login: Mapping[str, Any]) -> list[Rule]:
    return asyncio.run(provided(login))


def _add(login: Mapping[str, Any], partner: Partner, given: argparse.Namespace) -> int:
    password = secrets.token_hex(24)
    if given.out is not None:  # first: a password that cannot be kept is not set
        with open(os.open(given.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(password + "\n")
    counts = {"replication": given.replication, "partitions": given.partitions, "retention_days": given.days}
    made = asyncio.run(provide(login, partner, password, **counts))
    shown = f"in {given.out}" if given.out is not None else f"{password} (shown once)"
    print(f"topic {partner.topic} ({'made' if made else 'was there'}), group {partner.group}")
    print(f"user {partner.user}, SCRAM-SHA-512, password {shown}")
    return 0


def _remove(login: Mapping[str, Any], partner: Partner) -> int:
    known = asyncio.run(withdraw(login, partner))
    print(f"topic {partner.topic} and user {partner.user}: {'gone' if known else 'there was no such user'}")
    return 0


def _agency(text: str) -> str:
    if _AGENCY.fullmatch(text) is None:
        raise argparse.ArgumentTypeError("an agency's short name: small letters, digits, single hyphens; at most 40")
    return text


if __name__ == "__main__":
    sys.exit(main())
