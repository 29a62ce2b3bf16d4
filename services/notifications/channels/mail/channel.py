"""The channel ``email``: a mail for each notice, as soon as it is told."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from services.notifications.channel import Configuration, Due, PushChannel
from services.notifications.channels.credentials import Credentials
from services.notifications.channels.mail.composer import MailComposer
from services.notifications.channels.mail.return_path import ReturnPath
from services.notifications.channels.mail.smtp_relay import Relay, judge
from services.notifications.documents import EMAIL, SubscriptionDocument
from services.notifications.domain.attempt_verdict import NO_MAIL_SERVER, Verdict
from services.notifications.domain.mail_address_rules import SCHEME, address_of, check_mailto
from services.notifications.domain.refused_option import OptionRefused
from shared.events.refusal import Refusal, Refused
from shared.kit.web.problems import Problem

MOST_MAILS_ASKED = (5, timedelta(hours=1))  # test mails of one agency: the mailbox may be somebody else's


class Email(PushChannel):
    """``relay`` None: the operator has named no mail server, and nobody can subscribe."""

    name = EMAIL
    most_asked = MOST_MAILS_ASKED

    def __init__(
        self,
        credentials: Credentials,
        on_due: Due,
        relay: Relay | None,
        texts: MailComposer,
        returns: ReturnPath,
        spread: timedelta = timedelta(0),
    ) -> None:
        super().__init__(on_due, spread)
        self._credentials = credentials
        self._relay = relay
        self._texts = texts
        self._returns = returns

    async def configure(self, subscription: str, agency: str, url: str | None) -> Configuration:
        """One plain mailbox. That it is the agency's own is for the operator to know: nothing is asked of it."""
        return Configuration(self._credentials.sealed_target(subscription, mailbox(url, self._relay)))

    def place(self, target: str | None) -> object:
        """Who tells capital letters apart before the @ is so rare that two such mailboxes are taken for one."""
        return None if target is None else target.lower()

    @property
    def longest(self) -> timedelta:
        """With the late answer to a mail. Digests leave by the same relay."""
        return timedelta(0) if self._relay is None else self._relay.longest

    async def attempt(self, endpoint: SubscriptionDocument, notice: str, body: bytes, now: datetime) -> Verdict:
        """Hand one mail to the mail server."""
        if self._relay is None:  # it was taken away: what waits, waits
            return Verdict("again", NO_MAIL_SERVER, possibly_sent=False, ours=True)
        try:
            to = address_of(self._credentials.target_of(endpoint) or "")
            mail = self._texts.told(to, [json.loads(body)], now)
        except Exception:  # a wrong key of ours: the partner must not pay for it with a lost notice
            return Verdict("again", "secret", possibly_sent=False, ours=True)
        return judge(await self._relay.send(to, mail, self._returns.tag(endpoint["_id"], endpoint["target"])))


def mailbox(url: str | None, relay: Relay | None) -> str:
    """The ``mailto:`` URL of one plain mailbox. Raises a 422 problem."""
    if relay is None:
        raise Problem(422, "no-mail-here", "This service sends no e-mail", field="/channel", rule="no-mail-server")
    if url is None:
        raise Refused(Refusal("missing-field", "/url"))
    try:
        return f"{SCHEME}{check_mailto(url)}"
    except OptionRefused as refused:
        raise Problem(
            422, "address-refused", "This address cannot be written to", field="/url", rule=refused.rule
        ) from None
