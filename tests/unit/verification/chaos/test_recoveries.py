"""When a service has recovered, told from its checkpoints alone."""

from __future__ import annotations

import pytest

from verification.chaos.recoveries import Checkpoints, ObservedCheckpoint, Recovery, unrecovered

pytestmark = pytest.mark.unit
PLACE = ("people", 0)
KILLED = 100.0


def checkpoint(
    offset: int, *, claimed: float, id: str = "log-1", owner: str = "matching-1", epoch: int = 1
) -> ObservedCheckpoint:
    return ObservedCheckpoint(id, owner, epoch, offset, claimed)


def at(found: ObservedCheckpoint) -> Checkpoints:
    return {PLACE: found}


@pytest.fixture
def recovery() -> Recovery:
    return Recovery("matching", "SIGKILL", KILLED, {PLACE: checkpoint(5, claimed=50.0)})


class TestARecovery:
    def test_is_the_first_record_after_the_partition_was_claimed_anew(self, recovery: Recovery) -> None:
        assert recovery.poll(at(checkpoint(6, claimed=103.0, epoch=2)), now=104.5)
        assert recovery.seconds == 4.5
        assert recovery.done.is_set()

    def test_is_not_the_claim_alone(self, recovery: Recovery) -> None:
        assert not recovery.poll(at(checkpoint(5, claimed=103.0, epoch=2)), now=104.0)

    def test_is_nothing_that_the_target_itself_still_did(self, recovery: Recovery) -> None:
        assert not recovery.poll(at(checkpoint(9, claimed=50.0)), now=101.0)
        assert not recovery.poll(at(checkpoint(9, claimed=103.0, epoch=2)), now=104.0)
        assert recovery.poll(at(checkpoint(10, claimed=103.0, epoch=2)), now=105.0)

    def test_is_the_first_record_of_a_new_log(self, recovery: Recovery) -> None:
        assert not recovery.poll(at(checkpoint(-1, claimed=103.0, id="log-2")), now=104.0)
        assert recovery.poll(at(checkpoint(0, claimed=103.0, id="log-2")), now=105.0)

    def test_needs_no_new_claim_when_only_the_broker_was_away(self) -> None:
        away = Recovery("matching", "broker", KILLED, {PLACE: checkpoint(5, claimed=50.0)}, claimed_anew=False)
        assert not away.poll(at(checkpoint(5, claimed=50.0)), now=102.0)
        assert away.poll(at(checkpoint(6, claimed=50.0)), now=103.0)

    def test_of_one_that_owned_nothing_yet_is_the_first_record_of_any_partition(self) -> None:
        new = Recovery("intake", "SIGKILL", KILLED, {})
        assert not new.poll({}, now=101.0)
        assert not new.poll(at(checkpoint(7, claimed=99.0)), now=102.0)
        assert not new.poll(at(checkpoint(-1, claimed=102.5)), now=103.0)
        assert new.poll(at(checkpoint(0, claimed=102.5)), now=104.0)
        assert new.seconds == 4.0


class TestWithoutAnEnd:
    def test_is_a_fault_only_where_records_still_wait_in_its_own_partitions(self, recovery: Recovery) -> None:
        assert unrecovered([recovery], {}) == []
        assert unrecovered([recovery], {"matching reads people/1": 3, "intake reads people/0": 3}) == []
        [violation] = unrecovered([recovery], {"matching reads people/0": 3})
        assert violation == "matching did no record again after SIGKILL, although 3 waited for it"

    def test_is_not_whoever_has_recovered_and_fell_behind_later(self, recovery: Recovery) -> None:
        recovery.poll(at(checkpoint(6, claimed=103.0, epoch=2)), now=104.5)
        assert unrecovered([recovery], {"matching reads people/0": 3}) == []
