"""`python -m deploy.local`: the stack until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from deploy.local.errors import StartError
from deploy.local.folder import STACK, data_folder
from deploy.local.ports import KAFKA_PORT, MONGO_PORT
from deploy.local.stack import LocalStack


def main() -> int:
    """Run the stack until SIGINT or SIGTERM. 0 after a clean stop, 1 when it cannot start (said in words)."""
    arguments = _arguments()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        stack = LocalStack(
            arguments.data,
            kafka_port=arguments.kafka_port,
            mongo_port=arguments.mongo_port,
            kind=arguments.kafka,
            users=True,
        )
        with stack:
            print(announcement(stack), flush=True)
            ended.wait()
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    print("stopped")
    return 0


def announcement(stack: LocalStack) -> str:
    """What a person should know about the stack that has just started."""
    forgets = "" if stack.broker.keeps_its_log else "; its log is in memory, it keeps nothing when it stops"
    passwords = "no users and no passwords"
    if stack.broker.users:
        passwords = f"Kafka's users and passwords in {stack.folder / 'kafka' / 'users.json'}, MongoDB has none"
    return (
        f"IEUM_KAFKA={stack.kafka}  # kind: {stack.broker.kind}{forgets}\n"
        f"IEUM_MONGO_URL={stack.mongo_url}  # data kept in {stack.folder}\n"
        "IEUM_PROFILE=development  # the services' keys that everybody knows: on loopback only\n"
        f"# Loopback only, {passwords}: for one machine, not for production. Ctrl-C stops both."
    )


def _arguments() -> argparse.Namespace:
    environment = os.environ.get
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("--data", type=Path, default=data_folder() / STACK, help="folder for data and logs")
    parser.add_argument("--kafka", default=environment("KAFKA") or "embedded", help="kind of broker")
    for part, usual in (("kafka", KAFKA_PORT), ("mongo", MONGO_PORT)):
        port = environment(f"{part.upper()}_PORT") or usual
        parser.add_argument(f"--{part}-port", type=int, default=port, help=f"{port} now; 0: any free one")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
