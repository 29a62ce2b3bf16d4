"""`python -m services.matching` runs the service; `python -m services.matching openapi` prints its API."""

from __future__ import annotations

import sys

from services.matching.main import build
from services.matching.settings import MatchingSettings
from shared.kit.run import print_openapi, run
from shared.kit.settings import read_settings


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
        case _:
            sys.stderr.write("python -m services.matching [openapi]\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
