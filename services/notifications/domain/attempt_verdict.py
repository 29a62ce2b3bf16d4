"""What one attempt came to, in the words of every channel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

Outcome = Literal["delivered", "again", "failed"]
NO_MAILBOX = "no-such-mailbox"  # the reason for which a subscription by mail ends, whoever says so
FAILED_HERE = "failed-here"  # the reason where a fault of ours ended an attempt
MAIL_SERVER = "mail-server"  # the reason where our own mail server did
NO_MAIL_SERVER = "no-mail-server"  # the reason where we have none any more
ANSWERED_WITH_A_PAGE = "answered-with-a-page"  # the reason for which a webhook's answer is doubtful


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reason``: a slug of ours, never a partner's words. ``hold``: send no notice to this endpoint for so long,
    and no recall for a part of it (domain/circuit_breaker.py).
    ``disable``: send nothing to it ever again. ``endpoint_healthy``: it answered in a sensible way, whatever it said of
    this message. ``possibly_sent``: False when nothing can have reached the partner. ``doubtful``: it was taken, but
    not as a system answers that takes notices (with a page for people): perhaps something in between has said yes.
    """

    outcome: Outcome
    reason: str | None = None
    hold: timedelta | None = None
    disable: bool = False
    endpoint_healthy: bool = False
    possibly_sent: bool = True
    doubtful: bool = False
    ours: bool = False
    ends_recall: bool = True

    def about(self, about: Literal["notice", "recall"]) -> Verdict:
        """What it means for a notice or a recall: somebody's gateway saying yes ends no recall, nor does a mail server
        that may say something else tomorrow. It is tried again until it is taken without doubt, or acknowledged."""
        goes_on = self.doubtful or (self.outcome == "failed" and not self.ends_recall)
        return replace(self, outcome="again") if goes_on and about == "recall" else self

    def counted_as(self) -> str:
        """The outcome, as metrics say it."""
        return "doubtful" if self.doubtful else self.outcome
