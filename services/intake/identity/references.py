"""The blind index: from (agency, reference) to a thing of ours, without keeping the reference.

A keyed hash, because references can be guessed: without the key a list of all possible references tells nothing.
"""

from __future__ import annotations

from typing import Literal

from shared.kit.base.ids import Ids

Family = Literal["person", "job", "programme"]


class References:
    """Hashes under which things are found. One agency's references never meet another's."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    def index(self, family: Family, agency: str, reference: str) -> str:
        """The `_id` in the collection of references, 64 hex digits."""
        return self._ids.keyed_hash("reference", family, agency, reference)

    def recipient(self, agency: str) -> str:
        """By what an agency is found that somebody names as the recipient of a consent, and under what that is kept: it
        need not be registered, and so may be anything that was written there."""
        return self._ids.keyed_hash("recipient", agency)

    def consent(self, purpose: str, recipient: str | None) -> str:
        """The name of a consent, "purpose/" and 64 hex digits, or "purpose/" for everybody."""
        return f"{purpose}/{'' if recipient is None else self.recipient(recipient)}"

    def event(self, source: str, event_id: str) -> str:
        """The `_id` in the inbox of an event from outside: `(source, id)` identifies it for ever."""
        return self._ids.keyed_hash("event", source, event_id)

    def content(self, content: bytes) -> str:
        """What is kept of an event's content, to tell "the same again" from "the same id with other content"."""
        return self._ids.keyed_hash("content", content.decode())
