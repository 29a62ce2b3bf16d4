"""`python -m services.matching` runs the service; `... openapi` prints its API, `... republish` tells matches again."""

from __future__ import annotations

import asyncio
import sys

from services.matching.main import build
from services.matching.repository import Repository
from services.matching.republish import republish
from services.matching.settings import MatchingSettings
from shared.kit.ids import Ids
from shared.kit.kafka import KafkaSettings
from shared.kit.mongo import connect, ping
from shared.kit.outbox import Outbox
from shared.kit.run import print_openapi, run
from shared.kit.settings import read_settings
from shared.kit.store import Store
from shared.kit.topics import Topics

_USAGE = "python -m services.matching [openapi | republish]"


def main(arguments: list[str]) -> int:
    """Do what the command line asks for; the exit code."""
    match arguments:
        case []:
            settings = read_settings(MatchingSettings)
            run(build(settings), settings)
            return 0
        case ["openapi"]:
            # nothing is connected: any address will do
            print_openapi(build(MatchingSettings(kafka="127.0.0.1:9092", mongo_url="mongodb://127.0.0.1:27017/")))
            return 0
        case ["republish"]:
            count = asyncio.run(tell_again(read_settings(MatchingSettings)))
            sys.stdout.write(
                f"{count} matches are in the outbox; a running matching publishes them within 20 seconds\n"
            )
            return 0
        case _:
            sys.stderr.write(_USAGE + "\n")
            return 2


async def tell_again(settings: MatchingSettings) -> int:
    """Only MongoDB is needed: the rows get an owner that is not alive, so a running matching takes them over."""
    client = connect(settings.mongo_url)
    await ping(client)
    database = client[settings.database]
    nobody = KafkaSettings(bootstrap=settings.kafka, service="matching", instance=f"{settings.instance}-republish")
    store = Store(database, Outbox(database, Topics(nobody)))
    await store.start()
    try:
        return await republish(store, Repository(database), Ids(settings.id_key_bytes))
    finally:
        await store.stop()
        client.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
