"""What comes from elsewhere: the feed of a partner, the adverts of a portal."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import sleep
from typing import Annotated

import typer

from clients.ieum import output, pulling
from clients.ieum.api_client import Away
from clients.ieum.commands.options import REFUSED, AsJson, app, explained
from clients.ieum.polling import Outcome, Poller, Portal, PortalKey, Progress
from clients.ieum.polling.portal import WORK24
from clients.ieum.settings import Missing, Settings, secret_in


@app.command()
def pull(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(file_okay=False, help="Where what you are told is kept.")],
    follow: Annotated[bool, typer.Option(help="Go on until it is stopped.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read your feed into files; what is recalled is removed, and acknowledged."""
    settings: Settings = context.obj
    with explained(settings), settings.hub(of_partners=True) as hub:
        count = pulling.pull(hub, pulling.Folder(folder), 20.0 if follow else 0.0, lambda read: follow or read > 0)
    if as_json:
        output.say({"read": count})
    else:
        output.stdout.print(f"{count} read")


@app.command()
def poll(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(file_okay=False, help="Where it is kept how far the portal was read.")],
    query: Annotated[list[str] | None, typer.Option(help="What to ask for: region=41000. Several times.")] = None,
    portal: Annotated[str, typer.Option(envvar="IEUM_PORTAL", help="Address of the portal.")] = WORK24,
    portal_key_file: Annotated[
        Path | None, typer.Option(envvar="IEUM_PORTAL_KEY_FILE", help="Or IEUM_PORTAL_KEY.", exists=True)
    ] = None,
    details: Annotated[bool, typer.Option(help="Read the own page of each new or changed advert, too.")] = False,
    closes: Annotated[bool, typer.Option(help="Say of adverts that are gone that they are closed.")] = True,
    again: Annotated[bool, typer.Option(help="Send again what was refused, although it has not changed.")] = False,
    rest: Annotated[float, typer.Option(help="Seconds of rest after each question.", min=0, max=60)] = 1.0,
    whole_every: Annotated[float, typer.Option(help="Hours after which all of the list is read.", min=0)] = 24.0,
    follow: Annotated[bool, typer.Option(help="Go on until it is stopped.")] = False,
    every: Annotated[float, typer.Option(help="With --follow: minutes between two cycles.", min=1)] = 15.0,
    as_json: AsJson = False,
) -> None:
    """Read the adverts of a portal in Work24's shape, and send what is new, changed or closed. Killed anywhere, it goes
    on where it was."""
    settings: Settings = context.obj
    with explained(settings):
        settings.sender()
        key = settings.key()
        asked = _asked(query or [])
        with (
            settings.hub() as hub,
            Portal(portal, _portal_key(portal_key_file), asked, rest=rest, patience=settings.patience) as source,
            Progress(folder, portal, settings.sender(), asked) as progress,
        ):
            while True:
                try:
                    outcome = _cycle(settings, folder, timedelta(hours=whole_every), as_json, partial(
                        Poller, source, hub, progress, partial(settings.converter_of, mapping=None, key=key),
                        settings.pack, settings.spoken, details=details, closes=closes, again=again,
                    ))  # fmt: skip
                except Away as away:
                    if not follow:
                        raise
                    output.stderr.print(str(away), markup=False)
                else:
                    if not follow:
                        raise typer.Exit(0 if outcome.good else REFUSED)
                sleep(60 * every)


def _cycle(settings: Settings, folder: Path, whole_every: timedelta, as_json: bool, make: partial[Poller]) -> Outcome:
    """One, and what came of it; every finding in the folder."""
    report = folder / "report.csv"
    report.unlink(missing_ok=True)
    findings = output.Findings(report, "utf-8-sig")
    try:
        with output.progress("reading", as_json) as done:
            outcome = make(findings.tell).cycle(datetime.now(UTC), whole_every, done)
    finally:
        findings.end()
    said = {**outcome.as_json(), "findings": findings.count, **({"report": str(report)} if findings.count else {})}
    if as_json:
        output.say(said)
    else:
        output.result(said)
    return outcome


def _asked(query: list[str]) -> dict[str, str]:
    asked = {}
    for one in query:
        name, equals, value = one.partition("=")
        if not equals or not value:
            raise ValueError("--query is <name>=<value>")
        asked[name.strip()] = value.strip()
    return asked


def _portal_key(file: Path | None) -> PortalKey:
    if file is not None:
        return PortalKey(secret_in(file))
    if given := os.environ.get("IEUM_PORTAL_KEY"):
        return PortalKey(given)
    raise Missing("which key of the portal's? --portal-key-file FILE, or IEUM_PORTAL_KEY")
