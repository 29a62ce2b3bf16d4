"""How many records or operations go into one transaction."""

from __future__ import annotations

from pymongo.errors import (
    BulkWriteError,
    DocumentTooLarge,
    ExecutionTimeout,
    NetworkTimeout,
    PyMongoError,
    WTimeoutError,
)

STEPS = 16  # from nothing to the most, and full transactions that must work before each step
# TransactionTooLarge, TransactionTooLargeForCache (from MongoDB 6.3 on), BSONObjectTooLarge
_TOO_LARGE = frozenset({257, 388, 10334})
# MaxTimeMSExpired, NoSuchTransaction (ended by the server for its age)
_TOO_LONG = frozenset({50, 251})


def too_much(error: BaseException) -> bool:
    """Whether less in one transaction may help: a time-out of an answer, or a limit of size. A server that is away, a
    conflict, Kafka: no."""
    if isinstance(error, ExecutionTimeout | NetworkTimeout | WTimeoutError):
        return True
    return too_large(error) or (isinstance(error, PyMongoError) and getattr(error, "code", None) in _TOO_LONG)


def too_large(error: BaseException) -> bool:
    """Whether a limit of size says no: however often it is tried, only less in one transaction helps."""
    if isinstance(error, BulkWriteError):  # of a statement that came when there was no more room
        return any(each["code"] in _TOO_LARGE for each in (error.details or {}).get("writeErrors", ()))
    if isinstance(error, DocumentTooLarge):
        return True
    return isinstance(error, PyMongoError) and getattr(error, "code", None) in _TOO_LARGE


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

    def was_too_much(self, records: int | None = None) -> None:
        """A transaction of so many records, if it is known: it may have been less than a full one."""
        self._worked = 0
        self.size = max(1, min(self.size, records or self.size) // 2)
