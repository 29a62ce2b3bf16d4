"""What comes from elsewhere: the feed of a partner, the adverts of a portal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clients.ieum import output, pulling
from clients.ieum.commands.options import AsJson, app, explained
from clients.ieum.settings import Settings


@app.command()
def pull(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(file_okay=False, help="Where what you are told is kept.")],
    follow: Annotated[bool, typer.Option(help="Go on until it is stopped.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read your feed into files; what is recalled is removed, and acknowledged."""
    settings: Settings = context.obj
    with explained(), settings.hub(of_partners=True) as hub:
        count = pulling.pull(hub, pulling.Folder(folder), 20.0 if follow else 0.0, lambda read: follow or read > 0)
    if as_json:
        output.say({"read": count})
    else:
        output.stdout.print(f"{count} read")
