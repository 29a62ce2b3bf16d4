"""A place in a feed as its reader holds it, to give back: sealed, so that nobody makes one or takes another's."""

from __future__ import annotations

import base64
import binascii
import contextlib

from services.notifications.domain.feed_place import Place
from shared.kit.base.sealing import SealBroken, Sealer


class UnknownCursor(ValueError):
    """Not a cursor of ours, or not this recipient's."""


class FeedCursors:
    """Makes and reads them."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def sealed(self, place: Place, recipient: str) -> str:
        """The cursor of a place; another one each time."""
        sealed = self._sealer.seal(place.to_bytes(), *_sealed_for(place.until is not None, recipient))
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def opened(self, cursor: str, recipient: str) -> Place:
        """The place of a cursor. Raises UnknownCursor."""
        try:
            sealed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        except (binascii.Error, ValueError):
            raise UnknownCursor from None
        for within in (False, True):
            with contextlib.suppress(SealBroken):
                return Place.of_bytes(self._sealer.open(sealed, *_sealed_for(within, recipient)))
        raise UnknownCursor


def _sealed_for(within: bool, recipient: str) -> tuple[str, str]:
    """Apart from each other: a replica of before takes a place within a page for none, and not for a far position."""
    return ("feed-cursor-within" if within else "feed-cursor"), recipient
