"""How every service talks to Kafka, MongoDB, logs, metrics and HTTP. No business rule lives here.

Folders import downwards only: runtime, web, stream, store, kafka, base.
"""
