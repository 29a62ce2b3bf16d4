"""The notice or recall that a delivery carries, in the words of the outward contract."""

from __future__ import annotations

from typing import Any

from services.notifications.documents import Document
from services.notifications.domain.body import cloudevent
from shared.events.notices import Notice, Recall

DEFAULT_ASK = "/people/{alias}/matches"


class Messages:
    """``ask`` is the path of the matching API where the recipient asks with its own key; ``{alias}`` is filled in."""

    def __init__(self, ask: str = DEFAULT_ASK) -> None:
        self._ask = ask

    def of(self, delivery: Document) -> dict[str, Any]:
        """The padded CloudEvent; the same for every attempt and every channel."""
        ask = self._ask.replace("{alias}", delivery["alias"])
        told: Notice | Recall
        if delivery["about"] == "recall":
            told = Recall(
                notice=delivery["notice"],
                alias=delivery["alias"],
                version=delivery["version"],
                month=delivery["month"],
                ask=ask,
            )
        else:
            told = Notice(
                notice=delivery["notice"],
                alias=delivery["alias"],
                opportunity=delivery["opportunity"],
                kind=delivery["kind"],
                version=delivery["version"],
                state=delivery["match_state"],
                band=delivery["band"],
                month=delivery["month"],
                ask=ask,
            )
        return cloudevent(told)
