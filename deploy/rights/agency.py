"""`python -m deploy.rights.agency add|remove|list [AGENCY]`: an agency's own door at Kafka, with user and rights.

`add gjf` makes the topics `inbound.gjf` and `answers.gjf` and the user `agency-gjf`, who may write the one and read the
other, and nothing else. The password is made here and shown once, or goes to a file for its owner alone (`--out`).
Again: a new password, the same topics. `remove gjf` takes rights, user and topics away, with all that lies in them:
what intake has not read yet is lost. Intake's own right to read and write there stands in `deploy/rights/intake.json`.
KAFKA_ADMIN_ADDRESS and KAFKA_ADMIN_PASSWORD as for `deploy.rights.setup`, IEUM_TOPIC_PREFIX as the services have it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import ClassVar

from deploy.rights.acls import Rule
from deploy.rights.own_topics import Own, command


class AgencyDoor(Own):
    """How everything of one agency is called. No service's user begins like an agency's."""

    beginning: ClassVar[str] = "agency-"
    partitions: ClassVar[int] = 1  # all that an agency sends stays in order

    @property
    def inbound(self) -> str:
        """What it writes."""
        return f"{self.prefix}inbound.{self.agency}"

    @property
    def answers(self) -> str:
        """What it reads, and the group in which it reads."""
        return f"{self.prefix}answers.{self.agency}"

    @property
    def topics(self) -> tuple[str, ...]:
        """What is made for it."""
        return (self.inbound, self.answers)

    @property
    def rules(self) -> list[Rule]:
        """All that it may do."""
        given = [("Topic", self.inbound, "Write"), ("Topic", self.answers, "Read"), ("Group", self.answers, "Read")]
        return [Rule(self.user, kind, name, each) for kind, name, act in given for each in (act, "Describe")]


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when it is done; 1 with the reason when it cannot be."""
    return command("deploy.rights.agency", "an agency's own door at Kafka", AgencyDoor, arguments)


if __name__ == "__main__":
    sys.exit(main())
