#!/bin/sh
# Fails when shared/events/schemas, docs/openapi or deploy/rights is not what the code says. Leaves the right files there, for looking
# at and committing; what is right is not touched, for others may be reading it. $1: the python to use.
set -eu
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
wrong=
if ! "$1" -m shared.events.publish_schemas --check; then
    "$1" -m shared.events.publish_schemas >/dev/null
    wrong=shared/events/schemas
fi
for service in intake matching notifications; do
    for file in docs/openapi/$service.json deploy/rights/$service.json; do
        what=$(basename "$(dirname "$file")") # openapi or rights
        "$1" -m "services.$service" "$what" >"$made/new"
        if ! diff "$file" "$made/new"; then
            cp "$made/new" "$file"
            wrong="$wrong $file"
        fi
    done
done
if [ -n "$wrong" ]; then
    echo "not what the code said, and now are: $wrong" >&2
    echo "  -> look at the change and commit it (make schemas writes it at any time)" >&2
    exit 1
fi
