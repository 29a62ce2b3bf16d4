"""`make chaos`: ``python -m verification.chaos --seed 1 --kills 60``; KAFKA=embedded|apache. Last line: one object.

Ends with 1 when something was lost or doubled, or when something else is not as it must be; 2 when it could not run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from verification.chaos.run import Chaos, Options
from verification.harness.command import running
from verification.harness.folders import lacking


def _options(arguments: list[str] | None) -> Options:
    known = Options()
    parser = argparse.ArgumentParser(prog="python -m verification.chaos")
    parser.add_argument("--seed", type=int, default=known.seed)
    parser.add_argument("--events", type=int, default=known.events, help="door events that are sent")
    parser.add_argument("--kills", type=int, default=known.kills)
    parser.add_argument("--rate", type=float, default=known.rate, help="events in a second, at most")
    parser.add_argument("--session-timeout-ms", type=int, default=known.session_timeout_ms, help="of the services")
    parser.add_argument("--keep", type=Path, help="use this folder and leave it there")
    return Options(**vars(parser.parse_args(arguments)))


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    options = _options(arguments)
    with running(lacking(options.keep)):
        report = asyncio.run(Chaos(options, lambda line: print(line, flush=True)).perform())
    for violation in report.violations:
        print(f"VIOLATION  {violation}")
    print(json.dumps(report.line), flush=True)
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
