"""Ieum's command line. Ends with 0 when all went well, 1 when something was refused, 2 when the command was wrong, 3
when Ieum did not answer (sending again is safe), 4 when the key may not do this."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from clients.ieum import output
from clients.ieum.api_client import Away, NotAllowed, RefusedByHub
from clients.ieum.settings import Missing, Settings
from shared.reference import available_packs

REFUSED, WRONG, AWAY, NOT_ALLOWED = 1, 2, 3, 4

app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object for programs.")]


@app.callback()
def shared_options(
    context: typer.Context,
    intake: Annotated[str | None, typer.Option(envvar="IEUM_INTAKE", help="Address of the door.")] = None,
    notifications: Annotated[str | None, typer.Option(envvar="IEUM_NOTIFICATIONS", help="Address of the feed.")] = None,
    agency: Annotated[str | None, typer.Option(envvar="IEUM_AGENCY", help="Who you are.")] = None,
    key_file: Annotated[Path | None, typer.Option(envvar="IEUM_KEY_FILE", help="Or IEUM_KEY.")] = None,
    pack: Annotated[str, typer.Option(envvar="IEUM_PACK")] = "kr-gyeonggi",
    language: Annotated[str | None, typer.Option(envvar="IEUM_LANGUAGE", help="ko or en.")] = None,
    patience: Annotated[float, typer.Option(help="Seconds to go on trying.", min=0, max=3_600)] = 120.0,
) -> None:
    """Options of all commands."""
    if pack not in available_packs():
        raise typer.BadParameter(f"there are {', '.join(available_packs())}", param_hint="--pack")
    context.obj = Settings(intake, notifications, agency, key_file, pack, language, patience)


@contextmanager
def explained(settings: Settings) -> Iterator[None]:
    """Every expected end in words, with its exit code; nothing of a key or a row in them."""
    try:
        yield
    except (Missing, ValueError) as wrong:
        output.stderr.print(str(wrong), markup=False)
        raise typer.Exit(WRONG) from None
    except NotAllowed as refused:
        output.stderr.print(
            sentence(refused.problem, settings) or "the key is not known, or may not do this", markup=False
        )
        raise typer.Exit(NOT_ALLOWED) from None
    except RefusedByHub as refused:
        output.stderr.print(f"{refused}: {sentence(refused.problem, settings)}", markup=False)
        raise typer.Exit(REFUSED) from None
    except Away as away:
        output.stderr.print(str(away), markup=False)
        raise typer.Exit(AWAY) from None


def show_problem(problem: dict[str, Any], settings: Settings) -> None:
    for error in problem.get("errors") or ():
        output.stdout.print(
            f"{error['field']} {error['rule']}: {error['remedy'].get(settings.spoken, '')}", markup=False
        )


def sentence(problem: dict[str, Any], settings: Settings) -> str:
    """In the language that was asked for, else in whichever there is."""
    for said in map(problem.get, ("remedy", "details", "titles")):
        if isinstance(said, dict) and said:
            return str(said.get(settings.spoken) or next(iter(said.values())))
    return str(problem.get("detail") or problem.get("title") or "")


def table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, no_wrap=heading in ("code", "field", "rule"))
    for row in rows:
        table.add_row(*row)
    return table
