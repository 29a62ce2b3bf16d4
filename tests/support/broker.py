"""What the broker of this run can do: the services under test are set up for it as an operator would."""

from __future__ import annotations

import os
from pathlib import Path

from deploy.local.brokers import BROKERS, broker_of

KAFKA = os.environ.get("KAFKA") or "embedded"
# a kind that nobody knows is for the fixture to tell
IDEMPOTENT = KAFKA in BROKERS and broker_of(KAFKA, 1, Path("never-started")).idempotent_producer
# of the services' groups: on the embedded broker each start waits 6 s up to this one, longer above it (docs/brokers.md)
SESSION_TIMEOUT_MS = 6_000
