#!/usr/bin/env bash
# What the tests need from Debian 12 beside Python's packages.
#
#   debian_packages.sh test         a C++ compiler (run-time compilation), a browser (the report's pages)
#   debian_packages.sh production   the above, and Slurm, munge, sshd, PostgreSQL, RabbitMQ
#   debian_packages.sh list SET     print the names only
#
# As root.  What is installed already is left as it is.  No service is started: tools/services.sh does that.
set -euo pipefail

BASE="python3 python3-venv make git"
TEST="$BASE g++ python3-dev chromium"
PRODUCTION="$TEST slurm-wlm munge openssh-server openssh-client postgresql rabbitmq-server procps"

packages() {
    case ${1:-} in
        test) echo "$TEST" ;;
        production) echo "$PRODUCTION" ;;
        *) sed -n '2,9p' "$0" >&2; exit 2 ;;
    esac
}

missing() {
    local name
    for name in $1; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null || true)" = installed ] || echo "$name"
    done
}

# While packages are unpacked, their services must not start: Debian asks this file.
hold_services() {
    local policy=/usr/sbin/policy-rc.d
    [ -e "$policy" ] && return
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
    trap "rm -f $policy" EXIT
}

main() {
    if [ "${1:-}" = list ]; then packages "${2:-}"; return; fi
    local names wanted log
    names=$(packages "${1:-}")
    wanted=$(missing "$names" | tr '\n' ' ')
    if [ -z "$wanted" ]; then echo "debian packages ($1): all there"; return; fi
    [ "$(id -u)" = 0 ] || { echo "debian_packages.sh: needs root to install: $wanted" >&2; exit 1; }
    echo "debian packages ($1): installing $wanted"
    hold_services
    # RabbitMQ's installation leaves a port mapper behind, open to all: keep it on the loopback address, then end it
    export ERL_EPMD_ADDRESS=127.0.0.1
    local mapper=new
    ! epmd -names >/dev/null 2>&1 || mapper=there
    log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086  # a list of names
    if ! { apt-get update && apt-get install -y --no-install-recommends $wanted; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "debian_packages.sh: apt-get failed; its output is in $log" >&2
        exit 1
    fi
    [ "$mapper" = there ] || epmd -kill >/dev/null 2>&1 || true
    rm -f "$log"
    echo "debian packages ($1): done"
}

main "$@"
