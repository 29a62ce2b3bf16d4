#!/bin/sh
# Prints the first Python from 3.11 on that can make a virtual environment; else one that cannot (the doctor says what it
# lacks); else any python3; else nothing. Each is really run: a name on the path may be a shim for a version that is not there.
good='import sys; sys.exit(sys.version_info < (3, 11))'
for test in "import ensurepip; $good" "$good" ""; do
    for python in python3.11 python3 python3.12 python3.13 python3.14; do
        if "$python" -c "$test" >/dev/null 2>&1; then
            echo "$python"
            exit 0
        fi
    done
done
