"""What can go wrong while the stack starts, said so that a newcomer knows what to do next. Standard library only."""

from __future__ import annotations


class StartError(Exception):
    """A part of the stack does not start here; the text says what is wrong and the remedy, each on a line of its
    own."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}\n  -> {remedy}")
        self.what = what
        self.remedy = remedy


class PortTakenError(StartError):
    """Somebody else listens on the wanted port."""
