"""Pure rules of the door: no clock, no network, no store. What they need to know is an argument."""
