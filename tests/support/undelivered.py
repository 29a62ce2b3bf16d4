"""Reports of undelivered mails, as four kinds of servers shape them: made up for these tests, with invented names.
And those that real servers wrote (`written`; decision 70 says which), with only names of hosts replaced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

_WRITTEN = Path(__file__).parent / "written"


def crlf(text: str) -> bytes:
    """As it goes over the wire."""
    return text.replace("\n", "\r\n").encode()


def written(name: str) -> bytes:
    """As the server wrote it, a mail to somebody of ``*.example`` in it."""
    return crlf((_WRITTEN / f"{name}.eml").read_text(encoding="utf-8"))


def postfix(to: str, status: str = "5.1.1", action: str = "failed") -> bytes:
    """Three parts, the mail itself at the end; what it rewrote it says."""
    return crlf(f"""\
Return-Path: <>
Received: by mx.relay.example (Postfix) id 4Q1; Sat, 28 Nov 2026 12:00:00 +0000 (UTC)
Date: Sat, 28 Nov 2026 12:00:00 +0000 (UTC)
From: MAILER-DAEMON@mx.relay.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: bounces@ieum.example
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="4Q1.1795867200/mx.relay.example"
Content-Transfer-Encoding: 8bit
Message-Id: <20261128120000.4Q1@mx.relay.example>

This is a MIME-encapsulated message.

--4Q1.1795867200/mx.relay.example
Content-Description: Notification
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

<{to}>: host mx.partner.example[192.0.2.5] said: 550 {status}
    <{to}>: Recipient address rejected (in reply to RCPT TO command)

--4Q1.1795867200/mx.relay.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.relay.example
X-Postfix-Queue-ID: 4Q1
Arrival-Date: Sat, 28 Nov 2026 11:59:00 +0000 (UTC)

Final-Recipient: rfc822; {to}
Original-Recipient: rfc822;{to}
Action: {action}
Status: {status}
Remote-MTA: dns; mx.partner.example
Diagnostic-Code: smtp; 550 {status} <{to}>: Recipient address rejected

--4Q1.1795867200/mx.relay.example
Content-Description: Undelivered Message
Content-Type: message/rfc822
Content-Transfer-Encoding: 8bit

From: notices@ieum.example
Subject: 1 notice
Content-Type: multipart/mixed; boundary="inner"

--inner
Content-Type: message/delivery-status

Reporting-MTA: dns; nobody

Final-Recipient: rfc822; {to}
Action: failed
Status: 5.1.1

--inner--

--4Q1.1795867200/mx.relay.example--
""")


def exim(to: str, status: str = "5.1.1", action: str = "failed") -> bytes:
    """It says 5.0.0 of everything; what it was told stands in the diagnostic code."""
    return crlf(f"""\
X-Failed-Recipients: {to}
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@relay.example>
To: bounces@ieum.example
Content-Type: multipart/report; report-type=delivery-status; boundary=1795867200-eximdsn-90
MIME-Version: 1.0
Subject: Mail delivery failed: returning message to sender

--1795867200-eximdsn-90
Content-type: text/plain; charset=us-ascii

A message that you sent could not be delivered.

--1795867200-eximdsn-90
Content-type: message/delivery-status

Reporting-MTA: dns; relay.example

Action: {action}
Final-Recipient: rfc822;{to}
Status: 5.0.0
Remote-MTA: dns; mx.partner.example
Diagnostic-Code: smtp; 550-{status} <{to}>: Recipient address rejected: User unknown

--1795867200-eximdsn-90
Content-type: message/rfc822

Subject: 1 notice

--1795867200-eximdsn-90--
""")


def exchange(to: str, status: str = "5.1.1", action: str = "failed") -> bytes:
    """A first part with parts of its own, headers over headers, an address in the case that its directory has."""
    trace = "".join(f"X-MS-Exchange-CrossTenant-{number}: {'0123456789abcdef' * 8}\n" for number in range(60))
    return crlf(f"""\
{trace}From: <postmaster@partner.example>
To: <bounces@ieum.example>
Subject: Undeliverable: 1 notice
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="6c3e8a1b-9f4d-4e7a-8b2c-1d5f7a9c3e60"
MIME-Version: 1.0

