"""What the workers of all endpoints share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from services.notifications.channel import PushChannel
from services.notifications.delivery.attempt_recorder import AttemptRecorder
from services.notifications.delivery.dispatcher_lease import DispatcherLease
from services.notifications.delivery.notice_content import Messages
from services.notifications.delivery.pre_send_check import PreSendReads
from services.notifications.delivery.recent_prohibitions import RecentProhibitions
from services.notifications.delivery.transitions import DeliveryTransitions
from services.notifications.repository import Repository
from shared.kit.base.clock import Clock
from shared.kit.store.store import Operation


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What every worker works with. ``reads``, ``heard``: what is looked at before something is sent. ``channels``:
    those on which we call the partner, by name. ``slots``: the most attempts at once to one endpoint, of all replicas.
    ``jitter``: the largest share that is added to a wait before a retry. ``brought_up_to_date``: what a recipient is
    told of a person, after its subscriptions have changed."""

    repository: Repository
    reads: PreSendReads
    heard: RecentProhibitions
    channels: Mapping[str, PushChannel]
    transitions: DeliveryTransitions
    brought_up_to_date: Callable[[str, str], Operation[None]]
    recorder: AttemptRecorder
    lease: DispatcherLease
    messages: Messages
    slots: int
    jitter: float
    today: Callable[[datetime], date]
    clock: Clock
