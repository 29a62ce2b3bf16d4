"""What is stored: the collections and the fields of their documents (mappers.py: to and from the values of the domain).

people        _id person; what telling needs of the person's state, nothing more
matches       _id match; the newest version of each match, withdrawn ones for 30 days as a marker that drops older ones
agencies      _id agency; as in every service (shared.access.agencies)
subscriptions _id; agency, channel, state; target and secrets sealed
recipients    _id agency; the last feed position, and what two requests of one agency must agree on
threads       _id recipient:person; what the recipient holds of the person, and its queues of open deliveries
deliveries    _id; one notice or recall for one subscription, until its outcome and 90 days longer; a recall that
              arrived until it is acknowledged and 90 days longer, however long that takes
floors        _id person; what older states may not be used for any more; as in every service (shared.access)
resyncs       _id agency; how far the resync of this agency has come
recoveries    _id subscription; how far the recovery of this subscription has come (recovery/recovery_job.py), 90 days
troubles      _id subscription, or kind of trouble/subscription or agency; since when, and what its owner was told of it
calendar      _id LATEST_DAY; the latest day that was believed

Threads and people stay until a person is erased: a thread is the only thing that knows who ever received somebody, whom
a withdrawal and an erasure must reach, and it counts the versions, which must never go back for a partner. There is one
for each recipient that a person consented to, and no more in it than what that recipient holds.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, NotRequired, TypedDict

from services.notifications.domain.notice_threads import State
from shared.access import agencies, prohibition_floors
from shared.events.topics.matches import Band
from shared.kit.store.mongo import Document
from shared.kit.store.typed_collection import Collection

FEED: Final = "feed"
WEBHOOK: Final = "webhook"
EMAIL: Final = "email"
EMAIL_DIGEST: Final = "email-digest"
TOPIC: Final = "topic"
ChannelName = Literal["feed", "webhook", "email", "email-digest", "topic"]  # part of the published API
About = Literal["notice", "recall"]
QueueClass = Literal["recall", "new", "left"]  # with which others a delivery waits to be sent (delivery/fair_queue.py)
Order = Literal["alias"]  # which deliveries of a subscription come one after another; part of the published API
# For its retry as planned; for the same one, after it was brought forward in vain; to be taken out of a recall's way.
Waits = Literal["retry", "again", "recalled"]
RECALLED: Waits = "recalled"

# A delivery's states. Waiting: for an earlier one of the same thread. Due: may be sent from `due` on. Sending: held
# by the dispatcher `owner`, taken in the `claim` of that name. Posted: in the feed. Served: the partner has been given
# it. The rest are final.
WAITING: Final = "waiting"
DUE: Final = "due"
SENDING: Final = "sending"
POSTED: Final = "posted"
SERVED: Final = "served"
DELIVERED: Final = "delivered"
FAILED: Final = "failed"
DROPPED: Final = "dropped"
DeliveryState = Literal["waiting", "due", "sending", "posted", "served", "delivered", "failed", "dropped"]
STATES = frozenset({WAITING, DUE, SENDING, POSTED, SERVED, DELIVERED, FAILED, DROPPED})
ENDED = frozenset({DELIVERED, FAILED, DROPPED})


# A subscription's states. Unconfirmed: new, and told nothing until its partner says that it is ready. Paused: what it
# is to be told waits. Disabled: it is told nothing any more; what waited for it is dropped.
SubscriptionState = Literal["active", "unconfirmed", "paused", "disabled"]
TAKING_PART = frozenset({"active", "paused"})

RecoveryKind = Literal["failed", "all"]
RecoveryState = Literal["running", "done", "stopped"]
RUNNING: Final = "running"


class CauseEntry(TypedDict):
    """What a notice goes back to."""

    causationid: str | None
    correlationid: str | None
    recordedtime: datetime | None


class ConsentEntry(TypedDict):
    """A consent; ``until`` is an ISO day."""

    purpose: str
    recipient: str | None
    until: str


class AliasEntry(TypedDict):
    """How an agency calls the person."""

    agency: str
    alias: str


class PersonDocument(TypedDict):
    """``recipients``: whom the consents to notices name."""

    _id: str
    sequence: int
    active: bool
    consents: list[ConsentEntry]
    recipients: list[str]
    aliases: list[AliasEntry]
    cause: CauseEntry


class MatchDocument(TypedDict):
    """``region``: of the opportunity, for filters alone. ``stands``: not withdrawn. ``ended``: when it was, by the
    clock of MongoDB's TTL."""

    _id: str
    sequence: int
    person: str
    opportunity: str
    kind: str
    band: Band
    region: NotRequired[str | None]
    stands: bool
    cause: CauseEntry
    ended: NotRequired[datetime]


class SecretEntry(TypedDict):
    """``until``: how long a replaced secret still signs along; None: the live one."""

    sealed: bytes
    until: datetime | None


