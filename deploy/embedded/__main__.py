"""`python -m deploy.embedded`: the pair until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from deploy.embedded.errors import StartError
from deploy.embedded.folder import PAIR, data_folder
from deploy.embedded.pair import Pair
from deploy.embedded.ports import KAFKA_PORT, MONGO_PORT


def main() -> int:
    """Run the pair until SIGINT or SIGTERM. 0 after a clean stop, 1 when it cannot start (said in words)."""
    arguments = _arguments()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        pair = Pair(
            arguments.data,
            kafka_port=arguments.kafka_port,
            mongo_port=arguments.mongo_port,
            kind=arguments.kafka,
            users=True,
        )
        with pair:
            print(announcement(pair), flush=True)
            ended.wait()
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    print("stopped")
    return 0


def announcement(pair: Pair) -> str:
    """What a person should know about the pair that has just started."""
    forgets = "" if pair.broker.keeps_its_log else "; its log is in memory, it keeps nothing when it stops"
    passwords = "no users and no passwords"
    if pair.broker.users:
        passwords = f"Kafka's users and passwords in {pair.folder / 'kafka' / 'users.json'}, MongoDB has none"
    return (
        f"IEUM_KAFKA={pair.kafka}  # kind: {pair.broker.kind}{forgets}\n"
        f"IEUM_MONGO_URL={pair.mongo_url}  # data kept in {pair.folder}\n"
        "IEUM_PROFILE=development  # the services' keys that everybody knows: on loopback only\n"
        f"# Loopback only, {passwords}: for one machine, not for production. Ctrl-C stops both."
    )


def _arguments() -> argparse.Namespace:
    environment = os.environ.get
    parser = argparse.ArgumentParser(prog="python -m deploy.embedded", description=__doc__)
    parser.add_argument("--data", type=Path, default=data_folder() / PAIR, help="folder for data and logs")
    parser.add_argument("--kafka", default=environment("KAFKA") or "embedded", help="kind of broker")
    for part, usual in (("kafka", KAFKA_PORT), ("mongo", MONGO_PORT)):
        port = environment(f"{part.upper()}_PORT") or usual
        parser.add_argument(f"--{part}-port", type=int, default=port, help=f"{port} now; 0: any free one")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
