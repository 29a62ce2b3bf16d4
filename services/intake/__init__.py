"""The door: takes events from agencies, keeps identity to itself, and puts the rest on the bus."""
