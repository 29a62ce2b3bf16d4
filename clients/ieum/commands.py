"""Ieum's command line. Ends with 0 when all went well, 1 when something was refused, 2 when the command was wrong, 3
when Ieum did not answer (sending again is safe), 4 when the key may not do this."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.table import Table

from clients.ieum import checking, output, pulling, sending, watching
from clients.ieum.hub import Away, Key, NotAllowed, RefusedByHub
from clients.ieum.registering import registration
from clients.ieum.settings import Missing, Settings
from shared.events.registry import load_topics
from shared.files import Converter, Unreadable
from shared.files.columns import table_types
from shared.files.headings import letter
from shared.files.template import codes_csv, template_csv, template_xlsx
from shared.files.text_encoding import encoding_of
from shared.reference import available_packs

REFUSED, WRONG, AWAY, NOT_ALLOWED = 1, 2, 3, 4
LOOKED_UP = ("occupation", "region", "certificate", "course", "education", "employment")

app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object for programs.")]
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]
Type = Annotated[str | None, typer.Option(help="Type of the events, where no column says it: job-posted, ...")]
MappingFile = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="Your headings and words, as JSON.")
]
AsOf = Annotated[datetime | None, typer.Option(help="When the file was made; default: its last change.")]
ReportFile = Annotated[Path | None, typer.Option(help="Where every finding goes, as CSV; default: FILE.report.csv.")]


@app.callback()
def shared_options(
    context: typer.Context,
    intake: Annotated[str | None, typer.Option(envvar="IEUM_INTAKE", help="Address of the door.")] = None,
    notifications: Annotated[str | None, typer.Option(envvar="IEUM_NOTIFICATIONS", help="Address of the feed.")] = None,
    agency: Annotated[str | None, typer.Option(envvar="IEUM_AGENCY", help="Who you are.")] = None,
    key_file: Annotated[Path | None, typer.Option(envvar="IEUM_KEY_FILE", help="Or IEUM_KEY.", exists=True)] = None,
    pack: Annotated[str, typer.Option(envvar="IEUM_PACK")] = "kr-gyeonggi",
    language: Annotated[str | None, typer.Option(envvar="IEUM_LANGUAGE", help="ko or en.")] = None,
    patience: Annotated[float, typer.Option(help="Seconds to go on trying.", min=0, max=3_600)] = 120.0,
) -> None:
    """Options of all commands."""
    if pack not in available_packs():
        raise typer.BadParameter(f"there are {', '.join(available_packs())}", param_hint="--pack")
    load_topics()
    context.obj = Settings(intake, notifications, agency, key_file, pack, language, patience)


@app.command()
def keygen(
    key_id: Annotated[str, typer.Argument(help="Public name of the key, like gjf-1.")],
    out: Annotated[Path | None, typer.Option(help="Write the key here, for your eyes only.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key, offline. Keep the key; give only key id and hash to the operator."""
    with explained():
        key = Key.new(key_id)
        if out is not None:
            _write_key(out, key)
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
    with explained():
        event = registration(
            settings.sender(), name, title, recipient_class, (key_id, secret_sha256, until and until.date()),
            sends.split(","), reads.split(","), receives,
        )  # fmt: skip
        found = checking.findings(event, settings.pack, date.today())  # noqa: DTZ011 - this machine's day
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
        _problem(answer.get("problem") or {}, settings)
    if answer.get("status") not in ("accepted", "duplicate"):
        raise typer.Exit(REFUSED)


@app.command()
def check(
    context: typer.Context,
    file: File,
    type: Type = None,
    mapping: MappingFile = None,
    as_of: AsOf = None,
    report: ReportFile = None,
    as_json: AsJson = False,
) -> None:
    """Look at a file offline: CSV, XLSX, JSON, JSON Lines or Work24's XML. Nothing leaves this machine."""
    settings: Settings = context.obj
    with explained():
        converter = settings.converter(file, as_of, mapping, None)
        today = date.today()  # noqa: DTZ011  the day of the machine that checks its own file
        run = partial(checking.check, pack=settings.pack, language=settings.spoken, today=today)
        _file(settings, file, converter, type, report, as_json, run, "checking")


