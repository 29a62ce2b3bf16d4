"""What a partner's answer to a webhook means. Only the status and three headers speak, and whether there is anything in
its body, which is never looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from services.notifications.domain.attempt_verdict import ANSWERED_WITH_A_PAGE, Verdict

ABORTED = "aborted"
DISABLED = "disabled-by-recipient"
_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_WITHOUT_CONTENT = frozenset({204, 205})  # whatever their content-type says: some frameworks put it on every answer
# Errors after which nothing can have reached the partner.
_NOTHING_SENT = frozenset({"no-connection", "tls", "url", "secret"})
_ABOUT_THE_MESSAGE = frozenset({400, 404, 413})  # the endpoint is well: it is this message that it does not take


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request: a status with headers (lower-case names), or the reason why there is none. ``empty``:
    its body came to its end, and there was nothing in it."""

    status: int | None = None
    headers: Mapping[str, str] | None = None
    error: str | None = None
    empty: bool = False


def judge(answer: Answer, now: datetime, longest_hold: timedelta) -> Verdict:
    """Standard Webhooks 1.0: 2xx is delivered, 410 disables, 429 and 503 may say when, everything else is retried.

    Redirects are not followed. A recipient may steer with the header ``webhook-delivery``: ``disable`` ends the
    subscription (with a 2xx this message still counts as delivered), ``abort-message`` ends this message only. A 2xx
    with a page for people is doubtful: a proxy's sign-in or block page looks so. One that has no content has no page:
    many frameworks answer with nothing and call it ``text/html``.
    """
    status = answer.status
    if status is None:
        return Verdict("again", answer.error or "no-answer", possibly_sent=answer.error not in _NOTHING_SENT)
    headers = answer.headers or {}
    wish = headers.get("webhook-delivery", "").strip().lower()
    taken = 200 <= status < 300
    if status == 410:
        return Verdict("failed", "gone", disable=True)
    if wish == "disable":
        return Verdict("delivered", disable=True, endpoint_healthy=True) if taken else _DISABLED
    if wish == "abort-message":
        return Verdict("failed", ABORTED, endpoint_healthy=True)
    if taken:
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        page = kind in _PAGES and status not in _WITHOUT_CONTENT and not answer.empty
        return Verdict("delivered", ANSWERED_WITH_A_PAGE if page else None, endpoint_healthy=True, doubtful=page)
    if 300 <= status < 400:
        return Verdict("again", "redirect")
    return Verdict(
        "again",
        f"refused-{status}" if 400 <= status < 600 else "not-http",
        hold=retry_after(headers.get("retry-after"), now, longest_hold) if status in (429, 503) else None,
        endpoint_healthy=status in _ABOUT_THE_MESSAGE,
    )


_DISABLED = Verdict("failed", DISABLED, disable=True)


def retry_after(value: str | None, now: datetime, longest: timedelta) -> timedelta | None:
    """What ``Retry-After`` asks for (RFC 9110 10.2.3): seconds or an HTTP date, at most ``longest``.

    None when there is none or it makes no sense; a date that has passed asks for nothing (zero).
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        seconds = int(text) if len(text) <= 12 else 10**12
        return min(timedelta(seconds=min(seconds, 10**9)), longest)
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:  # "-0000": RFC 5322 for a UTC time without a zone
            moment = moment.replace(tzinfo=UTC)
        return min(max(moment - now, timedelta(0)), longest)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
