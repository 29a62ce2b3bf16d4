"""What use cases and decisions of intake are given: the pack, the keyed parts of this service, the time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from services.intake.identity import References, Vault
from services.intake.request_scheduler import RequestScheduler
from shared.kit.base.clock import Clock
from shared.kit.base.ids import Ids
from shared.kit.base.sealing import Sealer
from shared.reference import Pack


@dataclass(frozen=True, slots=True)
class Dependencies:
    """`most_rejections`: refused events of one agency that are kept in a day; `hold_wrong_numbers`: adverts whose
    employer's number is none are held."""

    pack: Pack
    ids: Ids
    sealer: Sealer
    vault: Vault
    references: References
    clock: Clock = field(default_factory=Clock)
    slices: RequestScheduler = field(default_factory=RequestScheduler)  # of all requests
    most_rejections: int = 5_000
    hold_wrong_numbers: bool = False

    def day(self, moment: datetime) -> date:
        """The pack's day at that moment: `today` of every rule."""
        return _day(moment, self.pack.timezone)


@lru_cache(64)  # the events of one request share theirs
def _day(moment: datetime, timezone: str) -> date:
    return moment.astimezone(ZoneInfo(timezone)).date()
