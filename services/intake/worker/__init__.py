"""A worker process of intake that reads files and validates events: as the event loop's own thread it would take turns
with deciding, for the interpreter runs one thread at a time."""
