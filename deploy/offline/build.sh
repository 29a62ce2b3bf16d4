#!/bin/sh
# Base images without any image registry, from Debian packages, Maven's jars and Python packages alone:
#   sudo sh deploy/offline/build.sh [python] [kafka] [mongodb] [prometheus] [alertmanager]      all five unless some are named
# For networks that reach only mirrors of their own. deploy/offline/README.md tells the whole way.
# Needs root (chroot), debootstrap, docker; kafka: java and mvn, or filled .cache/kafka; mongodb: .venv (make setup).
#
# MIRROR=   a Debian mirror; unset: debootstrap's own default
# SUITE=    bookworm, whose Python is 3.11
# OVERLAY=  a folder copied over every root file system before packages are installed: your certificates
#           (etc/ssl/certs/ca-certificates.crt), etc/pip.conf, etc/apt/...
# MONGOD=   the mongod to put into the image; unset: 6.0 of the local stack, which production refuses
# WORK=     scratch folder of about 2 GB; the base in it is used again
set -eu
cd "$(dirname "$0")/../.."

suite=${SUITE:-bookworm}
work=${WORK:-.cache/offline}
name=ieum-offline
packages_of_base=ca-certificates

say() { printf '=== %s\n' "$*"; }
die() { printf '%s\n  -> %s\n' "$1" "$2" >&2; exit 1; }
needs() { command -v "$1" >/dev/null || die "$1 is missing" "apt-get install $2"; }

inside() { # root command...   with no daemon started by a package's installation
    root=$1
    shift
    chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"
}

install_packages() { # root package...
    root=$1
    shift
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    mount -t proc proc "$root/proc" # java's installation reads it
    code=0
    { inside "$root" apt-get -qq update && inside "$root" apt-get -qq install --yes --no-install-recommends "$@"; } \
        >"$root.log" 2>&1 || code=$?
    umount "$root/proc"
    [ $code -eq 0 ] || die "packages could not be installed: $(tail -n 2 "$root.log")" "read $root.log; is MIRROR right?"
}

base() { # makes $work/base once
    [ ! -f "$work/base/.done" ] || return 0
    say "base: Debian $suite"
    rm -rf "$work/base"
    debootstrap --variant=minbase --include=$packages_of_base "$suite" "$work/base" ${MIRROR:+"$MIRROR"} >"$work/base.log" 2>&1 ||
        die "debootstrap failed: $(tail -n 1 "$work/base.log")" "read $work/base.log; is MIRROR right?"
    printf '#!/bin/sh\nexit 101\n' >"$work/base/usr/sbin/policy-rc.d"
    chmod +x "$work/base/usr/sbin/policy-rc.d"
    touch "$work/base/.done"
}

root_for() { # image -> a fresh root file system in $root
    base
    root=$work/$1
    say "$1"
    rm -rf "$root"
    cp -a "$work/base" "$root"
    if [ -n "${OVERLAY:-}" ]; then cp -a "$OVERLAY/." "$root/"; fi
}

import() { # image:tag change...   from $root, without what no container needs
    tag=$1
    shift
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/cache/debconf/* "$root"/usr/share/doc \
        "$root"/usr/share/man "$root"/usr/share/locale "$root"/usr/share/info "$root"/var/log/* "$root"/tmp/* \
        "$root/usr/sbin/policy-rc.d" "$root/.done" "$root/etc/resolv.conf" "$root"/usr/lib/python3/dist-packages/__pycache__
    changes=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    set -- --change "ENV PATH=$changes" --change "ENV LANG=C.UTF-8" "$@"
    tar -C "$root" --numeric-owner -c . | docker import "$@" - "$name/$tag" >/dev/null
    rm -rf "$root"
    docker image ls --format '    {{.Repository}}:{{.Tag}} {{.Size}}' "$name/${tag%:*}"
}

image_python() { # stands for python:3.11-slim-bookworm
    root_for python
    install_packages "$root" python3 python3-venv
    ln -s ../../bin/python3 "$root/usr/local/bin/python"
    import python:3.11 --change 'CMD ["python"]'
}

image_kafka() { # stands for apache/kafka:4.3.1: the jars in /opt/kafka/libs, user 1000
    python3 -m deploy.local.apache >/dev/null || exit 1
    root_for kafka
    install_packages "$root" openjdk-17-jre-headless
    mkdir -p "$root/opt/kafka" "$root/var/lib/kafka/data"
    cp -r .cache/kafka "$root/opt/kafka/libs"
    inside "$root" useradd --uid 1000 --no-create-home --shell /usr/sbin/nologin appuser
    inside "$root" chown -R appuser /var/lib/kafka
    import kafka:4.3.1 --change 'USER appuser'
}

image_mongodb() { # stands for mongo:7.0: mongod in PATH, user 999, /data/db
    mongod=${MONGOD:-$(echo .venv/lib/python3*/site-packages/fiftyone/db/bin/mongod)}
    [ -f "$mongod" ] || die "no mongod at $mongod" "make setup, or name one of your own: MONGOD="
    root_for mongodb
    install_packages "$root" libcurl4 libssl3
    install -m 755 "$mongod" "$root/usr/bin/mongod"
    mkdir -p "$root/data/db"
    inside "$root" useradd --uid 999 --no-create-home --shell /usr/sbin/nologin mongodb
    inside "$root" chown -R mongodb /data/db
    import mongodb:latest --change 'USER mongodb'
}

image_prometheus() { # stands for prom/prometheus: the program is what runs, user 65534, /prometheus
    root_for prometheus
    install_packages "$root" prometheus
    mkdir -p "$root/prometheus"
    inside "$root" chown nobody:nogroup /prometheus
    import prometheus:latest --change 'USER nobody' --change 'WORKDIR /prometheus' --change 'ENTRYPOINT ["/usr/bin/prometheus"]'
}

image_alertmanager() { # stands for prom/alertmanager, with amtool for its healthcheck
    root_for alertmanager
    install_packages "$root" prometheus-alertmanager
    mkdir -p "$root/alertmanager"
    inside "$root" chown nobody:nogroup /alertmanager
    import alertmanager:latest --change 'USER nobody' --change 'WORKDIR /alertmanager' \
        --change 'ENTRYPOINT ["/usr/bin/prometheus-alertmanager"]'
}

[ "$(id -u)" -eq 0 ] || die "chroot needs root" "sudo sh deploy/offline/build.sh"
needs debootstrap debootstrap
needs docker docker.io
mkdir -p "$work"
[ $# -gt 0 ] || set -- python kafka mongodb prometheus alertmanager
for image in "$@"; do
    case $image in
    python | kafka | mongodb | prometheus | alertmanager) "image_$image" ;;
    *) die "no image $image" "python, kafka, mongodb, prometheus, alertmanager" ;;
    esac
done
