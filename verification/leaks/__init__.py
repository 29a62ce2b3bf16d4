"""The search for leaks: planted people go through the whole flow, with everything going wrong that may, and then every
trace that was left anywhere is searched for them in fourteen encodings.

`people`, `hostile_requests`, `poison`, `faulty_service`: what is planted and how it goes wrong. `encodings`,
`search_terms`, `finder`: how it is looked for. `http_capture`, `mailbox`, `sinks`: where. `flow` and `scan` put it
together; `python -m verification.leaks` runs it.
"""
