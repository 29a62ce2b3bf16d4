"""What every benchmark's command does: start a stack, measure, print one JSON object as the last line."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import uvloop

from deploy.local.errors import StartError
from deploy.local.stack import LocalStack

if TYPE_CHECKING:
    from _typeshed import DataclassInstance  # there for type checkers alone


class InvalidTrial(Exception):
    """Something was lost, doubled, stuck, or not said: there is nothing to compare then."""


S = TypeVar("S", bound="DataclassInstance")
Measure = Callable[[LocalStack, int, int], Coroutine[Any, Any, dict[str, Any]]]


def command(measure: Measure, events: int) -> int:
    """``measure(stack, rounds, events)`` on a stack of its own. KAFKA=embedded|apache, ROUNDS= and EVENTS= choose.

    0 when it was measured, 1 when a trial was void, 2 when nothing could start.
    """
    rounds, count = int(os.environ.get("ROUNDS") or 5), int(os.environ.get("EVENTS") or events)
    with tempfile.TemporaryDirectory() as folder:
        stack = LocalStack(Path(folder) / "stack", kind=os.environ.get("KAFKA") or "embedded")
        try:
            stack.start()
        except StartError as reason:
            print(reason, file=sys.stderr)
            return 2
        try:
            found = uvloop.run(measure(stack, rounds, count))
        except InvalidTrial as reason:
            print(f"void: {reason}", file=sys.stderr)
            return 1
        finally:
            stack.kill()
    print(json.dumps({**found, "kafka": stack.broker.kind}))
    return 0


async def measured(
    measure: Callable[[LocalStack, Path], Awaitable[Mapping[str, Any]]],
    well: Callable[[Mapping[str, Any]], bool],
    cache_gb: float,
) -> int:
    """``measure(stack, folder)`` on a stack of its own. KAFKA=embedded|apache chooses. 0 when what was found is well,
    1 when it is not, 2 when nothing could be seen."""
    kind = os.environ.get("KAFKA") or "embedded"
    with tempfile.TemporaryDirectory() as name:
        stack = LocalStack(Path(name) / "stack", kind=kind, cache_gb=cache_gb)
        try:
            await asyncio.to_thread(stack.start)
            found = await measure(stack, Path(name))
        except (StartError, InvalidTrial) as reason:
            print(reason, file=sys.stderr)
            return 2
        finally:
            await asyncio.to_thread(stack.kill)
    print(json.dumps({**found, "kafka": kind}))
    return 0 if well(found) else 1


def size_from(kind: type[S], program: str, arguments: Sequence[str]) -> S:
    """A dataclass of numbers with defaults, from the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}")
    for field in dataclasses.fields(kind):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default)
    return kind(**vars(parser.parse_args(arguments)))
