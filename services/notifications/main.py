"""The one place where notifications is put together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from fastapi import FastAPI

from services.notifications.acknowledgements import Deliveries
from services.notifications.api import AcknowledgementEndpoints, make_router
from services.notifications.channel import Channel, PushChannel
from services.notifications.channels.credentials import Credentials
from services.notifications.channels.feed import Feed
from services.notifications.channels.feed_files import FeedFiles
from services.notifications.channels.feed_reader import FeedReader
from services.notifications.channels.feed_snapshot import FeedSnapshot
from services.notifications.channels.feed_stream import FeedStream
from services.notifications.channels.mail.bounce_listener import BounceListener
from services.notifications.channels.mail.bounces import Bounces
from services.notifications.channels.mail.channel import Email
from services.notifications.channels.mail.composer import MailComposer
from services.notifications.channels.mail.digest import DigestSender, EmailDigest
from services.notifications.channels.mail.owner_alerts import OwnerMails
from services.notifications.channels.mail.return_path import ReturnPath
from services.notifications.channels.mail.smtp_relay import Relay, RelaySettings
from services.notifications.channels.mail.tls_files import TlsFiles
from services.notifications.channels.topic import PARTNERS, OwnTopic
from services.notifications.channels.webhook import Limits, Webhook
from services.notifications.delivery.attempt_recorder import AttemptRecorder
from services.notifications.delivery.dependencies import Dependencies
from services.notifications.delivery.dispatcher import Dispatcher
from services.notifications.delivery.dispatcher_lease import DispatcherLease, LeaseTerm
from services.notifications.delivery.notice_content import Messages
from services.notifications.delivery.pre_send_check import PreSendReads
from services.notifications.delivery.recent_prohibitions import RecentProhibitions
from services.notifications.delivery.transitions import DeliveryTransitions
from services.notifications.documents import PersonDocument
from services.notifications.domain.digest_schedule import next_window
from services.notifications.fan_out.clock_recovery import ClockRecovery
from services.notifications.fan_out.flows import RecipientFlows
from services.notifications.fan_out.reconcile import Reconciler
from services.notifications.fan_out.resync import ResyncJob
from services.notifications.feed_api import FeedEndpoints, make_feed_router
from services.notifications.files_api import make_files_router
from services.notifications.indexes_and_retention import INDEXES
from services.notifications.kafka_handlers import floor_follow_up, notifications_stream, prohibitions_stream
from services.notifications.monitoring import DeliveryMonitor
from services.notifications.operators_api import OperatorEndpoints, make_operators_router
from services.notifications.outcome_events import Outcomes
from services.notifications.recovery.api import RecoveryEndpoints, make_recovery_router
from services.notifications.recovery.recovery_job import RecoveryJob
from services.notifications.recovery.recovery_requests import Recoveries
from services.notifications.recovery.resend import Resend
from services.notifications.repository import Repository
from services.notifications.settings import NotificationsSettings
from services.notifications.subscriptions.api import SubscriptionEndpoints, make_subscriptions_router
from services.notifications.subscriptions.endpoint_verification import EndpointCheck
from services.notifications.subscriptions.half_open_probe import Probes
from services.notifications.subscriptions.management import Subscriptions
from shared.access.api_keys import Keys
from shared.events import registry
from shared.kit.base.ids import Ids
from shared.kit.base.sealing import Sealer
from shared.kit.runtime.service_runtime import ServiceRuntime
from shared.kit.store.mongo import Database
from shared.reference import load_pack

WRITES = registry.written_by("notifications")
STOP_WITHIN = timedelta(seconds=4.5)  # then what was answered is written down: the store ends after 6


def build(settings: NotificationsSettings) -> FastAPI:
    """The application, not started: its lifespan opens MongoDB and Kafka."""
    return _Notifications(settings).app()


class _Notifications:
    """The parts of the service. Those that need the database are made once it is open (`put_together`), and before any
    loop begins."""

    repository: Repository
    monitor: DeliveryMonitor
    dependencies: Dependencies
    bounces: BounceListener | None = None

    def __init__(self, settings: NotificationsSettings) -> None:
        self.pack = pack = load_pack(settings.pack)
        self.settings, self.zone = settings, ZoneInfo(pack.timezone)
        self.ids, self.sealer = Ids(settings.id_key_bytes), Sealer(settings.sealing_key_bytes)
        self.credentials = Credentials(self.sealer)
        self.outcomes, self.messages = Outcomes(self.ids), Messages(settings.ask_path)
        self.dispatcher = Dispatcher(STOP_WITHIN)
        self.resync_requested, self.floor_raised = asyncio.Event(), asyncio.Event()
        self.recovery_asked = asyncio.Event()
        self.relay = Relay(_relay_settings(settings), _mail_server_tls(settings)) if settings.smtp_host else None
        self.texts = MailComposer(pack, settings.mail_sender)
        self.returns = ReturnPath(self.ids, settings.mail_bounces)
        self.feed = Feed(self.today)
        self.webhook = Webhook(
            self.credentials, self.dispatcher.due, _limits(settings), settings.url_rules, settings.spread
        )
        kafka = settings.kafka_settings if settings.kafka_security.authenticated else None
        deadline = timedelta(seconds=settings.deadline_seconds)
        self.topic = OwnTopic(self.credentials, self.dispatcher.due, kafka, deadline, settings.spread)
        every = (self.feed, self.webhook, self._email(), self._digest(), self.topic)
        self.channels: dict[str, Channel] = {each.name: each for each in every}
        self.reconciler = Reconciler(self.ids, self.channels, self.outcomes, self.today, self.dispatcher.waits)
        self.heard = RecentProhibitions()
        self.acknowledging, self.subscribing = AcknowledgementEndpoints(), SubscriptionEndpoints()
        self.recovering, self.reading, self.operating = RecoveryEndpoints(), FeedEndpoints(), OperatorEndpoints()
        prohibitions = prohibitions_stream(self.floor_raised.set, self.resync_requested.set, self.heard.about)
        self.heard.follow(prohibitions.is_current)
        flows = RecipientFlows(self.reconciler.recipients_seen, self.people)
        self.runtime = ServiceRuntime(
            settings,
            authenticator=partial(Keys, zone=self.zone),
            remedies=pack.remedy,
            sayings=pack.problem,
            streams=(prohibitions, notifications_stream(self.reconciler, flows)),
            writes=WRITES,
            writes_under=(PARTNERS,),
            indexes=INDEXES,
        )

    def app(self) -> FastAPI:
        """The application."""
        clock, breaker = self.runtime.clock, self.settings.breaker
        return self.runtime.app(
            title="Ieum notifications",
            routers=(
                make_subscriptions_router(self.subscribing, breaker, self.pack),
                make_router(self.acknowledging),
                make_recovery_router(self.recovering, clock),
                make_feed_router(self.reading),
                make_files_router(self.reading),
                make_operators_router(self.operating, lambda: self.runtime.database, breaker),
            ),
            before_streams=(self.put_together,),
            loops=(
                *(self.dispatch, self.probe, self.resync, self.send_again, self.recall, self.recover, self.watch),
                *(() if self.relay is None else (self.send_digests, self.tell_owners)),
                *((self.hear_bounces,) if self.settings.bounces_listen else ()),
            ),
            on_stop=(self.dispatcher.end, self.end_mail, self.webhook.close, self.topic.close),
        )

    def today(self, now: datetime) -> date:
        """The day it is where the pack's programme is."""
        return now.astimezone(self.zone).date()

    async def people(self, ids: Sequence[str]) -> Mapping[str, PersonDocument]:
        """These people as they are now."""
        return await self.repository.people(ids)

    def _email(self) -> Email:
        spread = self.settings.spread
        return Email(self.credentials, self.dispatcher.due, self.relay, self.texts, self.returns, spread)

    def _digest(self) -> EmailDigest:
        hour = time(self.settings.digest_hour)
        return EmailDigest(self.credentials, self.relay, lambda after: next_window(after, self.zone, hour))

    async def put_together(self) -> None:
        """All that needs the database."""
        runtime, queues = self.runtime, self.reconciler.queues
        store, repository = runtime.store, Repository(runtime.database)
        self.repository = repository
        self.monitor = DeliveryMonitor(runtime.database, repository, runtime.clock, sorted(self.channels))
        self.operating.monitor = self.monitor
        deliveries = Deliveries(store, repository, queues, self.outcomes)
        self.acknowledging.deliveries = deliveries
        self.recovering.repository = self.subscribing.repository = self.reading.repository = repository
        self.recovering.resend = Resend(store, repository, queues)
        self.recovering.recoveries = Recoveries(store, repository, self.recovery_asked.set)
        self.subscribing.subscriptions = Subscriptions(
            store,
            repository,
            self.channels,
            self.credentials,
            EndpointCheck(store, self.channels, runtime.clock),
            runtime.clock,
            self.settings.secret_overlap,
            self.resync_requested.set,
            self.recovery_asked.set,
            sends_mail=self.relay is not None,
        )
        reader = FeedReader(
            self.feed, store, repository, queues, self.messages, self.sealer, self.today, runtime.stopping
        )
        self.reading.reader = reader
        self.reading.snapshot = FeedSnapshot(
            reader, store, repository, queues, self.messages, self.ids, self.sealer, self.today
        )
        self.reading.files = FeedFiles(reader, store, repository, deliveries, self.ids, self.today)
        self.reading.stream = FeedStream(reader, runtime.stopping)
        self.dependencies = self._dependencies()
        if self.settings.bounces_listen:
            heard_of = Bounces(store, self.credentials, self.returns, self.dependencies.transitions)
            address, tls = self.settings.bounces_address, _bounces_tls(self.settings)
            self.bounces = BounceListener(*address, self.returns, heard_of.heard, tls=tls)
            self.bounces.open()

    def _dependencies(self) -> Dependencies:
        """They live longer than one run of the dispatcher: what was answered waits in the recorder."""
        settings, runtime, repository = self.settings, self.runtime, self.repository
        return Dependencies(
            repository=repository,
            reads=PreSendReads(repository),
            heard=self.heard,
            channels={name: each for name, each in self.channels.items() if isinstance(each, PushChannel)},
            transitions=DeliveryTransitions(
                self.reconciler.queues,
                settings.retry_schedule,
                self.resync_requested.set,
                settings.breaker,
                self.reconciler.told_after_all,
            ),
            brought_up_to_date=self.reconciler.brought_up_to_date,
            recorder=AttemptRecorder(runtime.store),
            lease=_dispatcher_lease(settings, self.channels.values(), runtime.database, repository),
            messages=self.messages,
            slots=settings.endpoint_slots,
            jitter=settings.retry_jitter,
            today=self.today,
            clock=runtime.clock,
        )

    async def dispatch(self) -> None:
        """Send what is due."""
        await self.dispatcher.run(self.dependencies, self.runtime.stopping)

    async def probe(self) -> None:
        """Ask endpoints that are down whether they are back."""
        probes = Probes(self.repository, self.runtime.clock, self.dispatcher.wake, self.dependencies.lease.asks)
        await probes.run(self.runtime.stopping)

    async def resync(self) -> None:
        """Reconcile everybody of an agency when that was asked for."""
        job = ResyncJob(self.runtime.store, self.repository, self.reconciler, self.resync_requested)
        await job.run(self.runtime.stopping)

    async def send_again(self) -> None:
        """Go on with recoveries."""
        job = RecoveryJob(
            self.runtime.store,
            self.repository,
            self.reconciler.queues,
            self.ids,
            self.runtime.clock,
            self.settings.recovery_per_second,
            self.recovery_asked,
        )
        await job.run(self.runtime.stopping)

    async def recall(self) -> None:
        """Do what follows from what was forbidden."""
        runtime = self.runtime
        job = floor_follow_up(self.reconciler, runtime.database, runtime.store, self.floor_raised, runtime.observer)
        await job.run(runtime.stopping)

    async def recover(self) -> None:
        """Believe a clock again."""
        runtime = self.runtime
        job = ClockRecovery(runtime.store, self.repository, runtime.clock, self.today, self.resync_requested.set)
        await job.run(runtime.stopping)

    async def watch(self) -> None:
        """Look at what has not arrived."""
        await self.monitor.run(self.runtime.stopping)

    async def send_digests(self) -> None:
        """Send the letters of digests."""
        assert self.relay is not None
        sender = DigestSender(self.dependencies, self.credentials, self.relay, self.texts, self.returns)
        await sender.run(self.runtime.stopping)

    async def tell_owners(self) -> None:
        """Tell owners of trouble with their subscriptions."""
        assert self.relay is not None
        mails = OwnerMails(
            self.runtime.database,
            self.repository,
            self.credentials,
            self.relay,
            self.texts,
            self.returns,
            self.runtime.clock,
            self.settings.instance,
            self.settings.breaker,
            self.monitor,
        )
        await mails.run(self.runtime.stopping)

    async def hear_bounces(self) -> None:
        """Hear what came back."""
        assert self.bounces is not None
        await self.bounces.run(self.runtime.stopping)

    async def end_mail(self) -> None:
        """Let go of the listener's port and the mail server's connections."""
        if self.bounces is not None:
            self.bounces.close()
        if self.relay is not None:
            await self.relay.close()


