"""How every service talks to Kafka, MongoDB, logs, metrics and HTTP. No business rule lives here."""
