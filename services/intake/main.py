"""The one place where intake is put together."""

from __future__ import annotations

from datetime import date
from functools import cache, partial
from zoneinfo import ZoneInfo

from fastapi import FastAPI

from services.intake import code_lists_api, files_api, metrics, operators_api
from services.intake.advert_expiry import AdvertExpiryJob
from services.intake.api import IntakeEndpoints, make_router
from services.intake.consent_expiry import ConsentExpiryJob
from services.intake.dependencies import Dependencies
from services.intake.file_mappings import api as file_mappings_api
from services.intake.file_mappings.service import FileMappings
from services.intake.first_administrator import first_administrator
from services.intake.held_lookup import HeldLookup
from services.intake.identity import References, Vault
from services.intake.inbound import api as inbound_api
from services.intake.inbound.api import ANSWERS, INBOUND, state_of
from services.intake.inbound.door import KafkaDoor
from services.intake.indexes_and_retention import INDEXES
from services.intake.kafka_handlers import make_stream
from services.intake.operators import Operators
from services.intake.own_keys import api as own_keys_api
from services.intake.own_keys.service import OwnKeys
from services.intake.queries import Journeys
from services.intake.repository import Repository
from services.intake.request_admission import Admission
from services.intake.restoration import forgotten
from services.intake.restoration.command import refuse_unfinished
from services.intake.restoration.own_topics import OwnTopics
from services.intake.service import Door
from services.intake.settings import IntakeSettings
from services.intake.worker.client import WorkerProcess
from services.intake.worker.questions import Start
from shared.access.api_keys import Keys
from shared.events import registry
from shared.events.identity_boxes import BoxKeys
from shared.kit.base.logs import logger
from shared.kit.runtime.service_runtime import ServiceRuntime
from shared.reference import Pack, load_pack

WRITES = registry.written_by("intake")
_log = logger("intake")


def build(settings: IntakeSettings) -> FastAPI:
    """The application, not started: its lifespan opens MongoDB and Kafka. Once running it stays ready without Kafka."""
    pack = load_pack(settings.pack)
    zone = ZoneInfo(pack.timezone)
    runtime = ServiceRuntime(
        settings,
        authenticator=partial(Keys, zone=zone),
        remedies=pack.remedy,
        sayings=pack.problem,
        streams=(make_stream(),),
        writes=WRITES,
        rereads=WRITES,  # after its database was put back from a copy
        writes_under=(ANSWERS,),
        reads_under=(INBOUND,),
        indexes=INDEXES,
        ready_needs_kafka=False,
    )
    dependencies = Dependencies(
        pack,
        runtime.ids,
        runtime.sealer,
        Vault(settings.kek_bytes),
        References(runtime.ids),
        runtime.clock,
        most_rejections=settings.most_rejections,
        hold_wrong_numbers=settings.hold_wrong_employer_numbers,
    )
    worker = WorkerProcess(Start(settings.pack, settings.id_key_bytes, settings.instance, settings.log_level))
    endpoints, boxes = IntakeEndpoints(), BoxKeys(settings.inbound_keys_bytes)
    kafka_door = state_of(settings.kafka_settings, boxes)

    async def put_together() -> None:
        warn_of_an_old_wage_table(pack, dependencies.day(runtime.clock.calendar()))
        await refuse_unfinished(runtime.database)
        repository = Repository(runtime.database)
        await repository.prepare()
        given = settings.first_admin.get_secret_value() if settings.first_admin else None
        await first_administrator(given, runtime.store, repository, dependencies)
        endpoints.admission = Admission(
            dependencies.slices, settings.most_events, settings.most_bytes, worker, runtime.clock
        )
        endpoints.worker = worker
        endpoints.door = Door(runtime.store, dependencies)
        endpoints.journeys = Journeys(repository, dependencies)
        endpoints.held_lookup = HeldLookup(repository, dependencies)
        endpoints.own_keys = OwnKeys(runtime.store, dependencies)
        endpoints.file_mappings = FileMappings(runtime.store, dependencies)
        endpoints.operators = Operators(runtime.store, repository, dependencies)

    @cache
    def consent_expiry() -> ConsentExpiryJob:
        return ConsentExpiryJob(runtime.store, Repository(runtime.database), dependencies)

    async def lapse_consents() -> None:
        await consent_expiry().run(settings.lapse_seconds, runtime.stopping)

    async def look_at_adverts() -> None:
        job = AdvertExpiryJob(runtime.store, Repository(runtime.database), dependencies)
        await job.run(settings.lapse_seconds, runtime.stopping)

    async def look_for_a_forgotten_restore() -> None:
        own = OwnTopics(settings.kafka_settings, runtime.database)
        await forgotten.look(own, runtime.database, runtime.observer, runtime.stopping)

    async def run_worker() -> None:
        await worker.run(runtime.stopping)

    async def read_inbound() -> None:
        if not kafka_door.open:
            _log.info("inbound_off", remedy=kafka_door.why)
            return
        metrics.inbound_configured.of().set(1)
        door = KafkaDoor(
            settings.kafka_settings,
            runtime.store,
            Repository(runtime.database),
            dependencies,
            boxes,
            runtime.quotas,
            runtime.observer,
            settings.inbound_lease_seconds,
        )
        await door.run(runtime.stopping)

    return runtime.app(
        title="Ieum intake",
        routers=(
            make_router(endpoints, settings),
            own_keys_api.make_router(lambda: endpoints.own_keys),
            inbound_api.make_router(kafka_door),
            code_lists_api.make_router(pack),
            files_api.make_router(endpoints, settings, dependencies),
            file_mappings_api.make_router(lambda: endpoints.file_mappings),
            operators_api.make_router(endpoints),
        ),
        before_streams=(put_together,),
        loops=(run_worker, lapse_consents, look_at_adverts, read_inbound, look_for_a_forgotten_restore),
    )


def warn_of_an_old_wage_table(pack: Pack, today: date) -> None:
    """Say in the log when the pack's wage table has ended, for an older floor is then in use."""
    if pack.wage_table_ended(today):
        _log.warning("wage_table_ended", pack=pack.name, remedy="Add the new floor to the pack's wages.json.")
