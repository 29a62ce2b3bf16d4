"""Keys and who has them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.ieum import checking, output
from clients.ieum.api_client import Key
from clients.ieum.commands.options import REFUSED, WRONG, AsJson, app, explained, show_problem, table
from clients.ieum.registering import registration
from clients.ieum.rotating import last_day, write_key
from clients.ieum.rotating import rotate as rotated
from clients.ieum.settings import Missing, Settings
from shared.events.refusal import nearest
from shared.events.registry import registry


@app.command()
def keygen(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(help="Public name of the key, like gjf-1.")],
    out: Annotated[Path | None, typer.Option(help="Write the key here, for your eyes only.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key, offline. Keep the key; give only key id and hash to the operator."""
    settings: Settings = context.obj
    with explained(settings):
        key = Key.new(key_id)
        if out is not None:
            write_key(out, key)
    shown = {"key_id": key.key_id, "secret_sha256": key.secret_sha256, **({} if out else {"key": key.token})}
    if as_json:
        output.say(shown)
        return
    if out is None:
        output.stdout.print(f"key (keep it, it is shown once): {key.token}")
    else:
        output.stdout.print(f"key: in {out}")
    output.stdout.print(f"for the operator:  key_id {key.key_id}  secret_sha256 {key.secret_sha256}")


@app.command()
def register(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The agency's short name, like gjf.")],
    title: Annotated[list[str], typer.Option(help="ko=..., and en=...: one for each language.")],
    recipient_class: Annotated[str, typer.Option("--class", help="case, service, employer or public.")],
    key_id: Annotated[str, typer.Option(help="From keygen.")],
    secret_sha256: Annotated[str, typer.Option(help="From keygen.")],
    sends: Annotated[str, typer.Option(help="Types, with commas between: job-posted,job-closed.")] = "",
    reads: Annotated[str, typer.Option(help="journeys,rejections,matches,deliveries,lookup.")] = "journeys,rejections",
    receives: Annotated[bool, typer.Option(help="May be told about people who consent.")] = False,
    until: Annotated[datetime | None, typer.Option(help="Last day of the key.", formats=["%Y-%m-%d"])] = None,
    as_json: AsJson = False,
) -> None:
    """For the operator: register an agency with its key. Nothing but the hash of the key is needed."""
    settings: Settings = context.obj
    types = {each.name for each in registry if each.door is not None}
    for named in filter(None, map(str.strip, sends.split(","))):
        if named not in types:
            meant = nearest(named, types).get("nearest")
            hint = f"is it meant to be {meant}?" if meant else f"there are {', '.join(sorted(types))}"
            raise typer.BadParameter(f"{named} is no type of event; {hint}", param_hint="--sends")
    with explained(settings):
        event = registration(
            settings.sender(), name, title, recipient_class, (key_id, secret_sha256, until and until.date()),
            sends.split(","), reads.split(","), receives,
        )  # fmt: skip
        found, _, _ = checking.Conformance(settings.pack).look(event, settings.today)
        if found:
            for one in found:
                output.stderr.print(
                    f"{one.field}: {settings.pack.remedy(one.rule, one.field, one.values)[settings.spoken]}"
                )
            raise typer.Exit(WRONG)
        with settings.hub() as hub:
            answer = hub.send([event])[0]
    if as_json:
        output.say(answer)
    else:
        output.stdout.print(f"{name}: {answer.get('status')}")
        show_problem(answer.get("problem") or {}, settings)
    if answer.get("status") not in ("accepted", "duplicate"):
        raise typer.Exit(REFUSED)


@app.command()
def rotate(
    context: typer.Context,
    key_id: Annotated[str | None, typer.Option(help="Name of the new key; default: the next number.")] = None,
    grace_days: Annotated[int, typer.Option(help="Days for which the old key goes on working.", min=0, max=90)] = 7,
    as_json: AsJson = False,
) -> None:
    """A new key takes the place of the one in --key-file; the old one works for some days more."""
    settings: Settings = context.obj
    with explained(settings):
        if settings.key_file is None:
            raise Missing("which key? --key-file FILE, for the new one is written there")
        old = settings.key()
        new = rotated(settings.key_file, old, key_id, grace_days, lambda key: settings.hub(key=key))
        with settings.hub(key=new) as hub:
            until = last_day(hub)
    if as_json:
        last = {} if until is None else {"until": until}
        output.say({"key_id": new.key_id, **last, "before": old.key_id, "grace_days": grace_days})
    else:
        output.stdout.print(
            f"{settings.key_file} holds {new.key_id} now; {old.key_id} works for {grace_days} days more"
        )
        if until is not None:
            output.stdout.print(
                f"{new.key_id} itself works until {until}, as the key before; the operator gives longer"
            )


@app.command()
def keys(context: typer.Context, as_json: AsJson = False) -> None:
    """Your keys, without their secrets."""
    settings: Settings = context.obj
    with explained(settings), settings.hub() as hub:
        _show(hub.keys(), as_json)


@app.command()
def revoke(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(help="Of another key of yours; the one that you use cannot end itself.")],
    grace_days: Annotated[int, typer.Option(help="Days for which it goes on working.", min=0, max=90)] = 0,
    as_json: AsJson = False,
) -> None:
    """End another key of yours."""
    settings: Settings = context.obj
    with explained(settings), settings.hub() as hub:
        _show(hub.end_key(key_id, grace_days), as_json)


def _show(found: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        output.say({"keys": found})
    else:
        rows = [(one["key_id"], one.get("until", ""), "this one" if one.get("calling") else "") for one in found]
        output.stdout.print(table(("key", "last day", ""), rows))
