"""What a partner may say of a subscription, checked before anything is stored: filter, headers, secret, rate.

Refusals name field, rule and remedy, and repeat nothing that was sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict

from services.notifications.channels.client_tls import ClientTls, checked_tls
from services.notifications.channels.webhook_signing import is_secret
from services.notifications.documents import Order, SubscriptionDocument
from services.notifications.domain.custom_headers import checked_headers
from services.notifications.domain.mail_address_rules import SCHEME, check_mailto
from services.notifications.domain.refused_option import OptionRefused
from services.notifications.domain.subscription_filters import FIELDS, NEVER_MATCHES, FilterRefused, checked
from shared.events.refusal import Refusal, Refused
from shared.kit.web.problems import Problem
from shared.reference import Pack


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was said, checked; a default where nothing was. ``per_second``: the most that the endpoint wants.
    ``tls``: as it was said, to be checked with `checked_tls_of`. ``retry_waits``: before the second attempt and those
    after it, in seconds. ``alerts_to``: a ``mailto:`` URL."""

    url: str | None = None
    secret: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: ClientTls | None = field(default=None, repr=False)
    filter: str | None = None
    recalls_only: bool = False
    per_second: float | None = None
    order: Order | None = None
    blocked_head_seconds: int | None = None
    retry_waits: tuple[float, ...] | None = None
    alerts_to: str | None = field(default=None, repr=False)

    @property
    def plain(self) -> PlainOptions:
        """Those that are kept as they are said."""
        return {
            "filter": self.filter,
            "recalls_only": self.recalls_only,
            "per_second": self.per_second,
            "order": self.order,
            "blocked_head_seconds": self.blocked_head_seconds,
            "retry_schedule": None if self.retry_waits is None else [0.0, *self.retry_waits],
        }


class PlainOptions(TypedDict, total=False):
    """Fields of a subscription by which nobody is asked first."""

    filter: str | None
    recalls_only: bool
    per_second: float | None
    order: Order | None
    blocked_head_seconds: int | None
    retry_schedule: list[float] | None


def shown_filter(subscription: SubscriptionDocument) -> dict[str, Any] | None:
    """Its filter as it was given."""
    text = subscription.get("filter")
    return None if text is None else json.loads(text)


def filter_of(wanted: Mapping[str, Any] | None, pack: Pack, kept: str | None = None) -> str | None:
    """As it is kept. Raises a 422 problem; Refused for what the pack does not know, as an event is that names it, and
    for what no notice can be.
    What is ``kept`` already may be said again, whatever became of the pack since."""
    if wanted is None:
        return None
    if kept is not None and dict(wanted) == json.loads(kept):
        return kept
    try:
        return checked(dict(wanted), pack)
    except FilterRefused as refused:
        field = f"/filter{refused.place}"
        if refused.values or refused.rule == NEVER_MATCHES:
            raise Refused(Refusal(refused.rule, field, refused.values)) from None
        raise Problem(
            422,
            "filter-refused",
            "This filter cannot be used",
            field=field,
            rule=refused.rule,
            values={"fields": ", ".join(FIELDS)},
        ) from None


def headers_of(wanted: Mapping[str, object]) -> dict[str, str]:
    """By lower-case name. Raises a 422 problem, which says the number of the header that is wrong and names it only
    where that is a word of ours: what a partner calls its headers may be anybody's name."""
    try:
        return checked_headers(wanted)
    except OptionRefused as refused:
        raise Problem(
            422,
            "headers-refused",
            "These headers cannot be sent",
            field="/headers" if refused.name is None else f"/headers/{refused.name}",
            rule=refused.rule,
            header=refused.name,
            number=refused.number,
        ) from None


def checked_tls_of(wanted: ClientTls, now: datetime) -> ClientTls:
    """The same. Raises a 422 problem."""
    try:
        return checked_tls(wanted, now)
    except OptionRefused as refused:
        raise Problem(
            422, "tls-refused", "These certificates cannot be used", field="/tls", rule=refused.rule
        ) from None


def alerts_to_of(wanted: str | None) -> str | None:
    """One plain mailbox as a ``mailto:`` URL. Raises a 422 problem."""
    if wanted is None:
        return None
    try:
        return SCHEME + check_mailto(wanted)
    except OptionRefused as refused:
        raise Problem(
            422, "address-refused", "This address cannot be written to", field="/alerts_to", rule=refused.rule
        ) from None


def secret_of(wanted: str | None) -> str | None:
    """The partner's own secret, if it gave one. Raises a 422 problem."""
    if wanted is not None and not is_secret(wanted):
        raise Problem(422, "secret-refused", "This secret cannot be used", field="/secret", rule="secret-form")
    return wanted
