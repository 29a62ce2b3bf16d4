"""Who may do what at Kafka: made from `deploy/rights`, which the services print of themselves.

A service may read and describe the topics that it reads, write, describe and create those that it writes (intake may
read these, too, for its command after a restore), and read in its own consumer groups. Nothing else: no delete, no
alter, nothing of the cluster. Literal names, no wildcard, but for the one who only reads (the oracle of the demo), and
for the topics of partners, which notifications may write and describe by how their names begin
(`deploy/rights/partner.py` makes them).

Topics are made by the service that writes them, not by this set-up: a topic that was lost is so declared again within
about a second, without an administrator.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

RIGHTS = Path(__file__).parent
SERVICES = ("intake", "matching", "notifications")
EVERY = "*"


class Rule(NamedTuple):
    """``user`` may do ``operation`` with the topic or group of this name; `*`: with all. ``pattern``: Literal, or
    Prefixed: with all whose names begin so."""

    user: str
    kind: str
    name: str
    operation: str
    pattern: str = "Literal"


def topics_read_by(service: str, folder: Path = RIGHTS) -> tuple[str, ...]:
    """By name, without prefix."""
    return tuple(_rights_of(service, folder)["reads"])


def rules_of(service: str, prefix: str = "", folder: Path = RIGHTS) -> Iterator[Rule]:
    """What one service may do. ``prefix`` as in IEUM_TOPIC_PREFIX."""
    rights = _rights_of(service, folder)
    user = rights["user"]
    for topic in rights["writes"]:
        for operation in ("Write", "Describe", "Create"):
            yield Rule(user, "Topic", prefix + topic, operation)
    for topic in rights["reads"]:
        for operation in ("Read", "Describe"):
            yield Rule(user, "Topic", prefix + topic, operation)
    for topic in rights["rereads"]:
        yield Rule(user, "Topic", prefix + topic, "Read")
    for names, act in (("writes_under", "Write"), ("reads_under", "Read")):
        for beginning in rights[names]:
            for operation in (act, "Describe"):
                yield Rule(user, "Topic", prefix + beginning, operation, "Prefixed")
    for group in rights["groups"]:
        for operation in ("Read", "Describe"):
            yield Rule(user, "Group", prefix + group, operation)


def _rights_of(service: str, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"{service}.json").read_text())
    return found


def all_rules(prefix: str = "") -> list[Rule]:
    """Of all services."""
    return sorted({rule for service in SERVICES for rule in rules_of(service, prefix)})


def rules_of_reader(user: str) -> list[Rule]:
    """Of somebody who looks at everything and changes nothing."""
    return [Rule(user, "Topic", EVERY, "Describe"), Rule(user, "Topic", EVERY, "Read")]


def commands(rules: Iterable[Rule], tool: str = "kafka-acls.sh") -> Iterator[str]:
    """The same with Kafka's own tool, one line for each user and name."""
    together: dict[tuple[str, str, str, str], list[str]] = {}
    for user, kind, name, operation, pattern in rules:
        together.setdefault((user, kind, name, pattern), []).append(operation)
    for (user, kind, name, pattern), operations in together.items():
        acts = " ".join(f"--operation {operation}" for operation in operations)
        where = f"--{kind.lower()} '{name}'" if name == EVERY else f"--{kind.lower()} {name}"
        where += " --resource-pattern-type prefixed" if pattern == "Prefixed" else ""
        how = f"{tool} --bootstrap-server $KAFKA --command-config admin.properties"
        yield f"{how} --add --allow-principal User:{user} {acts} {where}"


def main() -> int:
    """`python -m deploy.rights.acls`: the commands for a cluster of your own."""
    parser = argparse.ArgumentParser(prog="python -m deploy.rights.acls", description="the rights as commands")
    parser.add_argument("--prefix", default="", help="IEUM_TOPIC_PREFIX of the services")
    parser.add_argument("--tool", default="kafka-acls.sh", help="Kafka's own tool")
    given = parser.parse_args()
    print("\n".join(commands(all_rules(given.prefix), given.tool)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
