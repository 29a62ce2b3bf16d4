"""How a partner takes part: its subscriptions, what they want, where they lead, and when they begin."""
