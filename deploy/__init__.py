"""How Ieum runs: on one machine with the embedded pair, later in containers and on a cluster."""
