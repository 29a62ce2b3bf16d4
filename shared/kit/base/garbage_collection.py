"""Python's search for reference cycles, set for what a stream does: many small objects that live for one batch."""

from __future__ import annotations

import gc

NEW_OBJECTS = 50_000  # about what a batch of 500 events makes; the default of 700 searches each batch dozens of times


def tune_gc() -> None:
    """Call once, when the modules are loaded. What exists now is never searched again, the rest less often.

    Objects without cycles are freed at once, as always; a cycle lives a little longer. While its modules were loaded, a
    service's `__main__` had turned the search off.
    """
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 10, 10)