def _dispatcher_lease(
    settings: NotificationsSettings, channels: Iterable[Channel], database: Database, repository: Repository
) -> DispatcherLease:
    """It outlasts an attempt by each channel: that of mails is a longer one."""

    def term(attempt: timedelta) -> LeaseTerm:
        return LeaseTerm(settings.dispatcher_lease(attempt), attempt)

    usual = timedelta(seconds=settings.deadline_seconds)
    slow = {each.name: each.longest for each in channels if each.longest > usual}
    slowest = term(max(slow.values())) if slow else None
    return DispatcherLease(database, repository, settings.instance, term(usual), slowest, slow)


def _limits(settings: NotificationsSettings) -> Limits:
    """Bounds of one attempt at a webhook."""
    return Limits(
        total=timedelta(seconds=settings.deadline_seconds),
        connect=timedelta(seconds=min(settings.connect_seconds, settings.deadline_seconds)),
        answer_bytes=settings.answer_bytes,
        longest_hold=timedelta(seconds=settings.retry_after_max_seconds),
    )


def _mail_server_tls(settings: NotificationsSettings) -> TlsFiles | None:
    if not settings.smtp_tls:
        return None
    files = [settings.smtp_ca_file] if settings.smtp_ca_file else []
    return TlsFiles("smtp_ca_file", files, settings.mail_server_tls)


def _bounces_tls(settings: NotificationsSettings) -> TlsFiles | None:
    files = [settings.bounces_cert_file, settings.bounces_key_file]
    return TlsFiles("bounces_cert_file", files, settings.bounces_tls) if all(files) else None


def _relay_settings(settings: NotificationsSettings) -> RelaySettings:
    """The mail server, and the bounds of one mail."""
    return RelaySettings(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        user=settings.smtp_user,
        password=settings.smtp_password.get_secret_value(),
        sender=settings.mail_sender,
        bounces=settings.mail_bounces,
        total=timedelta(seconds=settings.deadline_seconds),
        tried_every=settings.breaker.longest,
    )
