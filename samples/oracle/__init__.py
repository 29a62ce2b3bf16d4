"""What should be true at the end, worked out plainly from what was accepted, and how far the partners are from it.

`state`: from accepted door events to people and openings. `expected`: who must hold what. `verdict`: lost, doubled.
"""
