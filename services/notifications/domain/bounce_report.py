"""What a delivery status notification (RFC 3464) says: for whom a mail could not be delivered, for good, and why.

Anybody may have written it, so nothing of it is believed beyond a status and the address that it is about, and nothing
of it is kept. The headers are read by the standard library; the parts are cut here, of the report alone and of what it
was wrapped in on the way (a footer, a signature), two multiparts at most: its parser follows every level down, at a
price that grows with the depth for each line. Whatever is not plainly such a report (an answer from somebody's
holidays, a bounce in free words, a report without end, a mail that came back or was handed on) says nothing.
"""

from __future__ import annotations

import quopri
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import collapse_rfc2231_value
from typing import Literal

from services.notifications.domain.mail_address_rules import NO_SUCH_MAILBOX

MOST_BYTES = 262_144  # of a whole report; the mail that comes back with it stands at its end
MOST_HEAD = 65_536  # bytes of its headers
MOST_PART_HEAD = 8_192
MOST_STATUS = 65_536  # bytes of the part with the statuses
MOST_LINES = 2_000  # of its headers
MOST_PART_LINES = 100  # of headers of a part, or of what is said of a recipient
MOST_BARE = 1_000  # returns without a new line: to the parser each ends a line, and who counts lines does not see it
MOST_PARTS = 10
MOST_WRAPPED = 2
MOST_RECIPIENTS = 20
LONGEST_CONTENT_TYPE = 1_000  # its parameters are looked for at a price that grows with the square of it
_REPORTS = frozenset({"message/delivery-status", "message/global-delivery-status"})
_PLAIN = frozenset({"", "7bit", "8bit", "binary"})
_ENCODING = re.compile(r"\s*([A-Za-z0-9-]*)", re.ASCII)  # a comment may stand behind it
_BLANK = re.compile(rb"\r?\n[ \t]*\r?\n")
_STATUS = re.compile(r"\s*([45]\.\d{1,3}\.\d{1,3})\b", re.ASCII)  # RFC 3463; of 4 it was tried until its time was over
_ACTION = re.compile(r"\s*([A-Za-z]+)", re.ASCII)
_OF_SMTP = re.compile(r"\s*smtp\s*;\s*5\d\d[ -]+(5\.\d{1,3}\.\d{1,3})\b", re.ASCII | re.IGNORECASE)
_UNSAID = "5.0.0"

