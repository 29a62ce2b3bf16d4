"""`make chaos`: 20,000 events through the whole system while its parts are killed, frozen and doubled.

`flow`: what the agencies send. `plan`: what is hurt after which event. `points`, `at_point`: the named points, and the
service that stops itself there. `cast`: the processes. `director`: does what the plan says. `watch`: recoveries and
rebalances, seen from outside. `audit`: what was sent against what the stores and the partners hold.
"""
