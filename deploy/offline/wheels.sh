#!/bin/sh
# The wheels of all three services into .cache/wheels, each checked against its hash: run where a package index is in
# reach, carry the folder over, then build with PIP_NO_INDEX=1. Needs .venv (make setup).
#   sh deploy/offline/wheels.sh run      besides, those of the demo in containers (60 MB more: the local stack)
set -eu
cd "$(dirname "$0")/../.."
for service in intake matching notifications "$@"; do
    .venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
        --dest .cache/wheels -r "requirements/$service.txt"
done
du -sh .cache/wheels
