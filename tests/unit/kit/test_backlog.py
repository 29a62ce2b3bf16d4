"""What waits is done in turns between flows, each key in its order, and how far that has come is known exactly."""

from __future__ import annotations

import random
from collections.abc import Hashable
from types import SimpleNamespace
from typing import Any

import pytest

from shared.kit.kafka.records import Origin, Partition
from shared.kit.stream.backlog import STILL_BESIDE_OTHERS, Backlog, Item, Position

pytestmark = pytest.mark.unit
PARTITION, OTHER = Partition("people", 0), Partition("matches", 0)


def item(offset: int, key: str | None, partition: Partition = PARTITION) -> Item:
    record: Any = SimpleNamespace(key=None if key is None else key.encode(), value=b"x" * 10)
    return Origin(partition, "id", offset), record


def backlog(*items: Item, flows: dict[str, Hashable] | None = None, share: int = 2, **began: Any) -> Backlog:
    made = Backlog(share)
    made.begin(PARTITION, Position(-1))
    made.begin(OTHER, Position(-1))
    add(made, *items, flows=flows)
    return made


def add(to: Backlog, *items: Item, flows: dict[str, Hashable] | None = None) -> None:
    known = {key.encode(): flow for key, flow in (flows or {}).items()}
    for each in items:
        to.add(each[0].partition, [each], known)


def offsets(items: list[Item]) -> list[int]:
    return [origin.offset for origin, _ in items]


def taken(made: Backlog, most: int = 100) -> list[int]:
    part = made.take(most)
    made.done(part, made.positions(part))
    return offsets(part)


def test_nothing_may_be_added_of_a_partition_that_has_not_begun() -> None:
    """All that was read of it is to be read again from elsewhere."""
    made = Backlog()
    made.add(PARTITION, [], {})
    assert (len(made), made.reached(PARTITION)) == (0, None)


class TestTurns:
    def test_without_flows_it_is_the_order_of_the_log(self) -> None:
        assert taken(backlog(*(item(n, f"k{n}") for n in range(5)))) == [0, 1, 2, 3, 4]

    def test_what_is_in_no_flow_has_its_turn_and_what_is_left(self) -> None:
        made = backlog(*(item(n, "much") for n in range(4)), *(item(n, "new") for n in range(4, 9)), flows={"much": 1})
        assert taken(made, 6) == [0, 4, 1, 5, 6, 7]

    def test_one_that_has_much_lets_the_others_have_their_turn(self) -> None:
        flood = [item(n, "much") for n in range(6)]
        made = backlog(*flood, item(6, "a"), item(7, "b"), flows={"much": 1, "a": 2, "b": 3})
        assert taken(made) == [0, 6, 7, 1], "no more than its share in one transaction"
        assert taken(made) == [2, 3]

    def test_what_comes_later_for_another_waits_for_one_share_only(self) -> None:
        made = backlog(*(item(n, "much") for n in range(6)), flows={"much": 1})
        assert taken(made) == [0, 1]
        add(made, item(6, "late"), flows={"late": 2})
        assert taken(made) == [2, 6, 3]

    def test_while_others_come_it_has_less_and_once_they_are_gone_for_a_while_all_again(self) -> None:
        made = Backlog(share=4, beside_others=1)
        made.begin(PARTITION, Position(-1))
        add(made, *(item(n, "much") for n in range(60)), flows={"much": 1})
        assert len(taken(made)) == 4, "nobody else is there"
        add(made, item(60, "late"), flows={"late": 2})
        assert len(taken(made)) == 2, "one of each"
        assert [len(taken(made)) for _ in range(STILL_BESIDE_OTHERS)] == [1] * STILL_BESIDE_OTHERS
        assert len(taken(made)) == 4

    def test_two_that_both_have_much_have_their_whole_shares(self) -> None:
        made = Backlog(share=4, beside_others=1)
        made.begin(PARTITION, Position(-1))
        add(made, *(item(n, f"k{n % 2}") for n in range(40)), flows={"k0": 1, "k1": 2})
        assert len(taken(made)) == 8

    def test_beside_what_is_in_no_flow_nobody_has_less(self) -> None:
        made = Backlog(share=4, beside_others=1)
        made.begin(PARTITION, Position(-1))
        add(made, *(item(n, "much") for n in range(10)), *(item(n, "new") for n in range(10, 20)), flows={"much": 1})
        assert len(taken(made)) == 14, "one's share, and all that is in no flow"

    def test_the_next_transaction_begins_with_whose_turn_it_is(self) -> None:
        made = backlog(*(item(n, f"k{n % 3}") for n in range(6)), flows={f"k{n}": n for n in range(3)})
        assert [taken(made, 2) for _ in range(3)] == [[0, 1], [2, 3], [4, 5]]

    def test_a_key_stays_in_its_flow_and_order_while_something_of_it_waits(self) -> None:
        made = backlog(*(item(n, "k") for n in range(3)), flows={"k": 1})
        add(made, item(3, "k"), flows={"k": 2})
        assert taken(made) + taken(made) == [0, 1, 2, 3]

    def test_records_without_a_key_stay_in_the_order_of_their_partition(self) -> None:
        assert taken(backlog(item(0, None), item(1, "k"), item(2, None), flows={"k": 1}, share=5)) == [0, 1, 2]


