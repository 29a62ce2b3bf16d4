"""`make bench-delivery`: from Kafka to partners' sockets, against a bare loop on the same machine."""
