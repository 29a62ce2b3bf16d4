"""What a mail says: the words of the notices it carries, in every language of the pack, and nothing beyond them.

Sender, subject and file name are neutral; no name of a person or of an opening stands anywhere. What is said twice is
the same letter: its Message-ID follows from the notices, so that a repeat can be told from news.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from shared.events.notices import NOTICE, RECALL
from shared.reference.pack import Pack

CONTENT_TYPE = "cloudevents-batch+json"  # of application/, CloudEvents JSON format 1.0, section 4
RULE = "-" * 20
MOST_TOLD = 200  # notices in one mail


@dataclass(frozen=True, slots=True)
class TroubleTold:
    """``about``: a subscription, or an agency. ``case``: which sentences. ``noted``: when we first saw this trouble,
    which names the letter; ``minutes`` have passed since. ``since``: when it began. ``ends_at``: when its subscription
    ends if nothing changes. ``reason``: why it was disabled. ``count``: of what the trouble is with."""

    about: str
    channel: str
    case: str
    noted: datetime
    since: datetime
    minutes: int = 0
    ends_at: datetime | None = None
    reason: str | None = None
    count: int = 0


class MailComposer:
    """``sender``: from whom, an address of ours. ``address``: where the services are asked, as people read it."""

    def __init__(self, pack: Pack, sender: str) -> None:
        self._pack = pack
        self._sender = sender

    def told(self, to: str, events: Sequence[Mapping[str, Any]], now: datetime) -> EmailMessage:
        """A mail that carries these notices and recalls (CloudEvents), for people and, attached, for a system."""
        many = "one" if len(events) == 1 else "many"
        mail = self._letter(
            to,
            self._each(f"mail.subject.{many}", count=len(events)),
            "told/" + "/".join(str(event["id"]) for event in events),
            now,
        )
        mail.set_content(self._body([lambda lang: [self._line(event, lang) for event in events]], "mail.closing"))
        batch = [{**event, "data": {**event["data"], "padding": ""}} for event in events]
        mail.add_attachment(
            json.dumps(batch, indent=1).encode(), maintype="application", subtype=CONTENT_TYPE, filename="notices.json"
        )
        return mail

    def about_trouble(self, to: str, told: TroubleTold, now: datetime) -> EmailMessage:
        """A mail to the owner of a subscription."""
        case, ends_at = told.case, told.ends_at
        said = {
            "subscription": told.about,
            "channel": told.channel,
            "minutes": told.minutes,
            "since": self._moment(told.since),
            "ends_at": self._moment(ends_at) if ends_at else "",
            "reason": told.reason or "",
            "count": told.count,
        }
        ends = ["mail.endpoint.ends"] if case == "endpoint.failing" and ends_at else []
        texts = [f"mail.{case}.text", *ends]
        stamp = f"{case}/{told.about}/{told.noted.isoformat()}/{said['ends_at']}"
        mail = self._letter(to, self._each(f"mail.{case}.subject"), stamp, now)
        mail.set_content(self._body([lambda lang: [self._pack.sentence(text, lang, **said) for text in texts]], None))
        return mail

    def _moment(self, moment: datetime) -> str:
        """By the clock that its readers have."""
        local = moment.astimezone(ZoneInfo(self._pack.timezone))
        return f"{local:%Y-%m-%d %H:%M} ({self._pack.timezone})"

    def _letter(self, to: str, subject: str, identity: str, now: datetime) -> EmailMessage:
        mail = EmailMessage(policy=SMTP)
        mail["From"] = Address(addr_spec=self._sender)
        mail["To"] = Address(addr_spec=to)  # raises for anything that is more than one plain address
        mail["Subject"] = subject
        mail["Date"] = format_datetime(now)
        domain = self._sender.rpartition("@")[2]
        mail["Message-ID"] = f"<{sha256(identity.encode()).hexdigest()[:32]}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer from a machine, please
        return mail

    def _body(self, parts: Sequence[Any], closing: str | None) -> str:
        pages = []
        for language in self._pack.languages:
            lines = [line for part in parts for line in part(language)]
            if closing is not None:
                lines += ["", self._pack.sentence(closing, language)]
            pages.append("\n".join(lines))
        return f"\n\n{RULE}\n\n".join(pages) + "\n"

    def _each(self, key: str, **values: object) -> str:
        return " / ".join(self._pack.sentence(key, language, **values) for language in self._pack.languages)

    def _line(self, event: Mapping[str, Any], language: str) -> str:
        data, say = event["data"], self._pack.sentence
        if event["type"] == RECALL:
            return say("mail.recall", language, alias=data["alias"], notice=data["notice"])
        if event["type"] != NOTICE:
            return say("mail.test", language)
        kind = say(f"kind.{data['kind']}", language) if data["kind"] in self._pack.kinds else data["kind"]
        return say(
            f"mail.notice.{data['state']}",
            language,
            kind=kind,
            alias=data["alias"],
            opportunity=data["opportunity"],
            band=say(f"mail.band.{data['band']}", language),
            month=data["month"],
            ask=data["ask"],
        )
