"""Sentences for people: why, what to ask, what stands in the way and what would open it."""
