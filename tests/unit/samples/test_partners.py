"""What a partner holds, whatever arrives how often in which order."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from samples.partners.held import Received, holding_of
from samples.partners.store import PartnerStore

pytestmark = pytest.mark.unit


def told(notice: str, version: int, opportunity: str = "o1", alias: str = "a", **says: Any) -> Received:
    data = {"notice": notice, "alias": alias, "opportunity": opportunity, "version": version, "kind": "job"}
    return Received(float(version), {"type": "notice", "data": {"state": "proposed", "band": "high", **data, **says}})


def recalled(notice: str, version: int, alias: str = "a") -> Received:
    return Received(float(version), {"type": "recall", "data": {"notice": notice, "alias": alias, "version": version}})


class TestHoldingOf:
    def test_nothing_is_nothing(self) -> None:
        assert holding_of([]).pairs == frozenset()

    def test_an_ended_notice_takes_one_opportunity_away(self) -> None:
        found = holding_of([told("n1", 1), told("n2", 2, "o2"), told("n3", 3, state="ended")])
        assert found.pairs == {("a", "o2")}

    def test_a_recall_takes_everything_under_its_alias(self) -> None:
        found = holding_of([told("n1", 1), told("n2", 2, "o2"), told("m1", 1, alias="b"), recalled("n3", 3)])
        assert found.pairs == {("b", "o1")}
        assert (found.recalls, found.aliases_recalled) == (1, {"a"})

    def test_what_is_told_after_a_recall_is_held(self) -> None:
        assert holding_of([told("n1", 1), recalled("n2", 2), told("n3", 3)]).pairs == {("a", "o1")}

    def test_does_not_depend_on_the_order_of_arrival(self) -> None:
        arrived = [told("n1", 1), told("n2", 2, "o2"), recalled("n3", 3), told("n4", 4, "o3"), told("n5", 5)]
        holdings = {holding_of(order).pairs for order in permutations(arrived)}
        assert holdings == {frozenset({("a", "o3"), ("a", "o1")})}

    def test_the_same_id_again_is_counted_and_changes_nothing(self) -> None:
        found = holding_of([told("n1", 1), told("n1", 1), recalled("n2", 2), told("n1", 1)])
        assert (found.pairs, found.duplicates, found.doubled) == (frozenset(), 2, 0)

    def test_two_ids_for_one_version_are_doubled(self) -> None:
        assert holding_of([told("n1", 1), told("n2", 1)]).doubled == 1

    def test_the_same_news_under_two_versions_is_doubled(self) -> None:
        assert holding_of([told("n1", 1), told("n2", 2)]).doubled == 1

    @pytest.mark.parametrize("between", [recalled("n2", 2), told("n2", 2, state="ended"), told("n2", 2, band="low")])
    def test_the_same_news_after_other_news_is_not_doubled(self, between: Received) -> None:
        assert holding_of([told("n1", 1), between, told("n3", 3)]).doubled == 0


class TestBook:
    def test_keeps_what_it_received_over_a_restart(self, tmp_path: Path) -> None:
        PartnerStore(tmp_path).receive(told("n1", 1).event, {"webhook-id": "n1"})
        assert [one.notice for one in PartnerStore(tmp_path).received()] == ["n1"]

    def test_knows_what_is_still_to_be_acknowledged(self, tmp_path: Path) -> None:
        store = PartnerStore(tmp_path)
        for one in (told("n1", 1), told("n2", 2), told("n1", 1)):
            store.receive(one.event, {})
        store.acknowledge(["n2"])
        assert PartnerStore(tmp_path).unacknowledged() == ["n1"]

    def test_passes_over_a_line_that_is_only_half_written(self, tmp_path: Path) -> None:
        store = PartnerStore(tmp_path)
        store.receive(told("n1", 1).event, {})
        with (tmp_path / "received.jsonl").open("a") as file:
            file.write('{"at": 1')
        assert len(store.received()) == 1

    def test_has_no_secret_for_another_address_than_it_subscribed_with(self, tmp_path: Path) -> None:
        PartnerStore(tmp_path).keep_secret("http://a/", "whsec_x")
        assert PartnerStore(tmp_path).secret_of("http://b/") is None

    def test_keeps_cursor_and_secret_for_its_owner_alone(self, tmp_path: Path) -> None:
        store = PartnerStore(tmp_path)
        assert (store.cursor, store.secret_of("http://a/")) == ("", None)
        store.cursor = "7"
        store.keep_secret("http://a/", "whsec_x")
        assert (PartnerStore(tmp_path).cursor, PartnerStore(tmp_path).secret_of("http://a/")) == ("7", "whsec_x")
        assert (tmp_path / "secret").stat().st_mode & 0o077 == 0
