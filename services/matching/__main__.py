"""`python -m services.matching` runs the service.

`... openapi` prints its API, `... rights` what it needs of Kafka; `... republish` tells matches again.
"""

from __future__ import annotations

import sys

from services.matching.admin_commands import republish_matches
from services.matching.main import build
from services.matching.settings import MatchingSettings
from shared.kit.runtime.republish import republish
from shared.kit.runtime.serve import print_openapi, print_rights, run
from shared.kit.runtime.settings import read_settings

_USAGE = "python -m services.matching [openapi | rights | republish]"


def main(arguments: list[str]) -> int:
    """Do what the command line asks for; the exit code."""
    match arguments:
        case []:
            settings = read_settings(MatchingSettings)
            run(build(settings), settings)
            return 0
        case ["openapi" | "rights" as wanted]:  # nothing is connected: any address will do
            settings = MatchingSettings(
                profile="development", kafka="127.0.0.1:9092", mongo_url="mongodb://127.0.0.1:27017/"
            )
            (print_openapi if wanted == "openapi" else print_rights)(build(settings))
            return 0
        case ["republish"]:
            settings = read_settings(MatchingSettings)
            return republish(settings, lambda store: republish_matches(store, settings))
        case _:
            sys.stderr.write(_USAGE + "\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
