"""From one notice to its outcome: one attempt at a time, never held by two dispatchers."""
