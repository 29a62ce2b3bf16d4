"""The sample world through every door, and whether the same is held afterwards."""
