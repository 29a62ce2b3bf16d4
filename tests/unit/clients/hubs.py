"""A hub in memory, for the client."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import httpx

from clients.ieum import Hub, Key

KEY = Key("gjf-1", bytes(range(32)))
Answer = httpx.Response | Exception


class Served:
    """Answers in order, the last one for ever; what was asked is kept."""

    def __init__(self, *answers: Answer | Callable[[httpx.Request], httpx.Response]) -> None:
        self._answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.slept: list[float] = []
        self.now = 0.0

    def hub(self, patience: float = 60.0) -> Hub:
        transport = httpx.MockTransport(self._answer)
        return Hub(
            "https://hub.example",
            KEY,
            patience=patience,
            transport=transport,
            sleep=self._sleep,
            clock=lambda: self.now,
        )

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(each.content) for each in self.asked if each.content]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def accepting(request: httpx.Request) -> httpx.Response:
    """202 for every event of a batch."""
    return batch("accepted" for _ in json.loads(request.content))


def batch(statuses: Iterable[str]) -> httpx.Response:
    return httpx.Response(202, json={"results": [{"status": status} for status in statuses]})
