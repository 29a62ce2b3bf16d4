"""What the tests of the outbox say, and what has come out."""

from __future__ import annotations

from typing import Any

from shared.kit.store.store import Operation
from tests.integration.kit.parts import Service, agency_event, everything


def saying(*numbers: int, key: str = "gjf") -> Operation[None]:
    def do(work: Any) -> None:
        for n in numbers:
            work.emit(agency_event(key, n))

    return Operation(lambda work: (), do)


async def sequences(service: Service) -> list[int]:
    said = await everything(service.settings.bootstrap, service.settings.physical("agencies"))
    return [int(dict(record.headers)["ce_sequence"]) for record in said]
