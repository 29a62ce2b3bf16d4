"""`make siege`: the whole system under attack, beside a healthy agency and a healthy partner whose service is measured.

`attacks`: one small class per attack, all of the same shape (`attack`). `attacker`: the process that runs them, on an
address of its own of the loopback. `healthy`: whoever means no harm. `probes`: /live and memory, seen from outside.
`http_attacks`: the attacks on what listens, each beside equal but harmless load. `overload`: adverts in ascending
score, kills, withdrawals and a revoked key. `forgery`: forged and poisoned records. `backlog`: deliveries that are due.
`figures`: what is worked out from what was seen, without IO.
"""
