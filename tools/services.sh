#!/usr/bin/env bash
# A small compute centre on this machine, for the tests: Slurm with two GPUs that are none, sshd, PostgreSQL, RabbitMQ.
# Everything listens on the loopback address and lives in one folder, $MLGUN_SERVICES.
#
#   services.sh start [NAME…]    write the configuration, start what is down, wait until it answers
#   services.sh stop [NAME…]     stop exactly what was started from the folder
#   services.sh status           one line per service; exit code 1 when one is down
#   services.sh clean            stop, and remove the folder
#
# NAME: ssh slurm postgres rabbitmq; all without one.  How to reach them is then in $MLGUN_SERVICES/env (KEY=VALUE).
# Needs Debian 12, root, and the packages of `tools/debian_packages.sh production`; no systemd, no cgroups, no GPU.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
STATE=${MLGUN_SERVICES:-${TMPDIR:-/tmp}/mlgun-services}
ALL="ssh slurm postgres rabbitmq"

for part in common ssh slurm postgres rabbitmq; do
    # shellcheck source=/dev/null
    source "$HERE/services/$part.sh"
done

start() {
    prepare
    local name
    for name in "$@"; do
        alive "$name" || "start_$name"
        echo "$name: up"
    done
    write_env
}

stop() {
    [ -s "$STATE/ports" ] || return 0
    # shellcheck source=/dev/null
    source "$STATE/ports"
    local name
    for name in $(printf '%s\n' "$@" | tac); do
        if alive "$name"; then "stop_$name"; echo "$name: stopped"; fi
    done
}

status() {
    local name missing=0
    for name in $ALL; do
        if alive "$name"; then echo "$name: up"; else echo "$name: down"; missing=1; fi
    done
    return $missing
}

verb=${1:-}
[ $# -eq 0 ] || shift
# shellcheck disable=SC2086  # a list of names
[ $# -gt 0 ] || set -- $ALL
for name in "$@"; do
    case " $ALL " in *" $name "*) ;; *) echo "services.sh: no service $name; known: $ALL" >&2; exit 2 ;; esac
done
case $verb in
    start) start "$@" ;;
    stop) stop "$@" ;;
    status) status ;;
    # shellcheck disable=SC2086
    clean) stop $ALL; rm -rf "$STATE" ;;
    *) sed -n '2,12p' "$0" >&2; exit 2 ;;
esac