@app.command()
def send(
    context: typer.Context,
    file: File,
    type: Type = None,
    mapping: MappingFile = None,
    as_of: AsOf = None,
    report: ReportFile = None,
    testrun: Annotated[bool, typer.Option(help="Every check of the door, no effect.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send a file. The same file again is safe: what was taken is answered as a duplicate."""
    settings: Settings = context.obj
    with explained():
        settings.sender()
        key = settings.key()
        converter = settings.converter(file, as_of, mapping, key)
        with settings.hub() as hub:
            run = partial(sending.send, hub=hub, pack=settings.pack, language=settings.spoken, testrun=testrun)
            _file(settings, file, converter, type, report, as_json, run, "sending")


@app.command()
def watch(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, writable=True)],
    type: Type = None,
    mapping: MappingFile = None,
    rest: Annotated[float, typer.Option(help="Seconds for which a file must not have changed.", min=0)] = 5.0,
    once: Annotated[bool, typer.Option(help="Take what is there, then end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send every file that comes into a folder, say beside it what became of it, and remove it."""
    settings: Settings = context.obj
    with explained():
        settings.sender()
        key = settings.key()
        with settings.hub() as hub:
            make = partial(settings.converter_of, mapping=mapping, key=key)
            watched = watching.Folder(folder, hub, make, type, settings.pack, settings.spoken)
            taken = watching.watch(watched, rest, once, (lambda one: None) if as_json else output.result)
    if as_json:
        output.say({"files": [one.result for one in taken]})


@app.command()
def preview(
    context: typer.Context, file: File, type: Type = None, mapping: MappingFile = None, as_json: AsJson = False
) -> None:
    """Which field each column of a table would be."""
    settings: Settings = context.obj
    with explained(), file.open("rb") as stream:
        try:
            found = settings.converter(file, None, mapping, None).preview(stream, type)
        except Unreadable as unreadable:
            raise _unreadable(unreadable, settings) from None
    columns = {each.at: each.pointer for each in found.placed} | dict.fromkeys(found.passed_over, "")
    rows = [(letter(at), pointer or "(passed over)") for at, pointer in sorted(columns.items())]
    wrong = [(one.field, one.rule, settings.pack.remedy(one.rule, one.field, one.values)) for one in found.refusals]
    if as_json:
        output.say(
            {"columns": dict(rows), "findings": [{"field": f, "rule": r, "remedy": said} for f, r, said in wrong]}
        )
    else:
        output.stdout.print(_table(("column", "field"), rows))
        for field, rule, said in wrong:
            output.stdout.print(f"{field} {rule}: {said[settings.spoken]}")
    if wrong:
        raise typer.Exit(REFUSED)


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
    output.stdout.print(_table(("", ""), [(name, str(value)) for name, value in found.items() if value]))


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
    output.stdout.print(_table(("at", "type", "id", "field", "rule", "what to do"), rows))


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
        output.stdout.print(_table(("field", "code", "name", "found by"), found))
    if not found:
        raise typer.Exit(REFUSED)


@app.command()
def template(
    context: typer.Context,
    type: Annotated[str, typer.Argument(help="Type of the events, or `codes` for the code lists.")],
    out: Annotated[Path, typer.Argument(help="A file that ends in .csv or .xlsx.")],
    encoding: Annotated[str, typer.Option(help="Of CSV: utf-8-sig or cp949.")] = "utf-8-sig",
) -> None:
    """Write an empty table with the headings of a type, or the code lists."""
    settings: Settings = context.obj
    if type not in (*table_types(), "codes"):
        raise typer.BadParameter(f"there are {', '.join(table_types())}, codes", param_hint="TYPE")
    if encoding not in ("utf-8", "utf-8-sig", "cp949"):
        raise typer.BadParameter("utf-8-sig, utf-8 or cp949", param_hint="--encoding")
    if out.suffix == ".xlsx" and type != "codes":
        out.write_bytes(template_xlsx(type, settings.pack))
    else:
        out.write_bytes(
            codes_csv(settings.pack, encoding) if type == "codes" else template_csv(type, settings.pack, encoding)
        )


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


@contextmanager
def explained() -> Iterator[None]:
    """Every expected end in words, with its exit code; nothing of a key or a row in them."""
    try:
        yield
    except (Missing, ValueError) as wrong:
        text = "the mapping is not of the right form" if isinstance(wrong, ValidationError) else str(wrong)
        output.stderr.print(text, markup=False)
        raise typer.Exit(WRONG) from None
    except NotAllowed as refused:
        output.stderr.print(_sentence(refused.problem) or "the key is not known, or may not do this", markup=False)
        raise typer.Exit(NOT_ALLOWED) from None
    except RefusedByHub as refused:
        output.stderr.print(f"{refused}: {_sentence(refused.problem)}", markup=False)
        raise typer.Exit(REFUSED) from None
    except Away as away:
        output.stderr.print(str(away), markup=False)
        raise typer.Exit(AWAY) from None


def _file(
    settings: Settings,
    file: Path,
    converter: Converter,
    type: str | None,
    report: Path | None,
    as_json: bool,
    run: Any,
    what: str,
) -> None:
    path = report or file.with_name(f"{file.name}.report.csv")
    with file.open("rb") as stream:
        encoding = "utf-8-sig" if stream.read(2) == b"PK" else encoding_of(stream)
        findings = output.Findings(path, encoding)
        try:
            with output.progress(what, as_json) as done:
                tally = run(converter.convert(stream, type), tell=findings.tell, done=done)
        except Unreadable as unreadable:
            raise _unreadable(unreadable, settings) from None
        finally:
            findings.end()
    if as_json:
        output.say(
            {"file": file.name, **tally.as_json(), "findings": findings.count, "first": findings.as_json(),
             **({"report": str(path)} if findings.count else {})}
        )  # fmt: skip
    else:
        if findings.count:
            output.stdout.print(findings.table())
            output.stdout.print(f"{findings.count} findings, all in {path}")
        counts = ", ".join(f"{count} {name}" for name, count in tally.as_json().items())
        output.stdout.print(counts)
    if not tally.good:
        raise typer.Exit(REFUSED)


def _unreadable(unreadable: Unreadable, settings: Settings) -> typer.Exit:
    line = sending.line_of(unreadable, settings.pack, settings.spoken)
    output.stderr.print(f"{line.rule}: {line.remedy}", markup=False)
    return typer.Exit(REFUSED)


def _problem(problem: dict[str, Any], settings: Settings) -> None:
    for error in problem.get("errors") or ():
        output.stdout.print(
            f"{error['field']} {error['rule']}: {error['remedy'].get(settings.spoken, '')}", markup=False
        )


def _sentence(problem: dict[str, Any]) -> str:
    remedy = problem.get("remedy")
    if isinstance(remedy, dict):
        return " / ".join(str(text) for text in remedy.values())
    return str(remedy or problem.get("detail") or problem.get("title") or "")


def _table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, no_wrap=heading in ("code", "field", "rule"))
    for row in rows:
        table.add_row(*row)
    return table


def _write_key(out: Path, key: Key) -> None:
    out.touch(mode=0o600, exist_ok=False)
    out.write_text(key.token + "\n")
