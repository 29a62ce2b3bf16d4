#!/bin/sh
# Kafka as process 1, its folder formatted at the first start. Needs java and the jars in /opt/kafka/libs, nothing else.
set -eu
here=/etc/ieum/kafka
data=/var/lib/kafka/data/log
kafka() { # flags of the JVM... -- class arguments...
    flags=
    while [ "$1" != -- ]; do flags="$flags $1"; shift; done
    shift
    # shellcheck disable=SC2086  # flags are words
    exec java $flags -Dlog4j2.configurationFile=$here/log4j2.yaml -cp '/opt/kafka/libs/*' "$@"
}

# The only secret of the node: in a file that it alone reads, in memory, never in a command line.
settings=/tmp/server.properties
module='org.apache.kafka.common.security.plain.PlainLoginModule required'
(
    umask 077
    cat $here/server.properties >$settings
    for listener in inner controller; do
        printf 'listener.name.%s.plain.sasl.jaas.config=%s username="admin" password="%s" user_admin="%s";\n' \
            $listener "$module" "$KAFKA_ADMIN_PASSWORD" "$KAFKA_ADMIN_PASSWORD" >>$settings
    done
)

if [ ! -f $data/meta.properties ]; then
    (kafka -XX:TieredStopAtLevel=1 -- kafka.tools.StorageTool format -t "$KAFKA_CLUSTER_ID" -c $settings)
fi
kafka "-Xms$KAFKA_HEAP" "-Xmx$KAFKA_HEAP" -- kafka.Kafka $settings
