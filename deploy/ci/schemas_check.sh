#!/bin/sh
# Fails when shared/events/schemas is not what the models say. Leaves the right files there, for looking at and committing.
set -eu
schemas=shared/events/schemas
before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
cp -r "$schemas" "$before/"
"$1" -m shared.events.publish >/dev/null
if ! diff -r "$before/schemas" "$schemas"; then
    echo "$schemas was not what the models say; it is now" >&2
    echo "  -> look at the change and commit it (make schemas writes it at any time)" >&2
    exit 1
fi
