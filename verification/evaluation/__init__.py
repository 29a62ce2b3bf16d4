"""How good the matches are, measured on invented worlds whose truth is known (docs/matching-quality.md)."""
