# What all services share: ports, processes, the file `env`.  Sourced by services.sh; STATE is the folder of everything.

PORTS="SSH SLURMCTLD SLURMD POSTGRES RABBITMQ RABBITMQ_DIST EPMD"

prepare() {
    [ "$(id -u)" = 0 ] || { echo "services.sh: needs root (Slurm and sshd start jobs and sessions as users)" >&2; exit 1; }
    local tool
    for tool in slurmctld slurmd munged /usr/sbin/sshd rabbitmqctl pg_lsclusters; do
        command -v "$tool" >/dev/null || {
            echo "services.sh: $tool is missing; run tools/debian_packages.sh production" >&2
            exit 1
        }
    done
    mkdir -p "$STATE"/{log,run}
    chmod 755 "$STATE" # munged refuses a folder that others can write to
    [ -s "$STATE/ports" ] || free_ports > "$STATE/ports"
    # shellcheck source=/dev/null
    source "$STATE/ports"
}

# One free port per name, all held open until the last is found; chosen once, so that configurations stay valid.
free_ports() {
    # shellcheck disable=SC2086  # a list of names
    python3 - $PORTS <<'P'
import socket, sys
held = []
for name in sys.argv[1:]:
    held.append(socket.socket())
    held[-1].bind(("127.0.0.1", 0))
    print(f"{name}_PORT={held[-1].getsockname()[1]}")
P
}

# The process of a PID file, if it runs and is one of ours: its command line or its environment names the folder.
process() {
    local pid
    pid=$(head -n 1 "$1" 2>/dev/null | tr -d '[:space:]') || return 1
    [ -n "$pid" ] && [ -d "/proc/$pid" ] || return 1
    cat "/proc/$pid/cmdline" "/proc/$pid/environ" 2>/dev/null | tr '\0' '\n' | grep -F "$STATE" >/dev/null || return 1
    echo "$pid"
}

pid_file() {
    case $1 in
        ssh) echo "$STATE/run/sshd.pid" ;;
        slurm) echo "$STATE/run/slurmctld.pid" ;;
        postgres) echo "$STATE/postgres/data/postmaster.pid" ;;
        rabbitmq) echo "$STATE/rabbitmq/pid" ;;
    esac
}

alive() { process "$(pid_file "$1")" >/dev/null; }

# Ask the process of a PID file to end; insist after 20 s.
end() {
    local pid
    pid=$(process "$1") || return 0
    kill "-${2:-TERM}" "$pid"
    for _ in $(seq 100); do
        [ -d "/proc/$pid" ] && ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null || return 0
        sleep 0.2
    done
    kill -KILL "$pid" 2>/dev/null || true
}

# Repeat a command until it succeeds: until_ok SECONDS WHAT LOG COMMAND…
until_ok() {
    local seconds=$1 what=$2 log=$3 begin=$SECONDS
    shift 3
    until "$@" >/dev/null 2>&1; do
        if [ $((SECONDS - begin)) -ge "$seconds" ]; then
            echo "services.sh: $what did not answer within $seconds s; see $log" >&2
            tail -n 15 "$log" >&2 || true
            exit 1
        fi
        sleep 0.2
    done
}

# A command as another user, with nothing of this environment but what is named.
as() {
    local user=$1
    shift
    setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups env -i PATH="$PATH" LANG=C.UTF-8 "$@"
}

write_env() {
    cat > "$STATE/env" <<E
SERVICES=$STATE
HOME_FOLDER=$STATE/home
SSH_HOST=mlgun-cluster
SSH_PORT=$SSH_PORT
SSH_USER=$(id -un)
SSH_KEY=$STATE/home/.ssh/id_ed25519
SLURM_CONF=$STATE/slurm/slurm.conf
SCRATCH=$STATE/scratch
REMOTE_ENV=$STATE/remote-env
POSTGRES_HOST=127.0.0.1
POSTGRES_PORT=$POSTGRES_PORT
POSTGRES_USER=aiida
POSTGRES_PASSWORD=aiida
RABBITMQ_HOST=127.0.0.1
RABBITMQ_PORT=$RABBITMQ_PORT
E
}