class TestPositions:
    def test_what_is_done_ahead_is_told_beside_the_offset_up_to_which_all_is_done(self) -> None:
        made = backlog(*(item(n, "much") for n in range(3)), item(3, "a"), flows={"much": 1, "a": 2}, share=1)
        part = made.take(10)
        assert offsets(part) == [0, 3]
        assert made.positions(part) == {PARTITION: Position(0, frozenset({3}))}

    def test_offsets_that_hold_no_record_are_done_with_those_before_them(self) -> None:
        made = backlog(item(0, "k"), item(7, "k"), item(9, "k"))
        part = made.take(2)
        assert made.positions(part) == {PARTITION: Position(8)}

    def test_partitions_have_positions_of_their_own(self) -> None:
        made = backlog(item(0, "k"), item(4, "k", OTHER), share=5)
        assert made.positions(made.take(10)) == {PARTITION: Position(0), OTHER: Position(4)}

    def test_what_was_done_ahead_before_is_not_done_again(self) -> None:
        made = Backlog(5)
        made.begin(PARTITION, Position(1, frozenset({3, 5})))
        add(made, *(item(n, "k") for n in range(2, 7)))
        part = made.take(1)
        assert made.positions(part) == {PARTITION: Position(3, frozenset({5}))}
        made.done(part, made.positions(part))
        assert taken(made) == [4, 6]
        assert made.reached(PARTITION) == 6

    @pytest.mark.parametrize("ahead", [set(), {11}, {12, 19, 20}, {11, 5_000}])
    def test_they_are_kept_as_bits(self, ahead: set[int]) -> None:
        position = Position(10, frozenset(ahead))
        assert Position.of_bits(10, position.as_bits()) == position

    @pytest.mark.parametrize("seed", range(20))
    def test_whatever_the_turns_each_is_done_once_and_a_crash_after_any_transaction_forgets_none(
        self, seed: int
    ) -> None:
        chance = random.Random(seed)
        keys = [f"k{chance.randrange(6)}" for _ in range(60)]
        log = [item(2 * n, key) for n, key in enumerate(keys)]
        flows: dict[str, Hashable] = {f"k{n}": n % 3 for n in range(6)}
        position, done = Position(-1), list[int]()
        while len(done) < len(log):
            made = Backlog(chance.randint(1, 4))  # a new process
            made.begin(PARTITION, position)
            left = [each for each in log if each[0].offset > position.offset]
            while left or made:
                count = chance.randint(1, 30)
                add(made, *left[:count], flows=flows)
                left = left[count:]
                part = made.take(chance.randint(1, 9))
                if not part:
                    continue
                position = made.positions(part)[PARTITION]
                made.done(part, {PARTITION: position})
                done += offsets(part)
                if chance.random() < 0.2:
                    break
        assert sorted(done) == [origin.offset for origin, _ in log]
        for key in set(keys):
            of_key = [offset for offset in done if keys[offset // 2] == key]
            assert of_key == sorted(of_key)


class TestBounds:
    def test_there_is_room_for_so_many_records_and_bytes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("shared.kit.stream.backlog.MOST_RECORDS", 4)
        made = backlog(item(0, "k"))
        assert made.room == 3
        monkeypatch.setattr("shared.kit.stream.backlog.MOST_BYTES", 20)
        add(made, item(1, "k"))
        assert made.room == 0
        taken(made, 1)
        assert made.room == 3

    def test_nothing_is_read_on_when_the_first_that_waits_lies_far_behind(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("shared.kit.stream.backlog.MOST_AHEAD", 100)
        made = backlog(item(0, "k"), item(101, "k"))
        assert made.room == 0
