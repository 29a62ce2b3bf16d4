"""What shows that the whole holds: so far `siege`. Chaos, leaks, benchmarks and the oracle are still in `samples`."""
