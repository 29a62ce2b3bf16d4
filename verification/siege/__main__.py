"""`make siege`: ``python -m verification.siege --seed 1`` (KAFKA=embedded|apache). The last line is one JSON object.

Ends with 1 when something did not hold, in words above that line (`VIOLATION`); 2 when it could not run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from verification.harness.command import running
from verification.harness.folders import lacking
from verification.siege.attacks import ATTACKS
from verification.siege.run import PARTS, Options, Siege


def _options(arguments: list[str] | None) -> Options:
    known = Options()
    names = [attack.name for attack in ATTACKS] + list(PARTS)
    parser = argparse.ArgumentParser(prog="python -m verification.siege")
    parser.add_argument("--seed", type=int, default=known.seed)
    parser.add_argument("--full", action="store_true", help="the long sizes")
    parser.add_argument("--only", nargs="+", choices=names, default=(), metavar="NAME", help=", ".join(names))
    parser.add_argument("--seconds", type=float, default=known.seconds, help="of one phase of an attack")
    parser.add_argument("--keep", type=Path, help="use this folder and leave it there")
    given = vars(parser.parse_args(arguments))
    return Options(**given | {"only": tuple(given["only"])})


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    options = _options(arguments)
    with running(lacking(options.keep)):
        report = asyncio.run(Siege(options, lambda line: print(line, flush=True)).perform())
    if report.seen:
        print(*report.table(), sep="\n")
    verdicts = report.verdicts()
    for verdict in verdicts:
        print(f"VIOLATION  {verdict}")
    print(json.dumps(report.line()), flush=True)
    return 1 if verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
