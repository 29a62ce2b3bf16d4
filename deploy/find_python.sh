#!/bin/sh
# Prints the first Python from 3.11 on that can make a virtual environment; else one that cannot (the doctor says what it
# lacks); else any python3; else nothing. Each is really run: a name on the path may be a shim for a version that is not there.
#
# First among those that can is one built with profile-guided optimisation, as that of the images is: a distribution's, or
# one that was configured so. What a version manager has built often is not, and costs a quarter more of a processor
# (docs/performance.md).
good='import sys; sys.exit(sys.version_info < (3, 11))'
quick='import sys, sysconfig; sys.exit(sys.base_prefix != "/usr" and "--enable-optimizations" not in (sysconfig.get_config_var("CONFIG_ARGS") or ""))'
can='import ensurepip'
for tests in "$can; $good:$quick" "$can; $good:" "$good:" ":"; do
    for python in python3.11 python3 /usr/bin/python3.11 /usr/bin/python3 python3.12 python3.13 python3.14; do
        if "$python" -c "${tests%%:*}" >/dev/null 2>&1 && "$python" -c "${tests#*:}" >/dev/null 2>&1; then
            echo "$python"
            exit 0
        fi
    done
done
