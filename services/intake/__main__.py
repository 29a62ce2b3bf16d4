"""`python -m services.intake` runs the service; `... openapi` prints its API, `... republish` tells all state again."""

from __future__ import annotations

import asyncio
import sys

from services.intake.main import build
from services.intake.repository import Repository
from services.intake.republish import republish
from services.intake.settings import IntakeSettings
from shared.kit.ids import Ids
from shared.kit.kafka import KafkaSettings
from shared.kit.mongo import connect, ping
from shared.kit.outbox import Outbox
from shared.kit.run import print_openapi, run
from shared.kit.settings import read_settings
from shared.kit.store import Store
from shared.kit.topics import Topics

_USAGE = "python -m services.intake [openapi | republish]"


def main(arguments: list[str]) -> int:
    """Do what the command line asks for; the exit code."""
    match arguments:
        case []:
            settings = read_settings(IntakeSettings)
            run(build(settings), settings)
            return 0
        case ["openapi"]:
            print_openapi(build(IntakeSettings(kafka="127.0.0.1:9092", mongo_url="mongodb://127.0.0.1:27017/")))
            return 0
        case ["republish"]:
            count = asyncio.run(_republish(read_settings(IntakeSettings)))
            _say(f"{count} things are in the outbox; a running intake publishes them within about 20 seconds")
            return 0
        case _:
            _say(_USAGE)
            return 2


async def _republish(settings: IntakeSettings) -> int:
    """Only MongoDB is needed: the rows get an owner that is not alive, so a running intake takes them over."""
    client = connect(settings.mongo_url)
    await ping(client)
    database = client[settings.database]
    nobody = KafkaSettings(bootstrap=settings.kafka, service="intake", instance=f"{settings.instance}-republish")
    store = Store(database, Outbox(database, Topics(nobody)))
    await store.start()
    try:
        return await republish(store, Repository(database), Ids(settings.id_key_bytes))
    finally:
        await store.stop()
        client.close()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
