"""After intake's database was put back from a copy: what the others have heard since the copy is taken back in from
intake's own topics, so that whatever it says from then on is newer, and nothing that was taken back since is allowed
again (decision 90)."""
