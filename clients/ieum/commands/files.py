"""Files: looked at, sent, watched for; templates for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.ieum import checking, output, sending, watching
from clients.ieum.api_client import Hub, Key
from clients.ieum.commands.options import REFUSED, AsJson, app, explained, table
from clients.ieum.settings import Missing, Settings, secret_in
from shared.files import Converter, Line, Unreadable, visible
from shared.files.columns import table_types
from shared.files.headings import letter
from shared.files.preview import MOST_ROWS
from shared.files.template import codes_csv, template_csv, template_xlsx
from shared.files.text_encoding import encoding_of

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]
Type = Annotated[str | None, typer.Option(help="Type of the events, where no column says it: job-posted, ...")]
MappingFile = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="Your headings and words, as JSON.")
]
AsOf = Annotated[datetime | None, typer.Option(help="When the file was made; default: its last change.")]
ReportFile = Annotated[Path | None, typer.Option(help="Where every finding goes, as CSV; default: FILE.report.csv.")]
Kafka = Annotated[
    str | None, typer.Option(help="By Kafka: host:port of its brokers. Needs the package's extra `kafka`.")
]
KafkaUser = Annotated[str | None, typer.Option(envvar="IEUM_KAFKA_USER", help="Default: agency-<agency>.")]
KafkaPassword = Annotated[
    Path | None, typer.Option(envvar="IEUM_KAFKA_PASSWORD_FILE", exists=True, dir_okay=False, help="Of that user.")
]
KafkaAuthority = Annotated[
    Path | None,
    typer.Option(envvar="IEUM_KAFKA_CA", exists=True, dir_okay=False, help="Certificate of who signed the brokers'."),
]


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
    with explained(settings):
        converter = settings.converter(file, as_of, mapping, None)
        today, agency = settings.today, settings.agency
        run = partial(checking.check, pack=settings.pack, language=settings.spoken, today=today, agency=agency)
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
    kafka: Kafka = None,
    kafka_user: KafkaUser = None,
    kafka_password_file: KafkaPassword = None,
    kafka_ca: KafkaAuthority = None,
    as_json: AsJson = False,
) -> None:
    """Send a file. The same file again is safe: what was taken is answered as a duplicate."""
    settings: Settings = context.obj
    with explained(settings), _door(settings, kafka, kafka_user, kafka_password_file, kafka_ca) as (door, key):
        converter = settings.converter(file, as_of, mapping, key)
        run = partial(sending.send, door=door, pack=settings.pack, language=settings.spoken, testrun=testrun)
        _file(settings, file, converter, type, report, as_json, run, "sending")


@app.command()
def watch(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, writable=True)],
    type: Type = None,
    mapping: MappingFile = None,
    rest: Annotated[float, typer.Option(help="Seconds for which a file must not have changed.", min=0)] = 5.0,
    once: Annotated[bool, typer.Option(help="Take what is there, then end.")] = False,
    kafka: Kafka = None,
    kafka_user: KafkaUser = None,
    kafka_password_file: KafkaPassword = None,
    kafka_ca: KafkaAuthority = None,
    as_json: AsJson = False,
) -> None:
    """Send every file that comes into a folder, say beside it what became of it, and remove it."""
    settings: Settings = context.obj
    with explained(settings), _door(settings, kafka, kafka_user, kafka_password_file, kafka_ca) as (door, key):
        make = partial(settings.converter_of, mapping=mapping, key=key)
        watched = watching.Folder(folder, door, make, type, settings.pack, settings.spoken)
        taken = watching.watch(watched, rest, once, (lambda one: None) if as_json else output.result)
    if as_json:
        output.say({"files": [one.result for one in taken]})


@app.command()
def preview(
    context: typer.Context, file: File, type: Type = None, mapping: MappingFile = None, as_json: AsJson = False
) -> None:
    """Which field each column would be, and the first rows as they are understood. Offline; no text is shown."""
    settings: Settings = context.obj
    today = settings.today
    with explained(settings), file.open("rb") as stream:
        converter = settings.converter(file, None, mapping, None)
        try:
            headings, found = converter.opened(stream, type)
            rows = list(islice(found, MOST_ROWS))
        except Unreadable as unreadable:
            raise _unreadable(unreadable, settings) from None
        lines = list[Line]()
        checking.check(rows, settings.pack, settings.spoken, today, lines.append, lambda _: None, settings.agency)
        events = [(row.row, visible(row.event, settings.pack, today)) for row in rows if row.event is not None]
    fields = {} if headings is None else {each.at: each.pointer for each in headings.placed}
    columns = [] if headings is None else [(letter(at), fields.get(at, "")) for at in headings.seen]
    findings = output.Findings(None, "utf-8")
    for line in lines:
        findings.tell(line)
    if as_json:
        shown = [{"row": row, "data": data} for row, data in events]
        output.say({"columns": dict(columns), "rows": shown, "findings": findings.as_json()})
    else:
        if columns:
            output.stdout.print(table(("column", "field"), [(at, field or "(not sent)") for at, field in columns]))
        if events:
            said = [(str(row), json.dumps(data, ensure_ascii=False)) for row, data in events]
            output.stdout.print(table(("row", "as it is understood"), said))
        if findings.count:
            output.stdout.print(findings.table())
    if any(not line.warning for line in lines):
        raise typer.Exit(REFUSED)


@app.command()
def template(
    context: typer.Context,
    type: Annotated[str, typer.Argument(help="Type of the events, or `codes` for the code lists.")],
    out: Annotated[Path, typer.Argument(help="A file that ends in .csv or .xlsx.")],
    encoding: Annotated[str, typer.Option(help="Of CSV: utf-8-sig or cp949.")] = "utf-8-sig",
    force: Annotated[bool, typer.Option("--force", help="Also over a file that is there.")] = False,
) -> None:
    """Write an empty table with the headings of a type, or the code lists."""
    settings: Settings = context.obj
    if type not in (*table_types(), "codes"):
        raise typer.BadParameter(f"there are {', '.join(table_types())}, codes", param_hint="TYPE")
    if encoding not in ("utf-8", "utf-8-sig", "cp949"):
        raise typer.BadParameter("utf-8-sig, utf-8 or cp949", param_hint="--encoding")
    endings = (".csv",) if type == "codes" else (".csv", ".xlsx")
    if out.suffix.lower() not in endings:
        raise typer.BadParameter(f"its name has to end in {' or '.join(endings)}", param_hint="OUT")
    if out.exists() and not force:
        raise typer.BadParameter("this file is there already; --force writes over it", param_hint="OUT")
    if out.suffix.lower() == ".xlsx":
        out.write_bytes(template_xlsx(type, settings.pack))
    else:
        out.write_bytes(
            codes_csv(settings.pack, encoding) if type == "codes" else template_csv(type, settings.pack, encoding)
        )


@contextmanager
def _door(
    settings: Settings, brokers: str | None, user: str | None, password_file: Path | None, authority: Path | None
) -> Iterator[tuple[sending.Door, Key]]:
    """By HTTP, or by Kafka where brokers are named; and the key that ids of events follow from."""
    sender = settings.sender()
    if brokers is None:
        key = settings.key()
        with settings.hub() as hub:
            yield hub, key
        return
    if password_file is None:
        raise Missing("which password at Kafka? --kafka-password-file FILE, or IEUM_KAFKA_PASSWORD_FILE")
    try:
        from clients.ieum.kafka.door import KafkaDoor, KafkaLogin  # only whoever sends by Kafka needs what it stands on
    except ImportError:
        raise Missing("sending by Kafka needs more: pip install 'ieum-0.1.0-py3-none-any.whl[kafka]'") from None
    login = KafkaLogin(brokers, user or f"agency-{sender}", secret_in(password_file), authority)
    with Hub(settings.door(), None, patience=settings.patience) as public:
        told = public.door_on_kafka()
    with KafkaDoor(login, sender, told, settings.pack, settings.patience) as door:
        yield door, settings.key_or(login.password)


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
    rights = sorted(tally.rights) if isinstance(tally, checking.Checked) else None
    if as_json:
        output.say(
            {"file": file.name, **tally.as_json(), "findings": findings.count, "first": findings.as_json(),
             **({} if rights is None else {"rights_not_looked_at": rights}),
             **({"report": str(path)} if findings.count else {})}
        )  # fmt: skip
    else:
        if findings.count:
            output.stdout.print(findings.table())
            output.stdout.print(f"{findings.count} findings, all in {path}")
        output.counts(tally.as_json(), settings.spoken)
        if rights:
            output.not_looked_at(rights, settings.spoken)
    if not tally.good:
        raise typer.Exit(REFUSED)


def _unreadable(unreadable: Unreadable, settings: Settings) -> typer.Exit:
    line = sending.line_of(unreadable, settings.pack, settings.spoken)
    output.stderr.print(f"{line.rule}: {line.remedy}", markup=False)
    return typer.Exit(REFUSED)
