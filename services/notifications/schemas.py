"""What partners send and are answered over HTTP."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.events.field_types import Id


class Schema(BaseModel):
    """No field but those that are named; a value that is refused is never repeated."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Acknowledgements(Schema):
    """Notices and recalls (their ids) that the partner has dealt with."""

    notices: Annotated[list[Id], Field(min_length=1, max_length=500)]


class Acknowledged(Schema):
    """Per notice ``acknowledged`` or ``unknown``; unknown, forbidden and erased look the same."""

    results: list[dict[str, str]]