Said = Literal["gone", "refused"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A recipient that a mail will never reach. ``address`` as the reporting server calls it, in small letters.
    ``status`` says why: of what was put off until the mail server gave up (Postfix: ``failed`` with 4.2.0) it is 4."""

    address: str = field(repr=False)
    status: str


def failures_of(content: bytes) -> tuple[Failure, ...]:
    """What failed for good, by a report; nothing for whatever else this is."""
    if len(content) > MOST_BYTES or content.count(b"\r") - content.count(b"\r\n") > MOST_BARE:
        return ()
    try:
        return tuple(_failures(_statuses(content)))
    except Exception:  # of a parser that somebody else feeds: whatever it trips over is no report
        return ()


def said_of(to: str, failures: tuple[Failure, ...]) -> Said | None:
    """What it means for the mailbox that was written to: it does not exist, or it did not take the mail for another
    reason (full, a policy; or one behind it, as of a list that hands on, does not exist). None: nothing failed."""
    if not failures:
        return None
    gone = any(each.address == to.lower() and each.status in NO_SUCH_MAILBOX for each in failures)
    return "gone" if gone else "refused"


def _statuses(content: bytes) -> bytes:
    """The part with the statuses; empty without one."""
    head, body = _cut(content, MOST_HEAD)
    headers = _headers(head, MOST_LINES)
    if _says_too_much(headers):
        return b""
    for _ in range(MOST_WRAPPED):
        if _is_report(headers) or not _is_multipart(headers):
            break
        found = _first(headers, body, _is_report, _is_multipart)
        if found is None:
            return b""
        headers, body = found
    if not _reports(headers):
        return b""
    found = _first(headers, body, lambda inner: inner.get_content_type() in _REPORTS)
    if found is None or len(found[1]) > MOST_STATUS:
        return b""
    headers, said = found
    return _decoded(said, str(headers.get("Content-Transfer-Encoding", "")))


def _reports(headers: Message) -> bool:
    """Whether it is a report, of this kind."""
    report = headers.get_param("report-type") if _is_report(headers) else None
    return report is not None and collapse_rfc2231_value(report).lower() == "delivery-status"


def _says_too_much(headers: Message) -> bool:
    """Before anything of its parameters is looked at."""
    return len(str(headers.get("Content-Type", ""))) > LONGEST_CONTENT_TYPE


def _is_report(headers: Message) -> bool:
    return headers.get_content_type() == "multipart/report"


def _is_multipart(headers: Message) -> bool:
    return headers.get_content_maintype() == "multipart"


def _first(headers: Message, body: bytes, *wanted: Callable[[Message], bool]) -> tuple[Message, bytes] | None:
    """Of a multipart the first part of the first of these kinds that there is: its headers, and what stands behind
    them. Raises ValueError."""
    kind = headers.get_all("Content-Type", [])
    if len(kind) != 1 or not (boundary := headers.get_boundary()):
        return None
    found: dict[int, tuple[Message, bytes]] = {}
    for part in _parts(body, boundary.encode("ascii")):
        head, said = _cut(b"\n" + part, MOST_PART_HEAD)  # it may have no headers
        inner = _headers(head.lstrip(b"\r\n"), MOST_PART_LINES)
        if _says_too_much(inner):
            continue
        for place, is_one in enumerate(wanted):
            if is_one(inner):
                found.setdefault(place, (inner, said))
        if 0 in found:
            break
    return found[min(found)] if found else None


def _decoded(said: bytes, encoding: str) -> bytes:
    """RFC 3464 says 7bit; with an address in other letters a server may have to pack it (RFC 6533), and one on the way
    may have. Packed it is never smaller, so the bound holds. Raises ValueError."""
    found = _ENCODING.match(encoding)
    name = found[1].lower() if found else ""
    if name == "base64":
        return b64decode(said)
    if name == "quoted-printable":
        return quopri.decodestring(said)
    return said if name in _PLAIN else b""


def _parts(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """The first few parts between the lines with the boundary."""
    begin: int | None = None
    delimiter = re.compile(rb"^--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r?\n|\Z)", re.MULTILINE)
    for count, line in enumerate(delimiter.finditer(body)):
        if begin is not None:
            yield body[begin : line.start()]
        if line[1] or count >= MOST_PARTS:
            return
        begin = line.end()
    if begin is not None:  # cut off: what there is of the last one
        yield body[begin:]


def _failures(statuses: bytes) -> Iterator[Failure]:
    """Of each recipient's block; the first block is about the mail."""
    for block in _BLANK.split(statuses.strip(), MOST_RECIPIENTS + 1)[1 : MOST_RECIPIENTS + 1]:
        said = _headers(block.lstrip(), MOST_PART_LINES)
        action = _ACTION.match(str(said.get("Action", "")))
        status = _STATUS.match(str(said.get("Status", "")))
        if action is None or action[1].lower() != "failed" or status is None:
            continue
        code = status[1]
        if code == _UNSAID and (told := _OF_SMTP.match(str(said.get("Diagnostic-Code", "")))):
            code = told[1]  # Exim says 5.0.0 of everything, and hands on what it was told
        kind, _, address = str(said.get("Final-Recipient", "")).partition(";")
        if kind.strip().lower() in ("rfc822", "utf-8"):
            yield Failure(address.strip().strip("<>").lower(), code)


def _cut(content: bytes, most: int) -> tuple[bytes, bytes]:
    """Headers and what stands behind them. Raises ValueError for headers without end."""
    found = _BLANK.search(content, 0, most)
    if found is None:
        raise ValueError("headers without end")
    return content[: found.start()], content[found.end() :]


def _headers(block: bytes, most: int) -> Message:
    """Raises ValueError for too many."""
    if block.count(b"\n") > most:
        raise ValueError("too many headers")
    return BytesHeaderParser(policy=compat32).parsebytes(block)
