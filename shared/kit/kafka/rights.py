"""What a service needs of Kafka, and whether the broker grants it.

A service's declaration (its streams, the topics it writes) is the one place where that stands: ``python -m services.X
rights`` prints it, ``deploy/rights/X.json`` is that print, and the users' access rules are made from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError

from shared.kit.kafka.aiokafka_internals import heartbeat_of_nobody
from shared.kit.kafka.client import KAFKA_ERRORS, admin_client
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.kafka.topics import Topics

_READ, _WRITE = 3, 4  # codes of Kafka's operations


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Topics and consumer groups without prefix. What is written is made, too; nothing else may be.

    ``rereads``: of those that are written the ones that are read, too, by nobody who runs: what was said is taken in
    again once it was forgotten.
    ``writes_under``, ``reads_under``: how the names of topics begin that others make, and that this service may only
    write, or read.
    """

    user: str
    writes: tuple[str, ...]
    reads: tuple[str, ...]
    groups: tuple[str, ...]
    rereads: tuple[str, ...] = ()
    writes_under: tuple[str, ...] = ()
    reads_under: tuple[str, ...] = ()

    def as_json(self) -> str:
        """As it stands in ``deploy/rights``."""
        return json.dumps(asdict(self), indent=1) + "\n"


class NotGranted(Exception):
    """Kafka knows us, but does not let us do all that we must: what."""


async def check_granted(topics: Topics, rights: Rights) -> None:
    """Raises NotGranted with everything that is known to be refused. Asks only a broker that knows who we are.

    Not known are the rights on topics that are not there yet: who reads one waits for its owner.
    """
    kafka = topics.kafka
    refused = {f"see topic {kafka.physical(topic)}" for topic in topics.hidden}
    refused |= {f"create topic {kafka.physical(topic)}" for topic in topics.refused.intersection(rights.writes)}
    if kafka.security.authenticated:
        for act, code, names in (("write", _WRITE, rights.writes), ("read", _READ, (*rights.reads, *rights.rereads))):
            refused |= {
                f"{act} topic {kafka.physical(topic)}"
                for topic in names
                if (known := topics.operations.get(topic)) is not None and not known >> code & 1
            }
        refused |= {f"read group {group}" for group in await _groups_refused(kafka, rights.groups)}
    if refused:
        raise NotGranted(", ".join(sorted(refused)))


async def _groups_refused(kafka: KafkaSettings, groups: Iterable[str]) -> list[str]:
    async with admin_client(kafka) as admin:
        return [name for name in map(kafka.physical, groups) if not await _may_read(admin, name)]


async def _may_read(admin: AIOKafkaAdminClient, group: str) -> bool:
    try:
        return await heartbeat_of_nobody(admin, group) != GroupAuthorizationFailedError.errno
    except GroupAuthorizationFailedError:
        return False
    except KAFKA_ERRORS:  # a cluster that has just started has no coordinators yet: the stream will see
        return True
