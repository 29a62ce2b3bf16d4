"""`python -m services.<service>` runs the service; `... openapi` prints its API, `... rights` what it needs of Kafka;
`... <command>` does one of its commands for administrators, a few of them about the one thing that is named behind."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType

from fastapi import FastAPI

from shared.kit.runtime.admin_commands import AdminCommand, run_command
from shared.kit.runtime.serve import run
from shared.kit.runtime.settings import S, read_settings


def command_line(
    arguments: list[str],
    kind: type[S],
    build: Callable[[S], FastAPI],
    commands: Mapping[str, AdminCommand[S]],
    of_one: Mapping[str, Callable[[str], AdminCommand[S]]] = MappingProxyType({}),
) -> int:
    """Do what the arguments ask for; the exit code. ``of_one``: commands about what a second argument names."""
    match arguments:
        case []:
            settings = read_settings(kind)
            run(build(settings), settings)
            return 0
        case ["openapi" | "rights" as wanted]:  # nothing is connected: any address will do
            app = build(kind(profile="development", kafka="127.0.0.1:9092", mongo_url="mongodb://127.0.0.1:27017/"))
            openapi = json.dumps(app.openapi(), ensure_ascii=False, indent=1) + "\n"
            sys.stdout.write(openapi if wanted == "openapi" else app.state.runtime.rights.as_json())
            return 0
        case [name] if name in commands:
            return run_command(read_settings(kind), commands[name])
        case [name, thing] if name in of_one:
            return run_command(read_settings(kind), of_one[name](thing))
        case _:
            known = ["openapi", "rights", *commands, *(f"{name} ID" for name in of_one)]
            sys.stderr.write(f"python -m {build.__module__.rpartition('.')[0]} [{' | '.join(known)}]\n")
            return 2
