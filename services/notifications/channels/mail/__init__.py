"""E-mail: for agencies that have people, and no system that can be called or can call."""
