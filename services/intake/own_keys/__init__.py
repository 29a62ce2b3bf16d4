"""What an agency does with its own keys, without an operator."""
