"""The index in packed columns: numbers for what rules look at, their answers in tables, and many pairs at once."""

from services.matching.domain.columns.pairs import Pairs

__all__ = ["Pairs"]
