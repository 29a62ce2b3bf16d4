"""What the kit's moving parts tell whoever counts and logs. The default listens to nothing."""

from __future__ import annotations


class Observer:
    """Override what you want to count or log. Called on the event loop, so it must be quick; it must not raise.

    Arguments are names, counts and seconds: never a value out of an event.
    """

    def consumed(self, topic: str, event_type: str, count: int) -> None:
        """Events of a type were handled and committed."""

    def passed_over(self, topic: str, event_type: str, count: int) -> None:
        """Events without a handler here, or flagged as a test run, went by without effect."""

    def set_apart(self, topic: str, reason: str) -> None:
        """One record was set apart in quarantine."""

    def batch(self, records: int, seconds: float) -> None:
        """One batch of records was committed."""

    def fenced(self, topic: str) -> None:
        """Somebody else owns a partition now; this owner's transaction was undone."""

    def retried(self, part: str, error: str) -> None:
        """Something failed that may work later (``error``: a class name)."""

    def published(self, topic: str, rows: int) -> None:
        """Rows of the outbox are known to be in the topic that exists now."""

    def republished(self, topic: str, rows: int) -> None:
        """Rows that an earlier topic of this name had swallowed were sent again."""

    def reopened(self, topic: str) -> None:
        """A topic that is read has another id than before: it is read from its beginning."""

    def cut_back(self, topic: str, partition: int) -> None:
        """A log ends before what was done of it, under the same topic id: it is read from its beginning."""
