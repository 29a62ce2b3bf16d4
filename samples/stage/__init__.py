"""What `make run` and `make demo` set up and watch: the pair, the services, the partners, the agencies that send."""
