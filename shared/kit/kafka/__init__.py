"""Kafka as the kit sees it: settings, clients, topics, consumer, producer."""
