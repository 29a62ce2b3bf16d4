"""What intake measures of its own business; what every service measures is in the kit."""

from __future__ import annotations

from shared.kit.base.metrics import counter, gauge

events_accepted = counter("events_accepted", "Door events accepted, without repeated and superseded ones", ["type"])
events_refused = counter("events_refused", "Door events refused, by rule", ["reason"])
rejections_not_kept = counter("rejections_not_kept", "Refused events that were answered and not kept", ["agency"])
adverts_not_compared = counter(
    "adverts_not_compared", "Open adverts that others are not compared with: too many of that employer, place and work"
)
last_event_timestamp_seconds = gauge("last_event_timestamp_seconds", "When an agency last spoke", ["agency", "type"])
people_with_consent_ending = gauge(
    "people_with_consent_ending", "People whose first consent ends within 30 days: at least so many; 0 below 20"
)
people_with_consent_ending_share = gauge(
    "people_with_consent_ending_share", "The same as a share of all with a consent, in tenths, rounded down"
)
inbound_configured = gauge("inbound_configured", "1 where the door on Kafka is configured, whoever reads")
inbound_open = gauge("inbound_open", "1 while this replica reads the agencies' topics at Kafka")
inbound_agencies = gauge("inbound_agencies", "Agencies whose topics this replica reads")
inbound_records = counter("inbound_records", "Records of an agency's topic that were decided and answered", ["agency"])
inbound_lag = gauge("inbound_lag", "Records of an agency's topic not yet decided", ["agency"])
inbound_failures = counter(
    "inbound_failures", "Readings of an agency's topic that failed and begin again", ["agency", "reason"]
)
database_older_than_topics = gauge(
    "database_older_than_topics", "1 where this replica began on a database older than what intake has said: restored?"
)
worker_running = gauge("worker_running", "1 while the process runs that reads files and validates events")
worker_bypassed = counter(
    "worker_bypassed", "Batches and files that the service read itself: the worker did not run, or had enough open"
)
