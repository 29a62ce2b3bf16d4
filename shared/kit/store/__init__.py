"""MongoDB as the kit sees it: unit of work, transaction, outbox and its relay, lease."""
