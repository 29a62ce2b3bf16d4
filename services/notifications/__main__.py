"""`python -m services.notifications` runs the service.

`... openapi` prints its API, `... rights` what it needs of Kafka.
"""

from __future__ import annotations

import sys

from services.notifications.main import build
from services.notifications.settings import NotificationsSettings
from shared.kit.runtime.serve import print_openapi, print_rights, run
from shared.kit.runtime.settings import read_settings

_USAGE = "python -m services.notifications [openapi | rights]"


def main(arguments: list[str]) -> int:
    """Do what the command line asks for; the exit code."""
    match arguments:
        case []:
            settings = read_settings(NotificationsSettings)
            run(build(settings), settings)
            return 0
        case ["openapi" | "rights" as wanted]:  # nothing is connected: any address will do
            settings = NotificationsSettings(
                profile="development", kafka="127.0.0.1:9092", mongo_url="mongodb://127.0.0.1:27017/"
            )
            (print_openapi if wanted == "openapi" else print_rights)(build(settings))
            return 0
        case _:
            sys.stderr.write(_USAGE + "\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
