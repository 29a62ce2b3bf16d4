"""`python -m deploy.rights.partner add|remove|list [AGENCY]`: a topic of a partner's own at Kafka, user and rights.

`add gjf` makes the topic `partners.gjf`, the user `partner-gjf`, and lets that user read this topic in the consumer
group `partners.gjf`, and nothing else. The password is made here and shown once, or goes to a file for its owner alone
(`--out`). Again: a new password, the same topic. `remove gjf` takes rights, user and topic away, with all that lies in
it: end the subscription first. KAFKA_ADMIN_ADDRESS and KAFKA_ADMIN_PASSWORD as for `deploy.rights.setup`,
IEUM_TOPIC_PREFIX as the services have it. Other users and topics stay as they are.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import ClassVar

from deploy.rights.acls import Rule
from deploy.rights.own_topics import Own, command


class Partner(Own):
    """How everything of one agency is called. No service's user begins like a partner's."""

    beginning: ClassVar[str] = "partner-"
    partitions: ClassVar[int] = 4

    @property
    def topics(self) -> tuple[str, ...]:
        """What is made for it."""
        return (self.topic,)

    @property
    def topic(self) -> str:
        """What it reads."""
        return f"{self.prefix}partners.{self.agency}"

    @property
    def group(self) -> str:
        """In which it reads."""
        return self.topic

    @property
    def rules(self) -> list[Rule]:
        """All that it may do."""
        return [
            Rule(self.user, kind, name, operation)
            for kind, name in (("Topic", self.topic), ("Group", self.group))
            for operation in ("Read", "Describe")
        ]


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when it is done; 1 with the reason when it cannot be."""
    return command("deploy.rights.partner", "a topic of a partner's own", Partner, arguments)


if __name__ == "__main__":
    sys.exit(main())
