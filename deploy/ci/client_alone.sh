#!/usr/bin/env bash
# The client's wheel in an environment with requirements/clients.txt and nothing else, then in one with clients-kafka.txt, away from
# this repository: deploy/ci/client_alone.sh [PYTHON], from whose environment theirs are copied (copy_environment.py).
set -euo pipefail
cd "$(dirname "$0")/../.."

python=${1:-$PWD/.venv/bin/python}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

(cd clients && "$python" -m hatchling build -t wheel -d "$folder")
for packages in clients clients-kafka; do
    "$python" deploy/ci/copy_environment.py "$folder/$packages" "requirements/$packages.txt"
    "$python" -m pip --python "$folder/$packages/bin/python" install --quiet --disable-pip-version-check --no-input --no-index --no-deps \
        "$folder"/ieum-*.whl
done

cd "$folder"
ieum="$folder/clients/bin/ieum"
"$ieum" keygen try-1 --out try.key
"$ieum" codes 요양
"$ieum" template person-enrolled people.xlsx
"$ieum" template job-posted jobs.csv --encoding cp949
"$ieum" check people.xlsx --type person-enrolled
"$ieum" check jobs.csv --type job-posted
echo '{"reference": "?"}' >bad.jsonl
send() { "$ieum" --patience 1 --agency try --intake http://127.0.0.1:1 send jobs.csv --kafka 127.0.0.1:1 --kafka-password-file try.key; }
send 2>said && exit 1 || [ $? -eq 2 ] && grep -q "\[kafka\]" said # says what it lacks
ieum="$folder/clients-kafka/bin/ieum"
send 2>said && exit 1 || [ $? -eq 3 ] # the door is away
code=0
"$ieum" check bad.jsonl --type job-closed || code=$?
[ "$code" -eq 1 ] || { echo "client alone: what is wrong was answered with $code" >&2; exit 1; }
