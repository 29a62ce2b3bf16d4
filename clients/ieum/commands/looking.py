"""Looking things up: what became of events, what was refused, codes."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

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
    with explained(settings), settings.hub() as hub:
        found = hub.status(id, f"/agencies/{settings.sender()}")
    if as_json:
        output.say(found)
        return
    output.stdout.print(table(("", ""), [(name, _flat(value)) for name, value in found.items() if value]))


@app.command()
def rejections(
    context: typer.Context,
    most: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    id: Annotated[str | None, typer.Option(help="Of the event.")] = None,
    reference: Annotated[str | None, typer.Option(help="Your number of the person or advert.")] = None,
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])] = None,
    of: Annotated[str | None, typer.Option(help="For operators: of which agency.")] = None,
    as_json: AsJson = False,
) -> None:
    """What was refused, newest first."""
    settings: Settings = context.obj
    asked = {"id": id, "reference": reference, "day": f"{day:%Y-%m-%d}" if day else None, "agency": of}
    with explained(settings), settings.hub() as hub:
        found = list(hub.rejections(most, **{name: value for name, value in asked.items() if value}))
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
def held(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(help="Your number of the person or advert.")],
    of: Annotated[str | None, typer.Option(help="For operators: of which agency.")] = None,
    as_json: AsJson = False,
) -> None:
    """What is held under a reference: codes, consents with their last days, who may know. Never a name."""
    settings: Settings = context.obj
    with explained(settings), settings.hub() as hub:
        found = hub.held(reference, of)
    if as_json:
        output.say(found)
        return
    things = [("person", found["person"])] if found.get("person") else []
    for kind, thing in [*things, *((one["kind"], one) for one in found.get("opportunities") or ())]:
        output.stdout.print(kind)
        rows = [(name, _flat(value)) for name, value in thing.items() if value not in ([], {}, None)]
        output.stdout.print(table(("", ""), rows))


def _flat(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


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
