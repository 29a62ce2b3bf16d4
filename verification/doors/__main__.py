"""`make doors`: ``python -m verification.doors --seed 1 --people 150``; KAFKA=embedded|apache. Last line: one object.

Ends with 1 when something is lost, doubled or different behind one of the doors; 2 when it could not run.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from deploy.local.stack import LocalStack
from verification.doors.run import Doors, Options
from verification.doors.speed import ratios
from verification.harness.command import running
from verification.harness.folders import lacking


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    known = Options()
    parser = argparse.ArgumentParser(prog="python -m verification.doors")
    parser.add_argument("--seed", type=int, default=known.seed)
    parser.add_argument("--people", type=int, default=known.people)
    parser.add_argument("--rows", type=int, default=5_000, help="of which the speed is measured; 0: it is not")
    said = parser.parse_args(arguments)
    with running(lacking(None)), tempfile.TemporaryDirectory() as folder:
        stack = LocalStack(Path(folder) / "stack", kind=os.environ.get("KAFKA") or "embedded")
        try:
            stack.start()
            doors = Doors(Options(said.seed, said.people), Path(folder), stack, lambda line: print(line, flush=True))
            compared = doors.perform()
            speed = ratios(doors, stack, said.rows) if said.rows else {}
        finally:
            stack.kill()
    print(json.dumps({**asdict(compared), **speed, "kafka": stack.broker.kind}, ensure_ascii=False), flush=True)
    return 1 if compared.lost or compared.doubled or compared.differences else 0


if __name__ == "__main__":
    sys.exit(main())
