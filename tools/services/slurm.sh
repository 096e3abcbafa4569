# munge and a Slurm of one node: partitions `gpu` and `debug`, two generic resources `gpu`, real wall-time limits.

start_slurm() {
    export SLURM_CONF=$STATE/slurm/slurm.conf
    mkdir -p "$STATE"/slurm/{munge,state,spool,gpu}
    chmod 711 "$STATE/slurm/munge"
    write_slurm_conf
    start_munge
    slurmctld -f "$SLURM_CONF"
    slurmd -f "$SLURM_CONF" -N "$(hostname -s)"
    until_ok 60 slurmctld "$STATE/log/slurmctld.log" node_ready
}

stop_slurm() {
    export SLURM_CONF=$STATE/slurm/slurm.conf
    # jobs first: they are nobody's children once slurmd is gone
    scancel --user="$(id -un)" >/dev/null 2>&1 || true
    for _ in $(seq 75); do
        [ -n "$(squeue --noheader 2>/dev/null || true)" ] || break
        sleep 0.2
    done
    end "$STATE/run/slurmd.pid"
    end "$STATE/run/slurmctld.pid"
    end "$STATE/run/munged.pid"
}

start_munge() {
    local folder=$STATE/slurm/munge
    process "$STATE/run/munged.pid" >/dev/null && return
    [ -s "$folder/munge.key" ] || head -c 1024 /dev/urandom > "$folder/munge.key"
    chmod 400 "$folder/munge.key"
    munged --force --key-file="$folder/munge.key" --socket="$folder/socket" --pid-file="$STATE/run/munged.pid" \
        --seed-file="$folder/seed" --log-file="$STATE/log/munged.log" --num-threads=2
}

# A node that was once down or drained stays so in the saved state: say that it is back.
node_ready() {
    case "$(sinfo --noheader --format=%T | head -n 1)" in
        idle | mixed | allocated) return 0 ;;
        drain* | down* | inval*) scontrol update NodeName="$(hostname -s)" State=RESUME || true ;;
    esac
    return 1
}

write_slurm_conf() {
    local node cpus memory i
    node=$(hostname -s) cpus=$(nproc)
    memory=$(awk '/MemTotal/ {print int($2 / 1024 * 0.8)}' /proc/meminfo) # MB
    # A count alone makes the node invalid; a second name of /dev/null is a device, and Slurm sets
    # CUDA_VISIBLE_DEVICES.  Where devices can't be made, an empty file does to count them.
    for i in 0 1; do
        [ -e "$STATE/slurm/gpu/nvidia$i" ] || mknod "$STATE/slurm/gpu/nvidia$i" c 1 3 2>/dev/null ||
            : > "$STATE/slurm/gpu/nvidia$i"
    done
    echo "NodeName=$node Name=gpu File=$STATE/slurm/gpu/nvidia[0-1]" > "$STATE/slurm/gres.conf"
    cat > "$SLURM_CONF" <<E
ClusterName=mlgun
SlurmctldHost=$node(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort=$SLURMCTLD_PORT
SlurmdPort=$SLURMD_PORT
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket=$STATE/slurm/munge/socket
StateSaveLocation=$STATE/slurm/state
SlurmdSpoolDir=$STATE/slurm/spool
SlurmctldPidFile=$STATE/run/slurmctld.pid
SlurmdPidFile=$STATE/run/slurmd.pid
SlurmctldLogFile=$STATE/log/slurmctld.log
SlurmdLogFile=$STATE/log/slurmd.log
# a container without systemd has no cgroups
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
# no accounting, as in the worst of centres: sacct fails, and how a job ended is for us to find out
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
ReturnToService=2
SlurmdTimeout=20
SlurmctldTimeout=20
# seconds from SIGTERM to SIGKILL at the wall time
KillWait=10
MinJobAge=600
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000
NodeName=$node NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$memory Gres=gpu:2 State=UNKNOWN
PartitionName=gpu Nodes=$node Default=YES MaxTime=02:00:00 State=UP
PartitionName=debug Nodes=$node MaxTime=00:10:00 State=UP
E
}
