"""The ways to a partner. A new one implements `channel.Channel` (and `Push`, if we call it)."""
