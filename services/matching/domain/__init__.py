"""Pure rules of matching: no clock, no network, no broker, no database. The day is an argument."""
