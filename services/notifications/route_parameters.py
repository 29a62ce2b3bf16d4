"""What the routes of several rooms take: an id in the address, and a caller who may receive."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from shared.access.api_keys import Caller

OneId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


def recipient_of(caller: Caller) -> str:
    """The caller's agency, if it may receive. Raises the 403 problem."""
    caller.must(caller.receives, "receives")
    return caller.agency.agency