class SubscriptionDocument(TypedDict):
    """``reason``: why it is not active. ``held_until``: nothing is sent before, and what became due by then was left
    waiting (delivery/fair_queue.py). ``target``: where to send, and ``headers``: with which of the partner's own,
    sealed. ``failures``: bad answers in a row, counted up to MOST_COUNTED
    (domain/circuit_breaker.py), the first ``failing_since``; ``recall_at``: when a recall may be tried, sooner than
    ``held_until``; ``asked_until``: how long its partner itself asked us to wait. ``recalls_only``: no notices.
    ``filter``: which notices, as text (domain/subscription_filters.py).
    ``per_second``: the most that its endpoint wants. ``order``: of what it is told from then on;
    ``blocked_head_seconds``: how long one that is not taken may keep those behind it waiting. ``retry_schedule``: waits
    before attempt 1, 2, ... in seconds, in the place of ours. ``tls``: its client certificate and own CA, sealed
    (channels/client_tls.py). ``alerts_to``: whom to tell by mail of trouble with it, sealed. ``bounced_at``,
    ``alerts_bounced_at``: when a mail to its mailbox or to ``alerts_to`` last came back for good, without a word that
    the mailbox is gone. ``paused_until``: when its last pause ended. ``instead_of``: those that it has taken the place
    of when they were disabled. All of it is in one document: who sends reads it once."""

    _id: str
    agency: str
    channel: ChannelName
    state: SubscriptionState
    reason: str | None
    held_until: datetime | None
    failures: int
    failing_since: NotRequired[datetime | None]
    recall_at: NotRequired[datetime | None]
    asked_until: NotRequired[datetime | None]
    target: bytes | None
    secrets: list[SecretEntry]
    headers: NotRequired[bytes | None]
    tls: NotRequired[bytes | None]
    recalls_only: NotRequired[bool]
    filter: NotRequired[str | None]
    per_second: NotRequired[float | None]
    order: NotRequired[Order | None]
    blocked_head_seconds: NotRequired[int | None]
    retry_schedule: NotRequired[list[float] | None]
    alerts_to: NotRequired[bytes | None]
    bounced_at: NotRequired[datetime | None]
    alerts_bounced_at: NotRequired[datetime | None]
    paused_until: NotRequired[datetime]
    instead_of: NotRequired[list[str]]


class DayEntry(TypedDict):
    """A day of a feed (ISO), and the first position that may be its own."""

    day: str
    first: int


class RecipientDocument(TypedDict):
    """``position``: the last one that was given in its feed; ``days``: where each day begins (domain/feed_days.py).
    ``asked``: by channel, when it last had endpoints asked or tested (subscriptions/endpoint_verification.py)."""

    _id: str
    position: int
    days: NotRequired[list[DayEntry]]
    asked: NotRequired[dict[str, list[datetime]]]


class HeldEntry(TypedDict):
    """What the recipient was last told of an opportunity; ``sent_via``: by which subscriptions; ``behind``: as in
    domain/notice_threads.py."""

    kind: str
    band: Band
    version: int
    month: str
    sent_via: list[str]
    behind: NotRequired[list[str]]


class RecallEntry(TypedDict):
    """The last recall; ``taken``: its recipient has acknowledged it, or nothing had left us. ``if_sent``: as in
    domain/notice_threads.py, those of which it is not known yet."""

    version: int
    alias: str
    month: str
    sent_via: list[str]
    taken: bool
    if_sent: list[str]


class QueueEntry(TypedDict):
    """An open delivery; ``opportunity`` is None for a recall. ``ordered``: as of the delivery."""

    delivery: str
    opportunity: str | None
    ordered: NotRequired[bool]


class ThreadDocument(TypedDict):
    """``queues``: open deliveries by subscription, oldest first (delivery_queues.py). ``ended``: ends of which somebody
    who is away is to hear. ``earlier``: open recalls under aliases of before."""

    _id: str
    recipient: str
    person: str
    alias: str
    untold: NotRequired[bool]
    version: int
    recall_required: bool
    held: dict[str, HeldEntry]
    ended: NotRequired[dict[str, HeldEntry]]
    recall: RecallEntry | None
    earlier: NotRequired[list[RecallEntry]]
    queues: dict[str, list[QueueEntry]]


class DeliveryReference(TypedDict):
    """A delivery and what has to be loaded with it."""

    _id: str
    thread: str
    opportunity: str | None


class AttemptEntry(TypedDict):
    """How one attempt went; ``at``: when it was written down."""

    number: int
    outcome: str
    reason: str | None
    milliseconds: int
    at: datetime


class OutcomeFields(TypedDict):
    """What an outcome event says of a delivery; ``outcome_sequence`` counts these events."""

    _id: str
    recipient: str
    channel: str
    about: About
    person: str
    opportunity: str | None
    attempts: int
    outcome_sequence: int
    cause: CauseEntry


