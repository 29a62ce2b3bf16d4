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
mkdir "$made/openapi" "$made/rights"
# what `python -m services.intake openapi` prints, and so on, in one process: to load a service takes longer than to ask it
"$1" -c 'import contextlib, importlib, sys
for service in ("intake", "matching", "notifications"):
    main = importlib.import_module(f"services.{service}.__main__").main
    for what in ("openapi", "rights"):
        with open(f"{sys.argv[1]}/{what}/{service}.json", "w", encoding="utf-8") as new, contextlib.redirect_stdout(new):
            main([what])' "$made"
for service in intake matching notifications; do
    for file in docs/openapi/$service.json deploy/rights/$service.json; do
        new=$made/$(basename "$(dirname "$file")")/$service.json
        if ! diff "$file" "$new"; then
            cp "$new" "$file"
            wrong="$wrong $file"
        fi
    done
done
if [ -n "$wrong" ]; then
    echo "not what the code said, and now are: $wrong" >&2
    echo "  -> look at the change and commit it (make schemas writes it at any time)" >&2
    exit 1
fi
