"""How fast it is, always as a ratio against a loop on the same libraries in the same run: see docs/performance.md."""
