"""How a service runs: settings, start, lifespan, process, shutdown."""
