#!/usr/bin/env bash
# One service without the code and the dependencies of the others: deploy/ci/service_alone.sh SERVICE [PYTHON], WORKERS=6 files at a time
#
#   1. a copy of the tree from which the other services, their tests, samples and verification are gone, but for the
#      oracle, with which matching compares itself
#   2. a new environment with requirements/SERVICE.txt and requirements/test.txt, nothing else
#   3. started with neither Kafka nor MongoDB there, it ends by itself, with an error code and words, not a traceback
#   4. every module of it and of shared is imported
#   5. its unit and contract tests and those of everything shared, but for those marked `drawn`; of its integration tests
#      those marked `alone`
#
# What an environment alone can lack is a module, a package or a file. Nothing is imported inside a function
# (tests/unit/deploy/test_tests_of_one_service.py), so 4 finds whatever module or package the code lacks, and pytest,
# which imports every test file before it leaves out what is not marked, what the tests lack. A package that is used if it
# is there, a module that is named as text and a file that is opened show only in what runs: for that are the contract
# tests, which have every route of a running service give every answer it documents, and the tests marked `alone`, which
# start it as a process, kill it, and go through each way in and out once. The other integration tests have shown with
# the same code in `make test` what they show: here they would only wait for the broker again. Shared parts' integration
# tests do not depend on which service is there at all. So it is with the examples of tests marked `drawn`: hundreds from
# fixed seeds, in CI the same ones everywhere, through code that others of the same file or folder go through; of the unit
# tests of matching this was looked at line by line: ten lines are left, branches of rules, without a package or a file.
#
# Leaves nothing behind; the copy is under TMPDIR while it runs.
set -euo pipefail
cd "$(dirname "$0")/../.."

service=$1
python=${2:-.venv/bin/python}
services=(intake matching notifications)
shared=(access events files kit reference screening)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

fail() {
    echo "$service alone: $1" >&2
    exit 1
}

copy_without_the_others() {
    git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -T - -c | tar -x -C "$copy"
    local other
    for other in "${services[@]}"; do
        [ "$other" = "$service" ] || rm -rf "$copy/services/$other" "$copy"/tests/*/"$other"
    done
    rm -rf "$copy"/{samples,clients,tests/e2e,tests/chaos,tests/*/clients}
    find "$copy/verification" -mindepth 1 -maxdepth 1 ! -name oracle ! -name __init__.py -exec rm -r {} + # it imports no service
    [ -f "$copy/services/$service/__main__.py" ] || fail "services/$service/__main__.py does not exist"
}

install() {
    "$python" -m venv "$copy/.venv"
    "$copy/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --no-deps \
        -r "requirements/$service.txt" -r requirements/test.txt
    [ "$service" != matching ] || (cd "$copy" && .venv/bin/python -c \
        'from services.matching.domain.columns.kernel import compile_kernels as compiled; compiled()')
}

# Port 1 of the loopback answers nobody. env -i: a setting of this machine must not decide the result.
start_without_its_servers() {
    local code=0
    env -i PATH="$PATH" HOME="$copy" IEUM_PROFILE=development IEUM_KAFKA=127.0.0.1:1 IEUM_MONGO_URL=mongodb://127.0.0.1:1 IEUM_PORT=0 \
        timeout 90 .venv/bin/python -m "services.$service" >start.log 2>&1 </dev/null || code=$?
    tail -n 5 start.log
    [ "$code" -ne 0 ] || fail "it ended with 0 although neither Kafka nor MongoDB was there"
    [ "$code" -ne 124 ] || fail "it did not end within 90 s although neither Kafka nor MongoDB was there"
    grep -qiE 'kafka|mongo' start.log || fail "it did not say which of Kafka and MongoDB is missing"
    ! grep -q 'Traceback' start.log || fail "it ended with a traceback instead of words"
}

import_everything() {
    find "services/$service" shared -name '*.py' ! -name __main__.py | sed 's,/__init__\.py$,,; s,\.py$,,; s,/,.,g' |
        .venv/bin/python -c 'import importlib, sys; print(len([importlib.import_module(n.strip()) for n in sys.stdin]), "modules imported")'
}

run_tests() {
    local folders=("tests/integration/$service" "tests/unit/$service") part level # what waits first, what computes beside it
    for part in "${folders[@]}"; do
        [ -d "$part" ] || fail "$part does not exist: nothing would be tested"
    done
    [ ! -d "tests/contract/$service" ] || folders+=("tests/contract/$service")
    for part in "${shared[@]}"; do
        for level in unit contract; do
            [ ! -d "tests/$level/$part" ] || folders+=("tests/$level/$part")
        done
    done
    .venv/bin/python -m pytest -q -m '(not integration or alone) and not drawn' \
        --numprocesses "${WORKERS:-6}" --dist loadfile --no-loadscope-reorder "${folders[@]}"
}

copy_without_the_others
install
cd "$copy"
start_without_its_servers
import_everything
run_tests
