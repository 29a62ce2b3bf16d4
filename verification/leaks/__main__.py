"""`make leak-scan`: 50 planted people through the whole flow, and a search of everything that it left.

``python -m verification.leaks --people 50 --seed 1`` (KAFKA=embedded|apache). Ends with 1 when something leaked, or
when a control was not found and the silence would mean nothing; 2 when it could not run. The last line is one JSON
object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

import aiohttp

from verification.harness.command import running
from verification.harness.console import Screen
from verification.harness.folders import lacking
from verification.harness.senders import HubUnavailable
from verification.leaks.scan import report_lines, scan


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m verification.leaks")
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="use this folder and leave it there")
    given = parser.parse_args(arguments)
    with running(lacking(given.keep)):
        try:
            verdict = asyncio.run(scan(given.people, given.seed, Screen(), given.keep))
        except (aiohttp.ClientError, TimeoutError) as error:  # a service that did not answer is no leak, and no silence
            raise HubUnavailable(f"a service did not answer: {type(error).__name__}: {error}") from None
    print(*report_lines(verdict), sep="\n")
    print(json.dumps(verdict.result()), flush=True)
    return 0 if verdict.well else 1


if __name__ == "__main__":
    sys.exit(main())
