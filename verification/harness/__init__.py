"""What `make run`, `make demo` and everything in this folder start and watch: broker, database, services, partners."""
