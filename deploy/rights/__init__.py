"""Who may do what at Kafka: the rights that each service declares (JSON, by `make schemas`), and what grants them."""
