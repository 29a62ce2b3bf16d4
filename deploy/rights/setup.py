"""`python -m deploy.rights.setup`: the services' users and their rights at a Kafka, from passwords in the environment.

KAFKA_ADMIN_ADDRESS (a listener that takes SASL/PLAIN, on the loopback), KAFKA_ADMIN_PASSWORD, and for each user
<USER>_KAFKA_PASSWORD. Safe to repeat: passwords and rights become what the environment and `deploy/rights` say, so a
password is changed by running it again. Without a password for the reader that user loses its rights. Prints names,
never passwords.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time

from deploy.rights.acls import SERVICES, all_rules, rules_of_reader
from deploy.rights.kafka_admin import KafkaError, apply
from deploy.rights.login import ADMIN, READER, Login

SECONDS = 90.0


def main() -> int:
    """0 when everything is as it must be; 1 with the reason when it cannot be."""
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # while Kafka starts: that it is not there yet
    told = {name: os.environ.get(name, "") for name in ("KAFKA_ADMIN_ADDRESS", "KAFKA_ADMIN_PASSWORD")}
    passwords = {user: os.environ.get(f"{user.upper()}_KAFKA_PASSWORD", "") for user in (*SERVICES, READER)}
    told |= {f"{user.upper()}_KAFKA_PASSWORD": passwords[user] for user in SERVICES}
    if missing := [name for name, value in told.items() if not value]:
        print(f"not set: {', '.join(missing)}", file=sys.stderr)
        return 1
    rules = all_rules(os.environ.get("IEUM_TOPIC_PREFIX", ""))
    rules += rules_of_reader(READER) if passwords[READER] else []
    given = {user: password for user, password in passwords.items() if password}
    login = Login(told["KAFKA_ADMIN_ADDRESS"], ADMIN, told["KAFKA_ADMIN_PASSWORD"], mechanism="PLAIN")
    end = time.monotonic() + SECONDS
    while True:
        try:
            asyncio.run(apply(login.arguments, given, rules, also=[READER]))
            break
        except (KafkaError, OSError) as error:
            if time.monotonic() > end:
                print(f"Kafka: {type(error).__name__}", file=sys.stderr)
                return 1
            time.sleep(1.0)
    print(f"users: {', '.join(given)}; {len(rules)} rights, and no others")
    return 0


if __name__ == "__main__":
    sys.exit(main())
