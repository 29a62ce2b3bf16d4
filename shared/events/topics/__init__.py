"""One file per topic: the things, and what can happen to them."""
