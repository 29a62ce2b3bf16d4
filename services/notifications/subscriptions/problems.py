"""What can stand in the way of a subscription, as answers."""

from __future__ import annotations

from services.notifications.documents import WEBHOOK, ChannelName
from services.notifications.domain.attempt_phase import phase_of
from services.notifications.domain.attempt_verdict import Verdict
from shared.kit.web.problems import Problem


def taken(subscription: str) -> Problem:
    """Another one of the agency leads there."""
    return Problem(409, "already-subscribed", "A subscription of yours leads there already", subscription=subscription)


def too_many_subscriptions() -> Problem:
    """Of one agency."""
    return Problem(409, "too-many-subscriptions", "You have 20 subscriptions")


def too_many_secrets() -> Problem:
    """None is ended before its time."""
    return Problem(
        409,
        "too-many-secrets",
        "Four secrets of this subscription sign at the moment",
        "Each of them was promised to sign along for a while, and none is ended before.",
    )


def check_failed(channel: ChannelName, verdict: Verdict) -> Problem:
    """``reason`` and ``phase`` as in the log of an attempt."""
    return Problem(
        409,
        "endpoint-check-failed",
        "Your endpoint did not say that it wants to be told",
        reason=verdict.reason,
        phase=phase_of(verdict.reason),
        name=None if channel == WEBHOOK else "endpoint-not-there",
    )


def asked_too_often(wait: int) -> Problem:
    """Of one agency and channel, whatever the subscription."""
    return Problem(
        429,
        "asked-too-often",
        "So many of your endpoints were asked or tested lately",
        "We call an address only so often before its owner has said that it wants to be called.",
        headers={"Retry-After": str(max(1, wait))},
    )


def changed_meanwhile() -> Problem:
    """What was checked is not what stands there now."""
    return Problem(409, "changed-meanwhile", "The subscription was changed meanwhile")


def not_what_was_read() -> Problem:
    """``If-Match`` names another state of it."""
    return Problem(
        412, "not-what-was-read", "The subscription is not what you read", field="/header/if-match", rule="changed"
    )


def no_etag() -> Problem:
    """``If-Match`` holds something else, a tag without its quotation marks for example."""
    return Problem(422, "no-etag", "This is no ETag", field="/header/if-match", rule="etag")


def cannot_pause() -> Problem:
    """Not begun, ended, or a channel to which the partner comes."""
    return Problem(409, "nothing-to-pause", "This subscription is sent nothing")


def nothing_to_test() -> Problem:
    """A channel on which we do not call."""
    return Problem(409, "nothing-to-test", "We do not call you here")


def nothing_is_signed() -> Problem:
    """A secret, on a channel without one."""
    return Problem(409, "nothing-is-signed", "Nothing is signed on this channel")


def only_if_we_call() -> Problem:
    """What is about our calling, on a channel on which we do not."""
    return Problem(
        422,
        "not-for-this-channel",
        "secret, headers, tls, per_second, order, blocked_head_seconds and retry_schedule are for channels on which"
        " we call you",
        field="/channel",
        rule="unexpected",
        name="only-if-we-call",
    )


def needs_order() -> Problem:
    """``blocked_head_seconds`` where nothing waits for anything."""
    title, field = "blocked_head_seconds counts only with order", "/blocked_head_seconds"
    return Problem(422, "needs-order", title, field=field, rule="needs-order")


def no_mail_here() -> Problem:
    """``alerts_to`` where the operator has no mail server."""
    return Problem(422, "no-mail-here", "This service sends no e-mail", field="/alerts_to", rule="no-mail-server")


def only_over_http() -> Problem:
    """``secret``, ``headers``, ``tls`` on a mailbox or topic."""
    return Problem(
        422,
        "not-for-this-channel",
        "secret, headers and tls are for webhooks",
        field="/channel",
        rule="unexpected",
        name="only-over-http",
    )
