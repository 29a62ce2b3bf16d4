"""The search for leaks: planted people go through the whole flow, with everything going wrong that may, and then every
trace that was left anywhere is searched for them in fourteen encodings.

`people`, `hostile`, `poison`, `faulty`: what is planted and how it goes wrong. `encodings`, `needles`, `finder`: how it
is looked for. `ears`, `sinks`: where. `flow` and `scan` put it together; `python -m samples.leaks` runs it.
"""
