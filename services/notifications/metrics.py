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
attempts = counter(
    "delivery_attempts", "Attempts at partners' systems, and what came of them", ["channel", "outcome", "reason"]
)
endpoints = gauge("endpoints", "Subscriptions by how their systems answer", ["channel", "status"])
undelivered = gauge(
    "undelivered", "What is told and has not arrived; in a feed: is not read", ["channel", "recipient_class", "kind"]
)
undelivered_oldest_seconds = gauge(
    "undelivered_oldest_seconds",
    "Age of the oldest that is told and has not arrived; in a feed: is not read",
    ["channel", "recipient_class", "kind"],
)
recalls_unacknowledged = gauge(
    "recalls_unacknowledged",
    "Recalls that arrived and are not acknowledged, of each subscription the first 1000",
    ["recipient_class"],
)
recalls_unacknowledged_oldest_seconds = gauge(
    "recalls_unacknowledged_oldest_seconds",
    "How long ago the oldest recall arrived that is not acknowledged",
    ["recipient_class"],
)
in_flight = gauge("in_flight", "Deliveries under way", ["channel"])
attempts_to_record = gauge("attempts_to_record", "Attempts at partners that were answered and not yet written down")
attempts_not_recorded = counter("attempts_not_recorded", "Attempts whose outcome cannot be written down")
bounces = counter("bounces", "What came to the address for undelivered mails, and what was made of it", ["outcome"])
mail_server_trouble = gauge(
    "mail_server_trouble", "1 while this is what is wrong with the mail server: mails wait", ["reason"]
)
tls_files_not_taken = gauge(
    "tls_files_not_taken", "1 while what is in a file of TLS cannot be used, and what was there before is", ["kind"]
)
