"""What the dashboard shows, from the door to the partner. `dashboard` makes Grafana's JSON of it."""

from __future__ import annotations

from typing import NamedTuple


class Query(NamedTuple):
    """One PromQL expression and how its lines are called ({{label}} is Grafana's).

    `may_be_empty`: as long as all is well, its metric has no series at all.
    """

    expression: str
    legend: str
    may_be_empty: bool = False


class Panel(NamedTuple):
    """One picture. `kind` and `unit` are Grafana's names."""

    title: str
    tells: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: str = "timeseries"
    thresholds: tuple[float, ...] = ()
    """From the first on it is yellow, from the second on red."""


class Row(NamedTuple):
    """A heading and its panels, three in a line."""

    title: str
    panels: tuple[Panel, ...]


_SECONDS_P99 = "histogram_quantile(0.99, sum by ({by}, le) (rate({metric}_bucket[5m])))"
_SECONDS_P50 = "histogram_quantile(0.5, sum by ({by}, le) (rate({metric}_bucket[5m])))"


def _p50_and_p99(metric: str, by: str) -> tuple[Query, Query]:
    return (
        Query(_SECONDS_P50.format(by=by, metric=metric), f"{{{{{by}}}}} half"),
        Query(_SECONDS_P99.format(by=by, metric=metric), f"{{{{{by}}}}} 99 of 100"),
    )


