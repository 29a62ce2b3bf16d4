"""A user from outside with topics of its own at Kafka: made, listed and taken away. Other users and topics stay as they
are."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import re
import secrets
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from aiokafka import AIOKafkaClient
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from deploy.rights.acls import Rule
from deploy.rights.kafka_admin import KafkaError, apply, forget, remove, rules_there
from deploy.rights.login import ADMIN, Login

RETENTION_DAYS = 7
_PASSWORD = re.compile(r"[0-9a-f]{48}", re.ASCII)
_AGENCY = re.compile(r"(?=.{1,40}\Z)[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)  # as in the contract


@dataclass(frozen=True)
class Own(ABC):
    """How everything of one agency on one road is called. The names of all such users begin alike, and like no
    service's; topics that are made have so many partitions. ``prefix``: IEUM_TOPIC_PREFIX of the services."""

    beginning: ClassVar[str]
    partitions: ClassVar[int]

    agency: str
    prefix: str = ""

    @property
    def user(self) -> str:
        """As whom it comes."""
        return self.beginning + self.agency

    @property
    @abstractmethod
    def topics(self) -> tuple[str, ...]:
        """What is made for it."""

    @property
    @abstractmethod
    def rules(self) -> list[Rule]:
        """All that it may do."""


async def provide(
    login: Mapping[str, Any],
    own: Own,
    password: str,
    *,
    replication: int = -1,
    partitions: int | None = None,
    retention_days: int = RETENTION_DAYS,
) -> list[str]:
    """Topics, user and rights. ``replication``: -1 leaves it to the broker. Safe to repeat; the topics that were made:
    the others keep their settings. Raises KafkaError."""
    settings = {
        "retention.ms": str(retention_days * 86_400_000),
        "cleanup.policy": "delete",
        # the broker unpacks what comes packed, and bounds it by max.message.bytes: whoever reads is not given a batch
        # of 60 kB that becomes 60 MB, and needs no codec
        "compression.type": "uncompressed",
    }
    admin = AIOKafkaAdminClient(**login)
    await admin.start()
    try:
        count = partitions or own.partitions
        placed: dict[int, list[int]] | None = (
            {} if replication == -1 else None
        )  # the broker places them; aiokafka wants that said twice
        wanted = [NewTopic(name, count, replication, placed, settings) for name in own.topics]
        answer: Any = await admin.create_topics(wanted)
        made = [name for name, code, *_ in answer.topic_errors if code == 0]
        for _, code, *_ in answer.topic_errors:
            if code not in (0, TopicAlreadyExistsError.errno):
                raise for_code(code)()
    finally:
        await admin.close()
    await apply(login, {own.user: password}, own.rules)
    return made


async def withdraw(login: Mapping[str, Any], own: Own) -> bool:
    """Rights first (they count for connections that stand, too), then user and topics. Safe to repeat; False when there
    was no such user. Raises KafkaError."""
    client = AIOKafkaClient(**login)
    try:
        await client.bootstrap()
        for rule in sorted(await rules_there(client)):
            if rule.user == own.user:
                await remove(client, rule)
        known = await forget(client, own.user)
    finally:
        await client.close()
    admin = AIOKafkaAdminClient(**login)
    await admin.start()
    try:
        answer: Any = await admin.delete_topics(list(own.topics))
        for _, code in answer.topic_error_codes:
            if code not in (0, UnknownTopicOrPartitionError.errno):
                raise for_code(code)()
    finally:
        await admin.close()
    return known


async def provided(login: Mapping[str, Any], beginning: str) -> list[Rule]:
    """What users whose names begin so may do now. Raises KafkaError."""
    client = AIOKafkaClient(**login)
    try:
        await client.bootstrap()
        return sorted(rule for rule in await rules_there(client) if rule.user.startswith(beginning))
    finally:
        await client.close()


def command(name: str, what: str, make: type[Own], arguments: Sequence[str] | None) -> int:
    """`add AGENCY`, `remove AGENCY`, `list`. 0 when it is done; 1 with the reason when it cannot be."""
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=what)
    acts = parser.add_subparsers(dest="act", required=True)
    add = acts.add_parser("add", help="topics, user and rights; a new password")
    add.add_argument("--out", type=Path, help="write the password here, for its owner alone, instead of showing it")
    add.add_argument("--partitions", type=int, default=make.partitions, help="of topics that are made")
    add.add_argument("--replication", type=int, default=-1, help="copies; the default leaves it to the broker")
    add.add_argument("--days", type=int, default=RETENTION_DAYS, help="how long what was written can be read")
    for named in (add, acts.add_parser("remove", help="take rights, user and topics away, with all that lies there")):
        named.add_argument("agency", type=_agency)
    acts.add_parser("list", help="who may do what")
    given = parser.parse_args(arguments)
    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # the administrator comes without TLS, by the loopback
    told = {name: os.environ.get(name, "") for name in ("KAFKA_ADMIN_ADDRESS", "KAFKA_ADMIN_PASSWORD")}
    if missing := [name for name, value in told.items() if not value]:
        print(f"not set: {', '.join(missing)}", file=sys.stderr)
        return 1
    login = Login(told["KAFKA_ADMIN_ADDRESS"], ADMIN, told["KAFKA_ADMIN_PASSWORD"], mechanism="PLAIN").arguments
    try:
        if given.act == "list":
            rules = asyncio.run(provided(login, make.beginning))
            print(*(f"{rule.user}: {rule.operation} {rule.kind.lower()} {rule.name}" for rule in rules), sep="\n")
            return 0
        own = make(given.agency, os.environ.get("IEUM_TOPIC_PREFIX", ""))
        if given.act == "add":
            _add(login, own, given)
            return 0
        known = asyncio.run(withdraw(login, own))
        print(f"{', '.join(own.topics)} and user {own.user}: {'gone' if known else 'there was no such user'}")
    except (KafkaError, OSError) as error:
        print(type(error).__name__, file=sys.stderr)
        return 1
    return 0


def _add(login: Mapping[str, Any], own: Own, given: argparse.Namespace) -> None:
    # first: a password that cannot be kept is not set
    kept = None if given.out is None else given.out.with_name(f".{given.out.name}.new")
    password = secrets.token_hex(24) if kept is None else _kept_in(kept)
    counts = {"replication": given.replication, "partitions": given.partitions, "retention_days": given.days}
    try:
        made = asyncio.run(provide(login, own, password, **counts))
    except BaseException:  # the broker may have set it although its answer never came: neither file is touched
        if kept is not None:
            print(f"it may have the password in {kept} already: add it again, which sets that one", file=sys.stderr)
        raise
    if kept is not None:
        kept.replace(given.out)
    for topic in own.topics:
        print(f"topic {topic} ({'made' if topic in made else 'was there'})")
    for group in sorted({rule.name for rule in own.rules if rule.kind == "Group"}):
        print(f"group {group}")
    shown = f"in {given.out}" if given.out is not None else f"{password} (shown once)"
    print(f"user {own.user}, SCRAM-SHA-512, password {shown}")


def _kept_in(path: Path) -> str:
    """The password that is to be set: the one that an attempt before this one left there, which may hold, or a new one,
    for its owner alone."""
    left = path.read_text().strip() if path.is_file() and not path.is_symlink() else ""
    if _PASSWORD.fullmatch(left) is not None:
        return left
    path.unlink(missing_ok=True)
    password = secrets.token_hex(24)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password + "\n")
    return password


def _agency(text: str) -> str:
    if _AGENCY.fullmatch(text) is None:
        raise argparse.ArgumentTypeError("an agency's short name: small letters, digits, single hyphens; at most 40")
    return text
