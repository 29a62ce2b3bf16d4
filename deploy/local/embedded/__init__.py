"""The embedded kind: broker and database as binaries that Python packages bring, without users, for trying out."""
