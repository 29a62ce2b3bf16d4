"""What has not arrived, why, and sending it again: one, or all since a moment."""
