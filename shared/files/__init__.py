"""From files to events: CSV, XLSX, JSON, JSON Lines and Work24's XML, as one stream of events and findings.

    converter = Converter(pack, "gjf", as_of, make_id)
    for row in converter.convert(stream, "job-posted"): ...

Knows the contract and the packs, and nothing of services, Kafka, MongoDB or HTTP: the command line (`clients`) stands
on it, and intake's `POST /files`. Intake itself sees only events.
"""

from shared.files.convert import Converted, Converter
from shared.files.mapping import FileMapping, check_mapping
from shared.files.preview import visible
from shared.files.report import Line, Report, lines_about
from shared.files.rows import EmptyRows, Unreadable

__all__ = [
    "Converted",
    "Converter",
    "EmptyRows",
    "FileMapping",
    "Line",
    "Report",
    "Unreadable",
    "check_mapping",
    "lines_about",
    "visible",
]
