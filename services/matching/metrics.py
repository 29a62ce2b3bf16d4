"""What this service counts beside what the kit counts for every service."""

from shared.kit.base.metrics import counter, gauge

matches = counter("matches", "What matching said", ["outcome"])
openings_loaded = gauge("openings_loaded", "Openings in the matcher's memory")
openings_to_load = gauge("openings_to_load", "Openings that it will hold once it is loaded")
openings_from_snapshot = gauge("openings_from_snapshot", "Openings that the last load took from the snapshot")
snapshot_chunks = gauge("snapshot_chunks", "Chunks of the snapshot of the openings")
snapshot_chunks_refused = counter("snapshot_chunks_refused", "Chunks that a load could not use")
matching_waiting = gauge("matching_waiting", "Not assessed yet, and people of whom something may have to be told")
congestion_day = gauge("congestion_day", "The day of the table of congestion in force, as seconds since 1970")
rounds_computed = counter("rounds_computed", "Rounds that were worked out", ["outcome"])
