"""What notifications measures of its own."""

from __future__ import annotations

from shared.kit.base.metrics import LONG_SECONDS, counter, gauge, histogram

deliveries = counter("deliveries", "Deliveries that ended, and how", ["channel", "outcome"])
event_to_partner_seconds = histogram(
    "event_to_partner_seconds", "From the door to the partner's system", ["channel"], buckets=LONG_SECONDS
)
subscriptions_disabled = counter(
    "subscriptions_disabled", "Subscriptions that ended by themselves", ["channel", "reason"]
)
in_flight = gauge("in_flight", "Deliveries under way", ["channel"])
attempts_to_record = gauge("attempts_to_record", "Attempts at partners that were answered and not yet written down")
attempts_not_recorded = counter("attempts_not_recorded", "Attempts whose outcome cannot be written down")
