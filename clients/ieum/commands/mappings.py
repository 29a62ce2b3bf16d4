"""What is particular to one's files, kept at the door for `POST /files?mapping=NAME`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from clients.ieum import output
from clients.ieum.api_client import RefusedByHub
from clients.ieum.commands.options import REFUSED, AsJson, app, explained, show_problem
from clients.ieum.settings import Settings
from shared.files import check_mapping

mapping = typer.Typer(help="Your mappings at the door: headings, words, what is the same in every row.")
app.add_typer(mapping, name="mapping")
Name = Annotated[str, typer.Argument(help="Your own: small letters, digits, hyphens.")]


@mapping.command("list")
def list_all(context: typer.Context, as_json: AsJson = False) -> None:
    """What they are called."""
    settings: Settings = context.obj
    with explained(settings), settings.hub() as hub:
        names = hub.mappings()
    if as_json:
        output.say({"mappings": names})
    else:
        for name in names:
            output.stdout.print(name, markup=False)


@mapping.command()
def show(context: typer.Context, name: Name) -> None:
    """One of them, as `--mapping FILE` takes it."""
    settings: Settings = context.obj
    with explained(settings), settings.hub() as hub:
        output.say(hub.mapping(name))


@mapping.command()
def keep(
    context: typer.Context, name: Name, file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)]
) -> None:
    """Keep what is in FILE under this name; looked at here first."""
    settings: Settings = context.obj
    with explained(settings):
        said = settings.mapping_in(file)
        if wrong := check_mapping(said, settings.pack):
            for one in wrong:
                remedy = settings.pack.remedy(one.rule, one.field, one.values)[settings.spoken]
                output.stdout.print(f"{one.field} {one.rule}: {remedy}", markup=False)
            raise typer.Exit(REFUSED)
        with settings.hub() as hub:
            try:
                hub.keep_mapping(name, json.loads(file.read_bytes()))
            except RefusedByHub as refused:
                show_problem(refused.problem, settings)
                raise


@mapping.command()
def remove(context: typer.Context, name: Name) -> None:
    """It is kept no longer."""
    settings: Settings = context.obj
    with explained(settings), settings.hub() as hub:
        hub.forget_mapping(name)
