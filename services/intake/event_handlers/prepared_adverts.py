"""An advert with all that can be made of it before a store is asked: whoever validates it prepares it, beside whoever
decides. What becomes of most adverts is in it, ready to be told and kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import bson

from services.intake.documents import dumped
from services.intake.domain import advert_rules
from services.intake.domain.record_linkage import Facts
from services.intake.domain.vetting import employer_key
from services.intake.opportunity_documents import ADVERTS, EMPLOYERS, employer_id
from shared.events.envelope import dump_data
from shared.events.topics.opportunities import Opportunity
from shared.kit.base.ids import random_id
from shared.kit.store.unit_of_work import Need
from shared.screening.advert_rules import JOB


@dataclass(frozen=True)  # no slots: what is made of it later is kept beside the fields
class PreparedAdvert:
    """`told`: the state, as JSON for the bus, of an opportunity of its own that is open, named `opportunity`; `kept`:
    the same as BSON for its document. `compared`: the values of `facts`, and `keys`: where others look for them;
    `employer`: its key in the operator's list."""

    reference: str
    opportunity: str
    kind: str
    closes: date | None
    employer: str
    keys: tuple[str, ...]
    compared: tuple[Any, ...] | None
    told: bytes
    kept: bytes

    @staticmethod
    def of(features: Mapping[str, Any], owner: str, reference: str) -> PreparedAdvert:
        """Of what the rules made of it."""
        words = advert_rules.opened(random_id(), owner, features)
        facts = Facts.of(features) if words.kind == JOB else None
        return PreparedAdvert(
            reference=reference,
            opportunity=words.opportunity,
            kind=words.kind,
            closes=words.closes,
            employer=employer_key(words.employer),
            keys=() if facts is None else facts.lookup_keys,
            compared=None if facts is None else facts.values(),
            told=dump_data(words),
            kept=bson.encode(dumped(words)),
        )

    @cached_property
    def facts(self) -> Facts | None:
        """What of a job is compared with adverts of other agencies."""
        return None if self.compared is None else Facts(*self.compared)

    @cached_property
    def words(self) -> Opportunity:
        """The state itself, for those who compare or change it."""
        return Opportunity.model_validate_json(self.told)

    @cached_property
    def needs(self) -> tuple[Need, ...]:
        """What is known of its employer, and what may be of the same vacancy."""
        employer = (EMPLOYERS.by_id(employer_id(self.employer)),) if self.employer else ()
        return (*employer, *map(ADVERTS.by_id, self.keys))
