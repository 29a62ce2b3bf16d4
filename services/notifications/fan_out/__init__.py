"""From one change to what each recipient must now hear. Knows nothing of how it is carried."""
