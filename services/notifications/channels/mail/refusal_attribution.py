"""Whether the mail server refuses one address, or us: by what becomes of mails to others meanwhile (decision 76).

A refusal that may be about either counts as the address's own only where a mail to another address was taken between it
and the one before, several times, and with time between them: who stands at a wrong setting is refused in between, too.
Nothing is proven while several addresses are refused, or one that was refused is taken after all: of two servers behind
one name one is set wrong, then. Kept in memory, and as much of it as is bounded; what is forgotten is found out again,
and its mails wait meanwhile.
"""

from __future__ import annotations

import math
from collections import OrderedDict

from services.notifications.domain.mail_refusals import About

PROVEN = 3  # times that another was taken between two refusals: one server of two that is set wrong shows it once
SEVERAL = 2  # other addresses that are refused as well: then it is us
MOST_REFUSED = 10_000  # addresses


class RefusalAttribution:
    """Asked after every answer, in the order in which they came. ``again_after``: seconds between two refusals of an
    address that prove something; ``now``: of a clock that never goes back."""

    def __init__(self, again_after: float, most: int = MOST_REFUSED) -> None:
        self._again_after, self._lately = again_after, PROVEN * again_after
        self._most = most
        self._taken = 0
        # by address: how often it was proven, how many were taken before it was last refused, when a proof last began
        self._refused: OrderedDict[str, tuple[int, int, float]] = OrderedDict()
        self._when: OrderedDict[str, float] = OrderedDict()  # by address, also of those that were taken since
        self._came_back = -math.inf

    def taken(self, to: str, now: float) -> None:
        """A mail to this address was taken."""
        self._taken += 1
        if self._refused.pop(to.lower(), None) is not None:
            self._came_back = now

    def refused(self, to: str, now: float) -> About:
        """A mail to this address was refused for good, and may have been because of us. ``server``: no other was taken
        since it was refused last; ``unclear``: some were, which proves too little; ``mailbox``: it is its own."""
        to = to.lower()
        times, before, since = self._refused.pop(to, (0, self._taken, now))
        others = self._taken > before
        if self._may_be_us(to, now):
            times, since = 0, now
        elif others and now - since >= self._again_after:
            times, since = times + 1, now
        self._refused[to] = times, self._taken, since
        if len(self._refused) > self._most:
            self._refused.popitem(last=False)
        if not others:
            return "server"
        return "mailbox" if times >= PROVEN else "unclear"

    def _may_be_us(self, to: str, now: float) -> bool:
        self._when.pop(to, None)
        while self._when and (len(self._when) >= self._most or now - next(iter(self._when.values())) > self._lately):
            self._when.popitem(last=False)
        several = len(self._when) >= SEVERAL
        self._when[to] = now
        return several or now - self._came_back <= self._lately
