"""The door on Kafka: an agency publishes to a topic of its own, `inbound.<agency>`, and reads on `answers.<agency>`.

Who sends is who may write the topic (SASL and ACLs of an Apache Kafka), not what an event says. Behind it every event
goes the way that it goes behind HTTP: the same validation, decision, receipts and list of rejections.
"""
