"""The one place where notifications is put together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from fastapi import FastAPI

from services.notifications.acknowledgements import Deliveries
from services.notifications.api import Endpoints, make_router
from services.notifications.channel import Channel, PushChannel
from services.notifications.channels.credentials import Credentials
from services.notifications.channels.feed import Feed, FeedReader
from services.notifications.channels.feed_files import FeedFiles
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
from services.notifications.delivery.heard_prohibitions import HeardProhibitions
from services.notifications.delivery.notice_content import Messages
from services.notifications.delivery.pre_send_check import PreSendReads
from services.notifications.delivery.transitions import DeliveryTransitions
from services.notifications.documents import PersonDocument
from services.notifications.domain.digest_schedule import next_window
from services.notifications.earlier_recalls import EarlierRecalls
from services.notifications.fan_out.clock_recovery import ClockRecovery
from services.notifications.fan_out.flows import RecipientFlows
from services.notifications.fan_out.reconcile import Reconciler
from services.notifications.fan_out.resync import ResyncJob
from services.notifications.feed_api import FeedEndpoints, make_feed_router
from services.notifications.files_api import make_files_router
from services.notifications.indexes_and_retention import INDEXES
from services.notifications.kafka_handlers import floor_follow_up, notifications_stream, prohibitions_stream
from services.notifications.monitoring import DeliveryMonitor
from services.notifications.operators_api import make_operators_router
from services.notifications.outcome_events import Outcomes
from services.notifications.recovery.api import make_recovery_router
from services.notifications.recovery.recovery_job import RecoveryJob
from services.notifications.recovery.recovery_requests import Recoveries
from services.notifications.recovery.resend import Resend
from services.notifications.repository import Repository
from services.notifications.settings import NotificationsSettings
from services.notifications.subscriptions.api import make_subscriptions_router
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
    pack = load_pack(settings.pack)
    zone = ZoneInfo(pack.timezone)
    ids, sealer = Ids(settings.id_key_bytes), Sealer(settings.sealing_key_bytes)
    credentials = Credentials(sealer)
    outcomes, messages = Outcomes(ids), Messages(settings.ask_path)
    dispatcher, resync_requested, floor_raised = Dispatcher(STOP_WITHIN), asyncio.Event(), asyncio.Event()
    recovery_asked = asyncio.Event()

    def today(now: datetime) -> date:
        return now.astimezone(zone).date()

    feed = Feed(today)
    webhook = Webhook(credentials, dispatcher.due, _limits(settings), settings.url_rules, settings.spread)
    relay = Relay(_relay_settings(settings), _mail_server_tls(settings)) if settings.smtp_host else None
    texts, returns = MailComposer(pack, settings.mail_sender), ReturnPath(ids, settings.mail_bounces)
    email = Email(credentials, dispatcher.due, relay, texts, returns, settings.spread)
    digest = EmailDigest(credentials, relay, lambda after: next_window(after, zone, time(settings.digest_hour)))
    kafka = settings.kafka_settings if settings.kafka_security.authenticated else None
    deadline = timedelta(seconds=settings.deadline_seconds)
    topic = OwnTopic(credentials, dispatcher.due, kafka, deadline, settings.spread)
    channels: dict[str, Channel] = {each.name: each for each in (feed, webhook, email, digest, topic)}
    push = {name: each for name, each in channels.items() if isinstance(each, PushChannel)}
    reconciler = Reconciler(ids, channels, outcomes, today, dispatcher.waits)
    queues = reconciler.queues
    heard = HeardProhibitions()
    prohibitions = prohibitions_stream(floor_raised.set, resync_requested.set, heard.about)
    heard.follow(prohibitions.is_current)
    endpoints, feed_endpoints = Endpoints(), FeedEndpoints()

    async def people(ids: Sequence[str]) -> Mapping[str, PersonDocument]:
        return await endpoints.repository.people(ids)

    flows = RecipientFlows(reconciler.recipients_seen, people)
    runtime = ServiceRuntime(
        settings,
        authenticator=partial(Keys, zone=zone),
        remedies=pack.remedy,
        sayings=pack.problem,
        streams=(prohibitions, notifications_stream(reconciler, flows)),
        writes=WRITES,
        writes_under=(PARTNERS,),
        indexes=INDEXES,
    )
    deps: Dependencies | None = None
    bounces: BounceListener | None = None

    async def put_together() -> None:
        store, repository = runtime.store, Repository(runtime.database)
        endpoints.repository, endpoints.clock, endpoints.breaker = repository, runtime.clock, settings.breaker
        endpoints.monitor = DeliveryMonitor(runtime.database, repository, runtime.clock, sorted(channels))
        endpoints.resend = Resend(store, repository, queues)
        endpoints.recoveries = Recoveries(store, repository, recovery_asked.set)
        endpoints.subscriptions = Subscriptions(
            store,
            repository,
            channels,
            credentials,
            EndpointCheck(store, channels, runtime.clock),
            runtime.clock,
            settings.secret_overlap,
            resync_requested.set,
            recovery_asked.set,
            sends_mail=relay is not None,
        )
        endpoints.deliveries = Deliveries(store, repository, queues, outcomes)
        reader = FeedReader(feed, store, repository, queues, messages, sealer, today, runtime.stopping)
        feed_endpoints.repository, feed_endpoints.reader = repository, reader
        feed_endpoints.snapshot = FeedSnapshot(reader, store, repository, queues, messages, ids, sealer, today)
        feed_endpoints.files = FeedFiles(reader, store, repository, endpoints.deliveries, ids, today)
        feed_endpoints.stream = FeedStream(reader, runtime.stopping)

        nonlocal deps, bounces  # longer than one run of the dispatcher: what was answered waits in the recorder
        deps = Dependencies(
            repository=repository,
            reads=PreSendReads(repository),
            heard=heard,
            channels=push,
            transitions=DeliveryTransitions(
                queues, settings.retry_schedule, resync_requested.set, settings.breaker, reconciler.told_after_all
            ),
            brought_up_to_date=reconciler.brought_up_to_date,
            recorder=AttemptRecorder(store),
            lease=_dispatcher_lease(settings, channels.values(), runtime.database, repository),
            messages=messages,
            slots=settings.endpoint_slots,
            jitter=settings.retry_jitter,
            today=today,
            clock=runtime.clock,
        )
        if settings.bounces_listen:
            heard_of = Bounces(store, credentials, returns, deps.transitions)
            bounces = BounceListener(*settings.bounces_address, returns, heard_of.heard, tls=_bounces_tls(settings))
            bounces.open()

    async def hear_bounces() -> None:
        assert bounces is not None
        await bounces.run(runtime.stopping)

    async def end_mail() -> None:
        if bounces is not None:
            bounces.close()
        if relay is not None:
            await relay.close()

    async def dispatch() -> None:
        assert deps is not None
        await dispatcher.run(deps, runtime.stopping)

    async def resync() -> None:
        await ResyncJob(runtime.store, endpoints.repository, reconciler, resync_requested).run(runtime.stopping)

    async def send_again() -> None:
        job = RecoveryJob(
            runtime.store,
            endpoints.repository,
            queues,
            ids,
            runtime.clock,
            settings.recovery_per_second,
            recovery_asked,
        )
        await job.run(runtime.stopping)

    async def probe() -> None:
        assert deps is not None
        await Probes(endpoints.repository, runtime.clock, dispatcher.wake, deps.lease.asks).run(runtime.stopping)

    async def recover() -> None:
        await ClockRecovery(runtime.store, endpoints.repository, runtime.clock, today, resync_requested.set).run(
            runtime.stopping
        )

    async def recall() -> None:
        follow_up = floor_follow_up(reconciler, runtime.database, runtime.store, floor_raised, runtime.observer)
        await follow_up.run(runtime.stopping)

    async def await_earlier_recalls() -> None:
        await EarlierRecalls(runtime.database, runtime.store, ids).run(runtime.stopping)

    async def monitor() -> None:
        await endpoints.monitor.run(runtime.stopping)

    async def send_digests() -> None:
        assert relay is not None
        assert deps is not None
        await DigestSender(deps, credentials, relay, texts, returns).run(runtime.stopping)

    async def tell_owners() -> None:
        assert relay is not None
        mails = OwnerMails(
            runtime.database,
            endpoints.repository,
            credentials,
            relay,
            texts,
            returns,
            runtime.clock,
            settings.instance,
            settings.breaker,
            endpoints.monitor,
        )
        await mails.run(runtime.stopping)

    return runtime.app(
        title="Ieum notifications",
        routers=(
            make_subscriptions_router(endpoints, pack),
            make_router(endpoints),
            make_recovery_router(endpoints),
            make_feed_router(feed_endpoints),
            make_files_router(feed_endpoints),
            make_operators_router(endpoints, lambda: runtime.database),
        ),
        before_streams=(put_together,),
        loops=(
            *(dispatch, probe, resync, send_again, recall, recover, monitor, await_earlier_recalls),
            *(() if relay is None else (send_digests, tell_owners)),
            *((hear_bounces,) if settings.bounces_listen else ()),
        ),
        on_stop=(dispatcher.end, end_mail, webhook.close, topic.close),
    )


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
    )
