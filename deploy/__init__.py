"""How Ieum runs: on one machine with the embedded pair or Apache Kafka, and in containers."""
