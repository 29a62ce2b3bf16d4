"""What should be true at the end, worked out plainly from what was accepted, and how far the partners are from it.

No code is shared with the services: a rule that is wrong there is seen here.

`state`: from accepted door events to people and openings. `pair`, `conditions`, `commute`, `factors`, `matches`: which
matches stand, from docs/matching.md and the pack alone. `expected`: who must hold what. `verdict`: lost, doubled.
"""
