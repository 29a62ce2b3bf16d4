"""What a newcomer runs: an invented world, two demo partners, `make run`, `make demo`."""
