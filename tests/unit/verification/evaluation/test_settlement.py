"""The fourth family of worlds: what it says follows from what is true, and only a part of that is said."""

from __future__ import annotations

import pytest

from shared.reference import load_pack
from verification.evaluation.settlement import Settlement
from verification.evaluation.settlement_setting import ROLES

pytestmark = pytest.mark.unit
PACK = load_pack("kr-gyeonggi")
WORLD = Settlement(PACK, 7, 120, 300)


class TestSettlement:
    def test_follows_from_its_seed(self) -> None:
        same, other = (Settlement(PACK, seed, 10, 30) for seed in (7, 8))
        first = Settlement(PACK, 7, 10, 30)
        assert [w.shown for w in first.workers] == [w.shown for w in same.workers] != [w.shown for w in other.workers]
        assert [a.shown for a in first.adverts] == [a.shown for a in same.adverts]

    def test_every_role_has_an_occupation_of_its_unit_and_a_certificate_that_the_pack_knows(self) -> None:
        for name, role in ROLES.items():
            code = WORLD._codes[name]
            assert code.split(":")[1].startswith(role.unit)
            assert role.certificate is None or PACK.find("certificate", role.certificate) is not None, name

    def test_a_kind_that_is_not_wanted_and_a_certificate_that_is_missing_cannot_be(self) -> None:
        seen = set[str]()
        for home, utilities in zip(WORLD._homes, WORLD.truth(), strict=True):
            for post, utility in zip(WORLD._posts, utilities, strict=True):
                needed = post.certificate and PACK.find("certificate", post.certificate)
                if post.kind not in home.kinds:
                    seen.add("kind")
                    assert utility == 0.0
                elif needed and needed not in home.certificates:
                    seen.add("certificate")
                    assert utility == 0.0
        assert seen == {"kind", "certificate"}

    def test_some_things_are_possible_for_nearly_everybody_and_most_are_not(self) -> None:
        truth = WORLD.truth()
        assert sum(max(own) > 0 for own in truth) > 0.75 * len(truth)
        assert sum(one > 0 for own in truth for one in own) < 0.3 * sum(map(len, truth))

    def test_profiles_say_much_or_little(self) -> None:
        wants = [worker.shown.wants for worker in WORLD.workers]
        silent = [one for one in wants if one is not None and not one.shifts and one.wage_min is None]
        assert 0.2 < len(silent) / len(wants) < 0.7
