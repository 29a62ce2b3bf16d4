"""From Kafka to the store: records, their routes, partition checkpoints, quarantine."""
