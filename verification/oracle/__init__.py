"""What should be true at the end, worked out plainly from what was accepted, and how far the partners are from it.

`state`: from accepted door events to people and openings. `expected`: who must hold what. `verdict`: lost, doubled.

What is matching's own here, on purpose: `expected` asks services.matching.domain.matcher, the plain rules that compare
everybody with everything. That is the oracle for the service's quicker engine (its index, its order, its restarts), not
for the conditions and factors themselves: a wrong one would be wrong in both. Those are proved by tests written by hand
(tests/unit/matching). The door's and the telling's rules are written down once more, and share no code with theirs.
"""
