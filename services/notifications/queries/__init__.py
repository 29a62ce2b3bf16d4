"""What this service asks of the database: the parts of the `Repository`, by what they are about."""
