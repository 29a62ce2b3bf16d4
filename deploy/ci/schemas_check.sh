#!/bin/sh
# Fails when shared/events/schemas, docs/openapi or deploy/rights is not what the code says. Leaves the right files there, for looking
# at and committing. $1: the python to use.
set -eu
before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
mkdir -p "$before/shared/events" "$before/docs" "$before/deploy"
cp -r shared/events/schemas "$before/shared/events/schemas"
cp -r docs/openapi "$before/docs/openapi"
cp -r deploy/rights "$before/deploy/rights"
"$1" -m shared.events.publish_schemas >/dev/null
for service in intake matching notifications; do
    "$1" -m "services.$service" openapi >"docs/openapi/$service.json"
    "$1" -m "services.$service" rights >"deploy/rights/$service.json"
done
for folder in shared/events/schemas docs/openapi deploy/rights; do
    if ! diff -r -x __pycache__ "$before/$folder" "$folder"; then
        echo "$folder was not what the code says; it is now" >&2
        echo "  -> look at the change and commit it (make schemas writes it at any time)" >&2
        exit 1
    fi
done
