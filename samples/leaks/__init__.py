"""The search for leaks: every planted identity, in several encodings, wherever the demo left a trace.

`needles`: what is looked for. `haystack`: where. `search`: both together, after a check that it can find at all.
"""

from samples.leaks.search import Leak, search

__all__ = ["Leak", "search"]
