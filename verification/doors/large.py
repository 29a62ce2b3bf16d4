"""Large files read to their end: `python -m verification.doors.large` makes a CSV of 200,000 rows and Work24's XML of
100 MB, converts each in a process of its own and puts every event to the rules that need no store. Last line: one JSON
object with rows, what was refused, seconds, and the most memory that the process had beyond what it began with, in MB.

It reads as `ieum send` does, from disk as a stream. Sending is not part of it: that is batches like any other.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from samples.world import World, load_setting
from samples.world.days import today_of
from samples.world.tables import table_of
from shared.events.incoming import read
from shared.events.refusal import Refused
from shared.files import Converter
from shared.reference import load_pack
from verification.doors import adverts

MOST_MEGABYTES = 150  # beyond what the process began with


def main() -> int:
    """The exit code: 1 when a file was not read to its end, or took more memory than that."""
    parser = argparse.ArgumentParser(prog="python -m verification.doors.large")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.read is not None:
        print(json.dumps(_read(said.read)))
        return 0
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        written = {"csv": _csv(Path(folder) / "a.csv", said.rows), "xml": _xml(Path(folder) / "a.xml", said.megabytes)}
        for name, (path, rows) in written.items():
            command = [sys.executable, "-m", "verification.doors.large", "--read", str(path)]
            answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603  ourselves
            found[name] = {"megabytes": path.stat().st_size // 1_000_000, "written": rows, **json.loads(answer)}
            print(name, found[name], flush=True)
    print(json.dumps(found))
    whole = all(each["rows"] == each["written"] and each["memory_mb"] <= MOST_MEGABYTES for each in found.values())
    return 0 if whole else 1


def _read(path: Path) -> dict[str, Any]:
    pack = load_pack("kr-gyeonggi")
    before, began = _memory("VmRSS"), time.monotonic()
    rows = refused = 0
    converter = Converter(pack, "gjf", datetime(2026, 1, 1, tzinfo=UTC), lambda content: f"{hash(content):032x}")
    with path.open("rb") as stream:
        for row in converter.convert(stream, "job-posted"):
            rows += 1
            try:
                if row.event is None:
                    raise Refused(*row.refusals)
                read(row.event)
            except Refused:
                refused += 1
    seconds = round(time.monotonic() - began, 1)
    return {"rows": rows, "refused": refused, "seconds": seconds, "memory_mb": round(_memory("VmHWM") - before)}


def _memory(name: str) -> float:
    """Megabytes: `VmRSS` now, `VmHWM` at most since the process began."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1_000


def _jobs() -> list[Any]:
    setting = load_setting("kr-gyeonggi")
    world = World(setting, seed=1, people=60, today=today_of(setting))
    events = [item.event for chapter in world.day(1) for item in chapter.items if item.mistake is None]
    return [event for event in events if event["type"] == "job-posted" and adverts.can_be_said(event["data"])]


def _csv(path: Path, count: int) -> tuple[Path, int]:
    headings, given = table_of(_jobs())
    rows = [list(row) for row in given]
    place, id = list(headings).index("reference"), list(headings).index("id")
    with path.open("w", encoding="cp949", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(headings)
        for number in range(count):
            row = rows[number % len(rows)]
            row[place], row[id] = f"L-{number}", f"l-{number}"
            writer.writerow(row)
    return path, count


def _xml(path: Path, megabytes: int) -> tuple[Path, int]:
    text = adverts.as_xml(_jobs(), "utf-8").decode()
    head, _, rest = text.partition("<wantedRoot>")
    body = rest.removesuffix("</wantedRoot>")
    each, written = body.count("<wanted>"), 0
    with path.open("w", encoding="utf-8") as stream:
        stream.write(f"{head}<wantedRoot>")
        while stream.tell() < megabytes * 1_000_000:
            stream.write(body)
            written += each
        stream.write("</wantedRoot>")
    return path, written


if __name__ == "__main__":
    sys.exit(main())
