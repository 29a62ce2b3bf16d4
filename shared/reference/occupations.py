"""How near two occupations are, and how hard the work is."""

from collections.abc import Iterable, Mapping

from shared.reference.manifest import OccupationTree


class Occupations:
    """Occupations as places in one tree: the longer the way two share from the root, the nearer they are."""

    def __init__(self, tree: OccupationTree, strengths: Mapping[str, float]) -> None:
        self._schemes = frozenset(tree.schemes)
        self._levels = sorted(tree.levels.items(), reverse=True)
        self._whole = tree.whole
        self._strengths = {self.path(code): strength for code, strength in strengths.items()}

    def path(self, code: str) -> str:
        """The way from the root to the code; empty when its scheme is not in the tree."""
        scheme, _, place = code.partition(":")
        if scheme not in self._schemes:
            return ""
        ending = self._whole.get(scheme, "")
        return place[: -len(ending)] if ending and place.endswith(ending) else place

    def nearness(self, one: str, other: str) -> float:
        """0 to 1, the same both ways, 1 for the same place. A wide group is only as near as what it shares.

        0 when nothing is shared or a scheme is not in the tree: ask `path` or `known` first where 'unknown' matters.
        """
        first, second = self.path(one), self.path(other)
        if not first or not second:
            return 0.0
        if first == second:
            return 1.0
        return next((nearness for depth, nearness in self._levels if _share(first, second, depth)), 0.0)

    def group_of(self, code: str, groups: Iterable[str]) -> str | None:
        """Of these groups the smallest that the code lies in; None: in none."""
        path = self.path(code)
        around = [group for group in groups if path and path.startswith(self.path(group))]
        return max(around, key=lambda group: len(self.path(group)), default=None)

    def strength(self, code: str) -> float | None:
        """Mean strength of the work, 1 (very light) to 5 (very hard), of the nearest group above; None if not known."""
        path = self.path(code)
        for end in range(len(path), 0, -1):
            if path[:end] in self._strengths:
                return self._strengths[path[:end]]
        return None


def _share(first: str, second: str, depth: int) -> bool:
    return min(len(first), len(second)) >= depth and first[:depth] == second[:depth]
