"""Records that were read and are not done yet. With flows they are done in turns between flows instead of in the order
of the log, so that what one of them gets much of does not hold up the others. No IO.

Records of one key stay in order: a key keeps its flow as long as a record of it waits. How far the work is done is no
longer one offset then, but one up to which all is done and those behind it that are done, too (`Position`).
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from shared.kit.kafka.records import Origin, Partition, Record

SHARE = 32  # of one flow in one transaction: what comes for another meanwhile waits for no more than that
SHARE_BESIDE_OTHERS = 4  # while others have something to do, too: each of theirs waits for such a transaction
STILL_BESIDE_OTHERS = 16  # transactions: so long it has no more after the others are gone
MOST_RECORDS = 20_000  # that wait, and
MOST_BYTES = 32 * 1024 * 1024  # so much of them
MOST_AHEAD = (
    50_000  # some milliseconds for each transaction: offsets from the first that is not done to the last that is
)
Item = tuple[Origin, Record]


class Position(NamedTuple):
    """All up to ``offset`` is done, and those ``ahead`` of it."""

    offset: int
    ahead: frozenset[int] = frozenset()

    def as_bits(self) -> bytes:
        """What is ahead: a bit for each offset behind ``offset``."""
        if not self.ahead:
            return b""
        bits = bytearray((max(self.ahead) - self.offset + 7) // 8)
        for offset in self.ahead:
            place = offset - self.offset - 1
            bits[place // 8] |= 1 << place % 8
        return bytes(bits)

    @classmethod
    def of_bits(cls, offset: int, bits: bytes) -> Position:
        """The position that was kept so."""
        ahead = (8 * n + bit for n, byte in enumerate(bits) if byte for bit in range(8) if byte >> bit & 1)
        return cls(offset, frozenset(offset + 1 + place for place in ahead))


class Backlog:
    """``share``: the most that one flow has in one transaction; ``beside_others``: the same while another flow waits
    that has less than a share, or did before one of the last few transactions. Who has little gains by it; two that
    both have much do not. What is in no flow has a turn like a flow, and whatever is left."""

    def __init__(self, share: int = SHARE, beside_others: int = SHARE_BESIDE_OTHERS) -> None:
        self._share = share
        self._beside_others = min(share, beside_others)
        self._since_others = STILL_BESIDE_OTHERS + 1  # transactions
        self._flows: OrderedDict[Hashable, deque[Item]] = OrderedDict()  # the one in front is next
        self._flow_of: dict[Hashable, Hashable] = {}  # of the keys of which something waits
        self._waiting: dict[Hashable, int] = {}  # how much of each of them
        self._pending: dict[Partition, dict[int, None]] = {}  # what is not done, in the order of the log
        self._ahead: dict[Partition, frozenset[int]] = {}
        self._reached: dict[Partition, int] = {}
        self._records = self._bytes = 0

    def __len__(self) -> int:
        return self._records

    @property
    def room(self) -> int:
        """How many more may be read now."""
        far = any(self._reached[each] - next(iter(p)) > MOST_AHEAD for each, p in self._pending.items() if p)
        return 0 if far or self._bytes >= MOST_BYTES else max(0, MOST_RECORDS - self._records)

    def reached(self, partition: Partition) -> int | None:
        """The last offset that was added; None: none of this partition yet."""
        return self._reached.get(partition)

    def begin(self, partition: Partition, position: Position) -> None:
        """Nothing of it was added yet, and this is done of it."""
        self._reached[partition], self._ahead[partition] = position
        self._pending[partition] = {}

    def add(self, partition: Partition, items: Sequence[Item], flows: Mapping[bytes, Hashable]) -> None:
        """Records of a partition that `begin` has named, in the order of the log. ``flows``: by key, if known."""
        if not items:  # of a partition that may not have begun
            return
        ahead, pending = self._ahead[partition], self._pending[partition]
        fresh = [item for item in items if item[0].offset not in ahead] if ahead else items
        for item in fresh:  # a few steps each: who is behind adds some ten thousand between two transactions
            origin, record = item
            key = record.key if record.key is not None else partition
            if (waiting := self._waiting.get(key)) is None:
                self._waiting[key] = 1
                self._flow_of[key] = flow = flows.get(record.key) if record.key is not None else None
            else:
                self._waiting[key] = waiting + 1
                flow = self._flow_of[key]
            if (queue := self._flows.get(flow)) is None:
                self._flows[flow] = queue = deque()
            queue.append(item)
            pending[origin.offset] = None
        self._reached[partition] = items[-1][0].offset
        self._records += len(fresh)
        self._bytes += sum(_size(record) for _, record in fresh)

    def take(self, most: int) -> list[Item]:
        """What is done next, one of each flow in turn."""
        taken: list[Item] = []
        shares: Counter[Hashable] = Counter()
        spent: list[tuple[Hashable, deque[Item]]] = []
        share = self._share_now()
        while self._flows and len(taken) < most:
            flow, queue = self._flows.popitem(last=False)
            origin, record = item = queue.popleft()
            taken.append(item)
            key = record.key if record.key is not None else origin.partition
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key], self._flow_of[key]
            self._records -= 1
            self._bytes -= _size(record)
            shares[flow] += 1
            if queue and (flow is None or shares[flow] < share):
                self._flows[flow] = queue
            elif queue:
                spent.append((flow, queue))
        self._flows.update(spent)
        return taken

    def _share_now(self) -> int:
        waiting = [len(queue) for flow, queue in self._flows.items() if flow is not None]
        others = len(waiting) > 1 and min(waiting) < self._share
        self._since_others = 0 if others else self._since_others + 1
        return self._beside_others if self._since_others <= STILL_BESIDE_OTHERS else self._share

    def positions(self, part: Iterable[Item]) -> dict[Partition, Position]:
        """Where the partitions of what was taken stand once that is done."""
        done: dict[Partition, set[int]] = {}
        for origin, _ in part:
            done.setdefault(origin.partition, set()).add(origin.offset)
        found = {}
        for partition, offsets in done.items():
            first = next((each for each in self._pending[partition] if each not in offsets), None)
            offset = self._reached[partition] if first is None else first - 1
            ahead = frozenset(each for each in self._ahead[partition] | offsets if each > offset)
            found[partition] = Position(offset, ahead)
        return found

    def done(self, part: Iterable[Item], positions: Mapping[Partition, Position]) -> None:
        """It is, and these are the positions now."""
        for origin, _ in part:
            del self._pending[origin.partition][origin.offset]
        for partition, position in positions.items():
            self._ahead[partition] = position.ahead


def _size(record: Record) -> int:
    return len(record.key or b"") + len(record.value or b"")
