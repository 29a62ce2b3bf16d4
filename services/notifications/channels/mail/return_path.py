"""Where a report of a mail that could not be delivered comes back to: an address that only we can have written.

The envelope's sender carries the subscription (VERP, decision 32), which generation of its address was written to, and
a keyed hash over both (decision 70): whoever invents one is told that there is no such mailbox, before any database is
asked. The generation follows from the sealed address, which is sealed anew whenever it is changed: what comes back for
an address that was replaced since is known as such, and the subscription's mailbox is told from its `alerts_to`.
"""

from __future__ import annotations

import re
from base64 import b32encode
from dataclasses import dataclass
from hmac import compare_digest

from shared.kit.base.ids import Ids

_GENERATION, _SIGNED = 5, 13  # letters of five bits: 25 that tell two addresses apart, 65 that nobody guesses by asking
_TAG = re.compile(rf"([0-9a-f]{{32}})-([a-z2-7]{{{_GENERATION}}})([a-z2-7]{{{_SIGNED}}})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ReturnTag:
    """A subscription, and which of its addresses was written to."""

    subscription: str
    generation: str


class ReturnPath:
    """``bounces``: the plain address that the tags are added to; empty: reports go to whom the mails are from."""

    def __init__(self, ids: Ids, bounces: str) -> None:
        self._ids = ids
        local, _, self._domain = bounces.lower().rpartition("@")
        self._prefix = f"{local}+"
        self.host = self._domain or "localhost"

    def tag(self, subscription: str, sealed: bytes | None) -> str:
        """What is added for a mail to this sealed address of the subscription."""
        generation = self._generation(subscription, sealed)
        return f"{subscription}-{generation}{self._signed(subscription, generation)}"

    def read(self, address: str) -> ReturnTag | None:
        """What an address says that we have written; None for any other. Servers on the way may change its case."""
        local, _, domain = address.lower().rpartition("@")
        found = _TAG.fullmatch(local.removeprefix(self._prefix))
        if not local.startswith(self._prefix) or domain != self._domain or found is None:
            return None
        subscription, generation, signed = found.groups()
        if not compare_digest(signed, self._signed(subscription, generation)):
            return None
        return ReturnTag(subscription, generation)

    def names(self, tag: ReturnTag, sealed: bytes | None) -> bool:
        """Whether it was this address, as it is sealed now, that was written to."""
        return sealed is not None and tag.generation == self._generation(tag.subscription, sealed)

    def _generation(self, subscription: str, sealed: bytes | None) -> str:
        return _letters(self._ids.keyed_hash("mail generation", subscription, (sealed or b"").hex()))[:_GENERATION]

    def _signed(self, subscription: str, generation: str) -> str:
        return _letters(self._ids.keyed_hash("mail return path", subscription, generation))[:_SIGNED]


def _letters(digest: str) -> str:
    return b32encode(bytes.fromhex(digest)).decode("ascii").lower()
