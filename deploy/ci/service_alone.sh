#!/usr/bin/env bash
# One service without the code and the dependencies of the others: deploy/ci/service_alone.sh SERVICE [PYTHON], WORKERS=6 files at a time
#
#   1. a copy of the tree from which the other services, their tests, samples and verification are gone, but for the
#      oracle, with which matching compares itself
#   2. a new environment with requirements/SERVICE.txt and requirements/test.txt, nothing else, copied from PYTHON's
#   3. started with neither Kafka nor MongoDB there, it ends by itself, with an error code and words, not a traceback
#   4. every module of it and of shared is imported
#   5. all its tests; with intake, which alone has the packages of all that is shared, the unit and contract tests of that, too
#
# In CI these tests run here and not in `make test` (`make test APART=1` leaves out what `--folders SERVICE` names): each once, where
# the service is installed as it is deployed. A package too few shows here alone; one too many could only hide something, for what
# two environments have is of one version (the lock files), and no service imports another (the walls). What is shared needs nothing
# that a service lacks which uses it (tests/unit/deploy/test_tests_of_one_service.py, and 4), so once is enough. What services do to
# each other is for tests/e2e and tests/chaos, which run with everything there. Shared parts' integration tests do not depend
# on which service is there, and are part of `make test`.
#
# Leaves nothing behind; the copy is under TMPDIR while it runs.
set -euo pipefail
cd "$(dirname "$0")/../.."

services=(intake matching notifications)
shared=(access events files kit reference screening)

folders() { # of the tests that run with a service alone; the longest file first, then what waits, what computes beside it
    local part level
    printf 'tests/%s/%s\n' contract "$1" integration "$1" unit "$1"
    [ "$1" = intake ] || return 0
    for part in "${shared[@]}"; do
        for level in unit contract; do
            [ ! -d "tests/$level/$part" ] || echo "tests/$level/$part"
        done
    done
}

if [ "$1" = --folders ]; then
    folders "$2"
    exit
fi

service=$1
python=${2:-.venv/bin/python}
copy=$(mktemp -d)
trap 'wait; rm -rf "$copy"' EXIT # what compiles beside the rest writes there

fail() {
    echo "$service alone: $1" >&2
    exit 1
}

copy_without_the_others() {
    {
        git ls-files -z --cached --others --exclude-standard
        find "services/$service" -name '*.nb[ic]' -print0 # kernels that `make setup` compiled, half a minute's work
    } | tar --format=posix --null --ignore-failed-read -T - -c | tar -x -C "$copy" # posix: numba looks at fractions of a second
    local other
    for other in "${services[@]}"; do
        [ "$other" = "$service" ] || rm -rf "$copy/services/$other" "$copy"/tests/*/"$other"
    done
    rm -rf "$copy"/{samples,clients,tests/e2e,tests/chaos,tests/*/clients}
    find "$copy/verification" -mindepth 1 -maxdepth 1 ! -name oracle ! -name __init__.py -exec rm -r {} + # it imports no service
    if [ -d .cache/kafka ]; then # Apache Kafka's jars, whose hashes were looked at when they came
        mkdir "$copy/.cache"
        cp -R .cache/kafka "$copy/.cache/"
    fi
    [ -f "$copy/services/$service/__main__.py" ] || fail "services/$service/__main__.py does not exist"
}

install() {
    "$python" deploy/ci/copy_environment.py "$copy/.venv" "requirements/$service.txt" requirements/test.txt
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
    local folder
    for folder in $(folders "$service"); do
        [ -d "$folder" ] || fail "$folder does not exist: nothing would be tested"
    done
    # shellcheck disable=SC2046 # one argument each
    .venv/bin/python -m pytest -q --numprocesses "${WORKERS:-6}" --dist loadfile --no-loadscope-reorder $(folders "$service")
}

# Those that are there already are only loaded; one more shows that its own packages can compile.
compile_kernels() {
    [ "$service" != matching ] || .venv/bin/python -c \
        'import numba; numba.njit("i8(i8)")(lambda n: n + 1); from services.matching.domain.columns.kernel import compile_kernels as compiled; compiled()'
}

# Test files as pytest rewrites them are kept: else every worker would rewrite all of them, at the same time.
compile_tests() {
    # shellcheck disable=SC2046 # one argument each
    .venv/bin/python -m pytest -q --collect-only $(folders "$service") >collected.log 2>&1 || true # the tests say what is wrong
}

copy_without_the_others
install
cd "$copy"
compile_kernels & # half a minute, if none are there: so the rest goes on beside it
kernels=$!
compile_tests &
start_without_its_servers
import_everything
wait "$kernels" || fail "its kernels do not compile with its own packages"
wait # for the tests
run_tests