class DeliveryFields(OutcomeFields):
    """``before``, ``after``: contents without and with it (domain/notice_threads.py). ``possibly_sent``: it may have
    left us: such a one is never superseded. ``listed``: its recipient may look it up. ``due``: of pushed ones;
    ``position``: of those in a feed. ``planned``: when its retry was due before it was brought forward
    (`Repository.bring_forward`); ``probe``: as a probe alone, so its failure uses that up no more than its schedule.
    ``waits``: for a retry, and whether that was brought forward (`Repository.bring_forward`); only while it is due. Or
    ``RECALLED``: it was under way when its recall came, which waits for its end.
    ``region``: of the opening, for filters alone. ``ordered``: it comes behind all that is ordered and older in its
    thread (queues.py); ``blocks_since``: its first attempt that failed while its endpoint was not down.
    ``failed_with_us``: how many of its attempts failed with our own trouble, and use up none of its schedule.
    ``reason``: why it ended, or of an open one what its last attempt came to. ``since``: from when on it is to be with
    its recipient, however often it is put off. ``resent``: when it was last taken up again after its end.
    ``log``: how its last attempts went, oldest first. ``ended``: by the clock of MongoDB's TTL, also the next.
    ``unacknowledged_since``: only of a recall that has arrived and was not acknowledged, when it first did; such a one
    has no ``ended``, whatever its state. ``settled``: of a recall that had not ended when a later one under the same
    alias was acknowledged: nobody is asked for it when it arrives. ``if_sent``: of a recall that is for nothing but
    these deliveries, which were under way when it was said; ``tried``: of such a recall, when an attempt that may have
    reached its recipient was written down, or it was given out of a feed. ``taken_over``: others tell this end, since
    its subscription went while it was under way."""

    notice: str
    thread: str
    alias: str
    version: int
    month: str
    kind: str | None
    band: Band | None
    match_state: State | None
    subscription: str
    before: str
    after: str
    possibly_sent: bool
    listed: bool
    acknowledged: bool
    state: DeliveryState
    reason: str | None
    due: NotRequired[datetime]
    planned: NotRequired[datetime]
    probe: NotRequired[bool]
    waits: NotRequired[Waits]
    region: NotRequired[str]
    ordered: NotRequired[bool]
    blocks_since: NotRequired[datetime]
    failed_with_us: NotRequired[int]
    position: NotRequired[int]
    since: NotRequired[datetime]
    resent: NotRequired[datetime]
    log: NotRequired[list[AttemptEntry]]
    ended: NotRequired[datetime]
    unacknowledged_since: NotRequired[datetime]
    settled: NotRequired[bool]
    if_sent: NotRequired[list[str]]
    tried: NotRequired[bool]
    taken_over: NotRequired[bool]


class DeliveryDocument(DeliveryFields):
    """Any delivery; what a claim left in it stays when the claim has ended."""

    owner: str | None
    claim: str | None
    possibly_sent_before: NotRequired[bool]


class ClaimedDelivery(DeliveryFields):
    """One that is being sent. ``possibly_sent_before``: whether it may have left us before this claim."""

    owner: str
    claim: str
    possibly_sent_before: bool


class ResyncDocument(TypedDict):
    """``generation`` counts requests; ``after``: the last person of this pass that is done."""

    _id: str
    generation: int
    second_pass: bool
    after: str
    not_before: datetime


class RecoveryDocument(TypedDict):
    """What one subscription is told again. ``recovery``: its id, another one each time it is asked for. ``after``: the
    last delivery or person that was looked at. ``pending``: what its last piece
    made due. ``again`` were made due, ``passed_over`` were not to be sent."""

    _id: str
    recovery: str
    agency: str
    what: RecoveryKind
    since: datetime | None
    state: RecoveryState
    after: str
    pending: list[str]
    again: int
    passed_over: int
    asked: datetime
    not_before: datetime
    ended: NotRequired[datetime]


Told = Literal["failing", "ending", "disabled", "unread", "unacknowledged", "doubtful", "well"]


class TroubleDocument(TypedDict):
    """``told``: what its owner was told last."""

    _id: str
    since: datetime
    told: Told | None


class CalendarDocument(TypedDict):
    """``day``: ISO."""

    _id: str
    day: str


PEOPLE = Collection[PersonDocument]("people")
MATCHES = Collection[MatchDocument]("matches")
AGENCIES = Collection[Document](agencies.AGENCIES)
FLOORS = Collection[Document](prohibition_floors.FLOORS)
SUBSCRIPTIONS = Collection[SubscriptionDocument]("subscriptions")
RECIPIENTS = Collection[RecipientDocument]("recipients")
THREADS = Collection[ThreadDocument]("threads")
DELIVERIES = Collection[DeliveryDocument]("deliveries")
RESYNCS = Collection[ResyncDocument]("resyncs")
RECOVERIES = Collection[RecoveryDocument]("recoveries")
TROUBLES = Collection[TroubleDocument]("troubles")
CALENDAR = Collection[CalendarDocument]("calendar")
LATEST_DAY = "day"
