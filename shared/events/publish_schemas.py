"""Writes the contract as files for others: ``python -m shared.events.publish_schemas``; ``--check`` only compares.

``schemas/bus`` and ``schemas/door``: JSON Schema of the data of every type and version, as it travels and as it is
taken. ``schemas/notices``: what partners receive. ``schemas/asyncapi.json``: topics, types, headers.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.events.asyncapi import asyncapi
from shared.events.data_classification import Model
from shared.events.json_schema import Schema, schema_of
from shared.events.notices import NOTICE, RECALL, TEST, EndpointTest, Notice, Recall
from shared.events.registry import EventType, Registry, registry

FOLDER = Path(__file__).parent / "schemas"
NOTICES: dict[str, type[Model]] = {NOTICE: Notice, RECALL: Recall, TEST: EndpointTest}


def bus_schema(event_type: EventType) -> Schema:
    """The schema of what travels on the bus."""
    path = f"bus/{event_type.name}/{event_type.version}"
    return schema_of(event_type.bus, path, event_type.name, [event_type.example])


def door_schema(event_type: EventType) -> Schema | None:
    """The schema of what the door takes; None when nobody outside may send this type."""
    if event_type.door is None or event_type.door_example is None:
        return None
    path = f"door/{event_type.name}/{event_type.version}"
    return schema_of(event_type.door, path, event_type.name, [event_type.door_example])


def notice_schema(name: str) -> Schema:
    """The schema of the data of a notice or recall, version 1."""
    return schema_of(NOTICES[name], f"notices/{name}/1", name)


def catalogue(registry: Registry) -> list[dict[str, Any]]:
    """Every type and version in short: what ``GET /schemas`` answers."""
    return [
        {
            "type": event_type.name,
            "version": event_type.version,
            "summary": event_type.summary,
            "topic": event_type.topic.name,
            "dataschema": event_type.dataschema,
            "taken_at_the_door": event_type.door is not None,
        }
        for event_type in registry
    ]


def files(registry: Registry) -> dict[str, str]:
    """Every file's content by its path under ``schemas``."""
    documents: dict[str, Mapping[str, Any]] = {"asyncapi.json": asyncapi(registry)}
    for event_type in registry:
        name = f"{event_type.name}-{event_type.version}.json"
        documents[f"bus/{name}"] = bus_schema(event_type)
        if door := door_schema(event_type):
            documents[f"door/{name}"] = door
    for notice in NOTICES:
        documents[f"notices/{notice}-1.json"] = notice_schema(notice)
    return {path: json.dumps(document, ensure_ascii=False, indent=1) + "\n" for path, document in documents.items()}


def differences(wanted: Mapping[str, str], folder: Path) -> list[str]:
    """What has to be done to make the folder say what the models say: "write a.json", "delete b.json"."""
    there = {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*.json")}
    to_write = [f"write {path}" for path in sorted(wanted) if there.get(path) != wanted[path]]
    return to_write + [f"delete {path}" for path in sorted(there.keys() - wanted.keys())]


def write(wanted: Mapping[str, str], folder: Path) -> None:
    """Make the folder say exactly this."""
    for step in differences(wanted, folder):
        what, _, path = step.partition(" ")
        target = folder / path
        if what == "delete":
            target.unlink()
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(wanted[path], "utf-8")


def main(arguments: Sequence[str]) -> int:
    """0: the folder says what the models say (now); 1: it does not (``--check``)."""
    wanted = files(registry)
    found = differences(wanted, FOLDER)
    if "--check" not in arguments:
        write(wanted, FOLDER)
    sys.stdout.writelines(f"{step}\n" for step in found)
    if "--check" in arguments and found:
        sys.stdout.write("the published schemas are not those of the models: python -m shared.events.publish_schemas\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
