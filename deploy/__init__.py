"""How Ieum runs: on one machine with a local broker and database, and in containers."""
