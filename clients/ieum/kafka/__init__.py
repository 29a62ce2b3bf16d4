"""The door on Kafka as an agency sees it: what is published, sealed (`records`), and how it is answered (`door`, which
needs the extra `kafka` of the package). By confluent-kafka: librdkafka is well kept, needs no event loop, and says why
a broker lets nobody in, where aiokafka, which the services have, says only that it cannot connect.
"""
