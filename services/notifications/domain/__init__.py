"""The rules, apart from everything that waits: no clock, no network, no Kafka, no MongoDB."""
