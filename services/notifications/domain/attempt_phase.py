"""How far an attempt came, as its recipient may know it: from the reason alone, so it costs no attempt anything.

Looking a name up, the address guard and dialling are one phase. Apart they would make us a scanner: whoever registers
names could read from "resolved, not dialled" what our resolver and network know (docs/decisions/0024). For the same
reason no duration is told of an attempt that ended there.
"""

from __future__ import annotations

from typing import Literal

from services.notifications.domain.attempt_verdict import FAILED_HERE, MAIL_SERVER, NO_MAIL_SERVER

Phase = Literal["connect", "tls", "first-byte", "answer"]

_BEFORE_A_CONNECTION = frozenset({"no-connection", "url", "secret", "no-topics-here", "no-topic", "not-allowed"})
OURS = frozenset({FAILED_HERE, MAIL_SERVER, NO_MAIL_SERVER})  # how far it came is for us to know
_NO_ANSWER = frozenset({"timeout", "connection-lost", "no-answer"})  # time runs out for a connection before it stands


def phase_of(reason: str | None) -> Phase | None:
    """Where an attempt with this reason ended; None when it was taken, or a fault of ours (our mail server's is
    one) ended it, wherever.

    ``connect``: no connection stood. ``tls``: it was not secured. ``first-byte``: the request may have reached the
    partner, and no whole head of an answer came back: nothing, or one that began and did not end. ``answer``: an answer
    came, and not a good one.
    """
    if reason is None or reason in OURS:
        return None
    if reason in _BEFORE_A_CONNECTION:
        return "connect"
    if reason == "tls":
        return "tls"
    return "first-byte" if reason in _NO_ANSWER else "answer"
