"""`make chaos`: 20,000 events through the whole system while its parts are killed, frozen and doubled.

`flow`: what the agencies send. `plan`: which fault comes after which event. `failpoints`, `failpoint_service`: the
failpoints, and the service that stops itself there. `processes`: all that runs. `fault_injector`: does what the plan
says. `recoveries`: recoveries and rebalances, seen from outside. `audit`: what was sent against what the stores and the
partners hold.
"""