ROWS = (
    Row(
        "Is anything wrong?",
        (
            Panel(
                "Services that answer",
                "Three, while all is well.",
                (Query('sum(up{job="ieum"})', "services"),),
                kind="stat",
            ),
            Panel(
                "Alerts now",
                "What the person on duty is told; see deploy/prometheus/alerts.yml.",
                (Query('count(ALERTS{alertstate="firing"}) or vector(0)', "alerts", may_be_empty=True),),
                kind="stat",
                thresholds=(1, 1),
            ),
            Panel(
                "Set apart in a day",
                "Records in quarantine, without effect until replayed; the alert DeadLetters tells the reasons.",
                (Query("sum(increase(ieum_events_set_apart_total[1d])) or vector(0)", "records", may_be_empty=True),),
                kind="stat",
                thresholds=(1, 100),
            ),
        ),
    ),
    Row(
        "The door",
        (
            Panel(
                "Events accepted",
                "Per second, by type. Accepted means kept.",
                (Query("sum by (type) (rate(ieum_events_accepted_total[5m]))", "{{type}}"),),
                unit="ops",
            ),
            Panel(
                "Events refused",
                "Per second, by rule: what partners have to mend.",
                (Query("sum by (reason) (rate(ieum_events_refused_total[5m]))", "{{reason}}"),),
                unit="ops",
            ),
            Panel(
                "Hours since an agency spoke",
                "Whose people and offers may be out of date.",
                (
                    Query(
                        "(time() - max by (agency) (max_over_time(ieum_last_event_timestamp_seconds[14d]))) / 3600",
                        "{{agency}}",
                    ),
                ),
                unit="h",
                kind="bargauge",
                thresholds=(48, 72),
            ),
        ),
    ),
    Row(
        "The door on Kafka",
        (
            Panel(
                "Records of agencies' topics",
                "Per second, decided and answered; nothing while nobody publishes there.",
                (Query("sum by (agency) (rate(ieum_inbound_records_total[5m]))", "{{agency}}", may_be_empty=True),),
                unit="ops",
            ),
            Panel(
                "Records that wait in agencies' topics",
                "Of one alone: it sends more than its quota, or its answers are not taken.",
                (Query("sum by (agency) (ieum_inbound_lag)", "{{agency}}", may_be_empty=True),),
            ),
            Panel(
                "Readings that failed",
                "In 15 minutes, by agency and reason; each begins again where its checkpoint is.",
                (
                    Query(
                        "sum by (agency, reason) (increase(ieum_inbound_failures_total[15m]))",
                        "{{agency}} {{reason}}",
                        may_be_empty=True,
                    ),
                ),
            ),
        ),
    ),
    Row(
        "Between the services",
        (
            Panel(
                "Records consumed",
                "Per second.",
                (Query("sum by (service, topic) (rate(ieum_events_consumed_total[5m]))", "{{service}} {{topic}}"),),
                unit="ops",
            ),
            Panel(
                "Records that wait",
                "Lag, all partitions of a topic together.",
                (Query("sum by (service, topic) (ieum_consumer_lag)", "{{service}} {{topic}}"),),
            ),
            Panel(
                "Oldest unpublished row",
                "How long the outbox has waited for Kafka.",
                (Query("max by (service) (ieum_outbox_oldest_seconds)", "{{service}}"),),
                unit="s",
                thresholds=(10, 60),
            ),
            Panel(
                "Batch, from arrival to commit",
                "One transaction of up to 500 records.",
                _p50_and_p99("ieum_batch_seconds", "service"),
                unit="s",
            ),
            Panel(
                "Records in a batch",
                "Few: there is nothing to do. 500: there is more to do than hands.",
                (
                    Query(
                        "sum by (service) (rate(ieum_batch_records_sum[5m]))"
                        " / sum by (service) (rate(ieum_batch_records_count[5m]))",
                        "{{service}}",
                    ),
                ),
            ),
            Panel(
                "Transactions tried again",
                "Per second. Some after a restart; many for long: two owners of one partition.",
                (Query("sum by (service) (rate(ieum_transaction_retries_total[5m]))", "{{service}}"),),
                unit="ops",
            ),
        ),
    ),
    Row(
        "Matches and partners",
        (
            Panel(
                "Matches",
                "Per second: found, changed, withdrawn.",
                (Query("sum by (outcome) (rate(ieum_matches_total[5m]))", "{{outcome}}"),),
                unit="ops",
            ),
            Panel(
                "Deliveries that ended",
                "Per second, by outcome: delivered, acknowledged, or the reason why not.",
                (Query("sum by (channel, outcome) (rate(ieum_deliveries_total[5m]))", "{{channel}} {{outcome}}"),),
                unit="ops",
            ),
            Panel(
                "Attempts at partners",
                "Per second, by outcome, as they are made: again means it failed and is tried again.",
                (
                    Query(
                        "sum by (channel, outcome) (rate(ieum_delivery_attempts_total[5m]))",
                        "{{channel}} {{outcome}}",
                    ),
                ),
                unit="ops",
            ),
            Panel(
                "Endpoints that do not answer well",
                "failing: from the first bad answer on. down: after five in a row. held: they asked for a pause.",
                (
                    Query(
                        'max by (channel, status) (ieum_endpoints{status!="well"})',
                        "{{channel}} {{status}}",
                    ),
                ),
            ),
            Panel(
                "Undelivered mails that came back",
                "ended: no such mailbox. shown: for good, for another reason. unknown: to an address that is not ours.",
                (Query("sum by (outcome) (rate(ieum_bounces_total[5m]))", "{{outcome}}", may_be_empty=True),),
                unit="ops",
            ),
            Panel(
                "Oldest that has not arrived",
                "In a feed: that is not read. A recall should be there within seconds.",
                (
                    Query(
                        "max by (channel, recipient_class, kind) (ieum_undelivered_oldest_seconds)",
                        "{{kind}} {{channel}} {{recipient_class}}",
                    ),
                ),
                unit="s",
                thresholds=(120, 900),
            ),
            Panel(
                "From the door to the partner",
                "What somebody waits after an agency has told us.",
                _p50_and_p99("ieum_event_to_partner_seconds", "channel"),
                unit="s",
            ),
            Panel(
                "From what forbids to its effect",
                "A consent taken back, somebody who left, a right taken away: how long it was still used. At most 5 s.",
                _p50_and_p99("ieum_prohibition_seconds", "kind"),
                unit="s",
            ),
            Panel(
                "Deliveries under way",
                "At this moment.",
                (Query("sum by (channel) (ieum_in_flight)", "{{channel}}"),),
            ),
            Panel(
                "Consents lapsed and given in a day",
                "People who drop out of matching, and who come in.",
                (
                    Query(
                        "sum by (type) (increase(ieum_events_consumed_total"
                        '{service="matching", type=~"consent-(lapsed|given|withdrawn)|person-enrolled"}[1d]))',
                        "{{type}}",
                    ),
                ),
                kind="stat",
            ),
            Panel(
                "People whose consent ends within 30 days",
                "At least so many, in coarse steps: 0 means fewer than 20. Counted once a day.",
                (Query("max(ieum_people_with_consent_ending)", "at least"),),
                kind="stat",
            ),
            Panel(
                "Memory",
                "Of each service's process.",
                (Query("process_resident_memory_bytes{job='ieum'}", "{{service}}"),),
                unit="bytes",
            ),
        ),
    ),
)
