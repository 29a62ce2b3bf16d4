"""Whether the mail server refuses one address, or us: by what becomes of mails to others meanwhile (decision 76).

A refusal that may be about either counts as the address's own only where a mail to another address was taken between it
and the one before, several times: who stands at a wrong setting is refused in between, too. Kept in memory, and as much
of it as is bounded; what is forgotten is found out again, and its mails wait meanwhile.
"""

from __future__ import annotations

from collections import OrderedDict

from services.notifications.domain.mail_refusals import About

PROVEN = 3  # times that another was taken between two refusals: one server of two that is set wrong shows it once
MOST_REFUSED = 10_000  # addresses


class RelayStanding:
    """Asked after every answer, in the order in which they came."""

    def __init__(self, most: int = MOST_REFUSED) -> None:
        self._most = most
        self._taken = 0
        # by address: how often others were taken in between, and how many were taken before it was last refused
        self._refused: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def taken(self, to: str) -> None:
        """A mail to this address was taken."""
        self._taken += 1
        self._refused.pop(to.lower(), None)

    def refused(self, to: str) -> About:
        """A mail to this address was refused for good, and may have been because of us. ``server``: no other was taken
        since it was refused last; ``unclear``: some were, not often enough; ``mailbox``: it is its own."""
        times, before = self._refused.pop(to.lower(), (0, self._taken))
        others = self._taken > before
        self._refused[to.lower()] = times + others, self._taken
        if len(self._refused) > self._most:
            self._refused.popitem(last=False)
        if not others:
            return "server"
        return "mailbox" if times + others >= PROVEN else "unclear"