--6c3e8a1b-9f4d-4e7a-8b2c-1d5f7a9c3e60
Content-Type: multipart/alternative; differences=Content-Type;
\tboundary="6c3e8a1b-9f4d-4e7a-8b2c-1d5f7a9c3e60-2"

--6c3e8a1b-9f4d-4e7a-8b2c-1d5f7a9c3e60-2
Content-Type: text/plain; charset="us-ascii"

Delivery has failed to these recipients or groups.

--6c3e8a1b-9f4d-4e7a-8b2c-1d5f7a9c3e60-2--

--6c3e8a1b-9f4d-4e7a-8b2c-1d5f7a9c3e60
Content-Type: message/delivery-status

Reporting-MTA: dns;mail.partner.example
Received-From-MTA: dns;mx.relay.example
Arrival-Date: Sat, 28 Nov 2026 11:59:00 +0000

Final-Recipient: rfc822;{to.title()}
Action: {action}
Status: {status}
Diagnostic-Code: smtp;550 {status} RESOLVER.ADR.RecipientNotFound; not found
Remote-MTA: dns;mail.partner.example

--6c3e8a1b-9f4d-4e7a-8b2c-1d5f7a9c3e60
Content-Type: text/rfc822-headers

Subject: 1 notice

--6c3e8a1b-9f4d-4e7a-8b2c-1d5f7a9c3e60--
""")


def gmail(to: str, status: str = "5.1.1", action: str = "failed") -> bytes:
    """Pictures in the first part, fields in an order of its own, a status over several lines."""
    return crlf(f"""\
From: Mail Delivery Subsystem <mailer-daemon@provider.example>
To: bounces@ieum.example
Auto-Submitted: auto-replied
Subject: Delivery Status Notification (Failure)
MIME-Version: 1.0
Content-Type: multipart/report; boundary="000000000000a1b2c3d4e5f6"; report-type=delivery-status

--000000000000a1b2c3d4e5f6
Content-Type: multipart/related; boundary="000000000000f6e5d4c3b2a1"

--000000000000f6e5d4c3b2a1
Content-Type: text/html; charset="UTF-8"
Content-Transfer-Encoding: base64

{chr(10).join(["PGh0bWw+" * 9] * 40)}

--000000000000f6e5d4c3b2a1--

--000000000000a1b2c3d4e5f6
Content-Type: message/delivery-status

Reporting-MTA: dns; provider.example
Received-From-MTA: dns; notices@ieum.example
Arrival-Date: Sat, 28 Nov 2026 03:59:00 -0800 (PST)
X-Original-Message-ID: <0123@ieum.example>

Final-Recipient: rfc822; {to}
Action: {action}
Status: {status}
Remote-MTA: dns; mx.partner.example. (192.0.2.5, the server for the domain partner.example.)
Diagnostic-Code: smtp; 550-{status} The email account that you tried to reach does not exist. Please try
 550-{status} double-checking the recipient's email address
Last-Attempt-Date: Sat, 28 Nov 2026 04:00:00 -0800 (PST)

--000000000000a1b2c3d4e5f6
Content-Type: message/rfc822

Subject: 1 notice

--000000000000a1b2c3d4e5f6--
""")


REPORTS: dict[str, Callable[..., bytes]] = {"postfix": postfix, "exim": exim, "exchange": exchange, "gmail": gmail}

AWAY = crlf("""\
From: Jobs <jobs@partner.example>
To: bounces@ieum.example
Auto-Submitted: auto-replied
Subject: Out of office
Content-Type: text/plain; charset=utf-8

I am away until Monday. 550 5.1.1 failed permanently.
""")
"""An answer from somebody's holidays."""
