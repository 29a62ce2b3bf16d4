#!/bin/sh
# Whether the port answers: with bash if it is there, else with busybox. A JVM every five seconds would cost a core.
if command -v bash >/dev/null; then exec bash -c '</dev/tcp/127.0.0.1/9092'; fi
exec nc -z 127.0.0.1 9092
