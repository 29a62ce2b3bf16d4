#!/bin/sh
# Fails when shared/events/schemas or docs/openapi is not what the models say. Leaves the right files there, for looking
# at and committing. $1: the python to use.
set -eu
before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
mkdir -p "$before/shared/events" "$before/docs"
cp -r shared/events/schemas "$before/shared/events/schemas"
cp -r docs/openapi "$before/docs/openapi"
"$1" -m shared.events.publish >/dev/null
for service in intake matching notifications; do
    "$1" -m "services.$service" openapi >"docs/openapi/$service.json"
done
for folder in shared/events/schemas docs/openapi; do
    if ! diff -r "$before/$folder" "$folder"; then
        echo "$folder was not what the models say; it is now" >&2
        echo "  -> look at the change and commit it (make schemas writes it at any time)" >&2
        exit 1
    fi
done
