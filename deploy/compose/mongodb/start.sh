#!/bin/sh
# mongod as process 1, with users and a key that the members of the replica set know each other by. mongod reads that
# key only from a file that nobody else may read: it is written to memory (a tmpfs), never to a disk: to /tmp, which every
# image has; another folder would be made by Docker, and at the second start of the container be root's alone.
set -eu
umask 077
printf %s "$MONGO_KEY" >/tmp/mongodb.key
unset MONGO_KEY
# slowms: the log of a slow command holds its values; 100 ms, the default, would write many of them.
# transactionLifetimeLimitSeconds: how long a dead client's transaction can block its successor.
exec mongod --dbpath /data/db --bind_ip_all --port 27017 --replSet rs0 --auth --keyFile /tmp/mongodb.key \
    --slowms 5000 --nounixsocket --quiet --wiredTigerCacheSizeGB "$MONGO_CACHE_GB" --setParameter transactionLifetimeLimitSeconds=5
