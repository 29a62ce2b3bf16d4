"""The door on Kafka as HTTP tells of it: whether it is open, the public keys, the names of the topics."""

from __future__ import annotations

from fastapi import APIRouter

from shared.events.identity_boxes import SUITE, BoxKeys
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.web.response_model import Answer
from shared.kit.web.route_bounds import Router

INBOUND, ANSWERS = "inbound.", "answers."  # before the agency


class BoxKey(Answer):
    """A public key to seal identities to."""

    key: str
    public_key: str


class KafkaDoorState(Answer):
    """The door on Kafka, for whoever wants to send by it. `keys`: take the first; the others still open. `why`: it is
    off."""

    open: bool
    why: str | None = None
    suite: str = SUITE
    keys: list[BoxKey]
    publish_to: str = f"{INBOUND}<agency>"
    answers_on: str = f"{ANSWERS}<agency>"


def state_of(kafka: KafkaSettings, boxes: BoxKeys) -> KafkaDoorState:
    """Whether it is open here, and if not, why."""
    why = None
    if not kafka.security.authenticated:
        why = "This Kafka authenticates nobody (the embedded broker never does), so who sends could not be known."
    elif not boxes:
        why = "No key to seal identities to is set here (IEUM_INBOUND_KEYS)."
    keys = [] if why else [BoxKey(key=name, public_key=public) for name, public in boxes.public.items()]
    named = {"publish_to": kafka.physical(INBOUND) + "<agency>", "answers_on": kafka.physical(ANSWERS) + "<agency>"}
    return KafkaDoorState(open=why is None, why=why, keys=keys, **named)


def make_router(state: KafkaDoorState) -> APIRouter:
    """The route. Anybody may ask: the keys are public."""
    router = Router(tags=["kafka"])

    @router.get("/doors/kafka", summary="The door on Kafka", response_model_exclude_none=True)
    async def door_on_kafka() -> KafkaDoorState:
        """Whether it is open, the public keys to seal identities to, and what the topics are called."""
        return state

    return router
