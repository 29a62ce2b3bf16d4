"""`python -m deploy.local.apache`: fetch the jars into .cache/kafka now (before going off-line, say). Starts
nothing."""

from __future__ import annotations

import sys

from deploy.local.apache.fetch import jars, java
from deploy.local.errors import StartError


def main() -> int:
    """0 when everything that Apache Kafka needs is here; 1 with what is missing and the remedy."""
    try:
        print(f"java: {java()}\njars: {jars()}")
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
