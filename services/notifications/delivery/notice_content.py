"""The notice or recall that a delivery carries, in the words of the outward contract."""

from __future__ import annotations

from typing import Any

from services.notifications.documents import DeliveryFields
from services.notifications.domain.notice_envelope import DEFAULT_ASK, cloudevent, encoded
from services.notifications.domain.notice_threads import MatchSummary, State
from services.notifications.mappers import match_told
from shared.events.notices import Notice, Recall


class Messages:
    """``ask`` is the path of the matching API where the recipient asks with its own key; ``{alias}`` is filled in."""

    def __init__(self, ask: str = DEFAULT_ASK) -> None:
        self._ask = ask

    def of(self, delivery: DeliveryFields) -> dict[str, Any]:
        """The padded CloudEvent; the same for every attempt and every channel."""
        return cloudevent(self._told(delivery))

    def body(self, delivery: DeliveryFields) -> bytes:
        """Its bytes."""
        return encoded(self._told(delivery))

    def recall(self, notice: str, alias: str, version: int, month: str) -> dict[str, Any]:
        """The padded CloudEvent of a recall."""
        return cloudevent(self._recall(notice, alias, version, month))

    def notice(
        self, notice: str, alias: str, version: int, month: str, told: MatchSummary, state: State
    ) -> dict[str, Any]:
        """The padded CloudEvent of a notice."""
        return cloudevent(self._notice(notice, alias, version, month, told, state))

    def _told(self, delivery: DeliveryFields) -> Notice | Recall:
        notice, alias, version, month = delivery["notice"], delivery["alias"], delivery["version"], delivery["month"]
        told, state = match_told(delivery), delivery["match_state"]
        if told is None or state is None:
            return self._recall(notice, alias, version, month)
        return self._notice(notice, alias, version, month, told, state)

    def _recall(self, notice: str, alias: str, version: int, month: str) -> Recall:
        return Recall(notice=notice, alias=alias, version=version, month=month, ask=self._asked(alias))

    def _notice(self, notice: str, alias: str, version: int, month: str, told: MatchSummary, state: State) -> Notice:
        return Notice(
            notice=notice,
            alias=alias,
            opportunity=told.opportunity,
            kind=told.kind,
            version=version,
            state=state,
            band=told.band,
            month=month,
            ask=self._asked(alias),
        )

    def _asked(self, alias: str) -> str:
        return self._ask.replace("{alias}", alias)
