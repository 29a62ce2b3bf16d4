"""How many records go into one transaction."""

from __future__ import annotations

from pymongo.errors import DocumentTooLarge, ExecutionTimeout, NetworkTimeout, PyMongoError, WTimeoutError

STEPS = 16  # from nothing to the most, and full transactions that must work before each step
# MaxTimeMSExpired, TransactionTooLarge, NoSuchTransaction (ended by the server for its age), BSONObjectTooLarge
_OF_SIZE = frozenset({50, 257, 251, 10334})


def too_much(error: BaseException) -> bool:
    """Whether less in one transaction may help: a time-out of an answer, or a limit of size. A server that is away, a
    conflict, Kafka: no."""
    if isinstance(error, DocumentTooLarge | ExecutionTimeout | NetworkTimeout | WTimeoutError):
        return True
    return isinstance(error, PyMongoError) and getattr(error, "code", None) in _OF_SIZE


class AdaptiveBatchSize:
    """AIMD: halved when it was too much; then it grows back slowly, by steps of a sixteenth of ``most`` after sixteen
    full transactions each: what is too much costs a whole time-out every time it is tried."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._worked = 0
        self.size = most

    def worked(self, records: int) -> None:
        """A transaction of so many records was committed. Only a full one says that this size works."""
        if records >= self.size:
            self._worked += 1
            if self._worked % STEPS == 0:
                self.size = min(self._most, self.size + max(1, self._most // STEPS))

    def was_too_much(self) -> None:
        self._worked = 0
        self.size = max(1, self.size // 2)
