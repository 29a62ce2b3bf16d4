"""Apache Kafka 4.3 (KRaft, one node) as a second kind of broker: `KAFKA=apache`.

`fetch` gets the jars with Maven, once; `broker` runs them on the loopback under the same seam as the embedded broker.
"""
