"""Looking things up: what became of events, what was refused, codes."""

from __future__ import annotations

from typing import Annotated

import typer

from clients.ieum import output
from clients.ieum.commands.options import REFUSED, AsJson, app, explained, table
from clients.ieum.settings import Settings

LOOKED_UP = ("occupation", "region", "certificate", "course", "education", "employment")


@app.command()
def status(
    context: typer.Context,
    id: Annotated[str, typer.Argument(help="Of the event, or its receipt.")],
    as_json: AsJson = False,
) -> None:
    """What became of an event."""
    settings: Settings = context.obj
    with explained(), settings.hub() as hub:
        found = hub.status(id, f"/agencies/{settings.sender()}")
    if as_json:
        output.say(found)
        return
    output.stdout.print(table(("", ""), [(name, str(value)) for name, value in found.items() if value]))


@app.command()
def rejections(
    context: typer.Context,
    most: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """What was refused, newest first."""
    settings: Settings = context.obj
    with explained(), settings.hub() as hub:
        found = list(hub.rejections(most))
    if as_json:
        output.say({"rejections": found})
        return
    rows = [
        (one["at"][:19], one.get("type", ""), one.get("id", ""), error["field"], error["rule"],
         error["remedy"].get(settings.spoken, ""))
        for one in found
        for error in one["errors"]
    ]  # fmt: skip
    output.stdout.print(table(("at", "type", "id", "field", "rule", "what to do"), rows))


@app.command()
def codes(
    context: typer.Context,
    words: Annotated[str, typer.Argument(help="As people say it, or how a code begins.")],
    field: Annotated[str | None, typer.Option(help="occupation, region, ...; default: the usual ones.")] = None,
    most: Annotated[int, typer.Option(min=1, max=200)] = 10,
    as_json: AsJson = False,
) -> None:
    """Look up codes, offline."""
    settings: Settings = context.obj
    if field is not None and field not in settings.pack.fields:
        raise typer.BadParameter(f"there are {', '.join(settings.pack.fields)}", param_hint="--field")
    found = [
        (name, one.code, settings.pack.label(one.code, settings.spoken), one.title)
        for name in ((field,) if field else LOOKED_UP)
        for one in settings.pack.look_up(name, words, most)
    ]
    if as_json:
        output.say({"codes": [dict(zip(("field", "code", "name", "found"), row, strict=True)) for row in found]})
    else:
        output.stdout.print(table(("field", "code", "name", "found by"), found))
    if not found:
        raise typer.Exit(REFUSED)
