"""The independent services. None imports another; they meet only in events."""
