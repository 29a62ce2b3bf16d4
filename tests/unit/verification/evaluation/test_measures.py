"""The figures of recommendation lists, by hand."""

from __future__ import annotations

import math

import pytest

from shared.reference import load_pack
from verification.evaluation.families import FAMILIES
from verification.evaluation.measures import figures, ndcg
from verification.evaluation.programmes import KINDS
from verification.evaluation.world import Market

pytestmark = pytest.mark.unit
PACK = load_pack("kr-gyeonggi")


class TestNdcg:
    def test_is_one_for_the_best_first_and_nothing_for_what_brings_nothing(self) -> None:
        utilities = [0.9, 0.5, 0.1, *[0.0] * 60]
        assert ndcg(utilities, [0, 1, 2]) == 1.0
        assert ndcg(utilities, [10, 11]) == 0.0

    def test_a_later_place_counts_less(self) -> None:
        utilities = [1.0, *[0.0] * 60]
        assert ndcg(utilities, [5, 0]) == pytest.approx(1 / math.log2(3))

    def test_who_can_do_nothing_is_not_asked_for_more(self) -> None:
        assert ndcg([0.0] * 60, [1]) == 0.0


class TestMarket:
    def test_follows_from_its_seed(self) -> None:
        one, same, other = (Market(PACK, FAMILIES[0], seed, 5, 20) for seed in (7, 7, 8))
        assert [w.shown for w in one.workers] == [w.shown for w in same.workers] != [w.shown for w in other.workers]
        assert [a.shown for a in one.adverts] == [a.shown for a in same.adverts]

    def test_what_cannot_be_is_worth_nothing_and_counts_as_impossible(self) -> None:
        market = Market(PACK, FAMILIES[0], 7, 20, 60)
        truth = market.truth()
        for worker, utilities in zip(market.workers, truth, strict=True):
            for advert, utility in zip(market.adverts, utilities, strict=True):
                if not advert.parts <= worker.parts:
                    assert utility == 0.0
        best = [sorted(range(len(utilities)), key=utilities.__getitem__, reverse=True)[:10] for utilities in truth]
        found = figures(market, truth, best)
        assert found["ndcg10"] == pytest.approx(1.0)
        assert found["impossible5"] < 0.5

    def test_holds_all_kinds_and_a_kind_that_somebody_does_not_want_cannot_be(self) -> None:
        market = Market(PACK, FAMILIES[0], 7, 40, 200)
        assert {advert.kind for advert in market.adverts} == {"job", *KINDS}
        for worker in market.workers:
            assert worker.shown.wants is not None
            assert set(worker.shown.wants.kinds) == worker.kinds
            values = [market.utility(worker, one) for one in market.adverts if one.kind not in worker.kinds]
            assert not any(values)
        jobs = Market(PACK, FAMILIES[0], 7, 40, 200, programmes_share=0.0).adverts
        assert [one.shown for one in jobs] == [one.shown for one in market.adverts[: len(jobs)]]
