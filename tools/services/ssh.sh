# sshd on the loopback address with its own host key, and a home folder with a key that it lets in.
# Tests run with HOME=$STATE/home, so that nobody's own ~/.ssh is read or written.

start_ssh() {
    local folder=$STATE/ssh client=$STATE/home/.ssh
    mkdir -p "$folder" "$client" "$STATE/scratch" /run/sshd # the last: where sshd locks itself in
    chmod 700 "$client"
    [ -s "$folder/host_ed25519" ] || ssh-keygen -q -t ed25519 -N '' -C host -f "$folder/host_ed25519"
    [ -s "$client/id_ed25519" ] || ssh-keygen -q -t ed25519 -N '' -C test -f "$client/id_ed25519"
    cp "$client/id_ed25519.pub" "$folder/authorized_keys"
    cat > "$folder/sshd_config" <<E
Port $SSH_PORT
ListenAddress 127.0.0.1
HostKey $folder/host_ed25519
PidFile $STATE/run/sshd.pid
AuthorizedKeysFile $folder/authorized_keys
AllowUsers $(id -un)
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
StrictModes no
# one connection per daemon worker and computer, many sessions on each
MaxStartups 100:30:200
MaxSessions 200
Subsystem sftp internal-sftp
# a login on the cluster finds Slurm's configuration
SetEnv SLURM_CONF=$STATE/slurm/slurm.conf
E
    cat > "$client/config" <<E
Host mlgun-cluster
  HostName 127.0.0.1
  Port $SSH_PORT
  User $(id -un)
  IdentityFile $client/id_ed25519
  IdentitiesOnly yes
  UserKnownHostsFile $client/known_hosts
E
    echo "[127.0.0.1]:$SSH_PORT $(cut -d' ' -f1,2 "$folder/host_ed25519.pub")" > "$client/known_hosts"
    /usr/sbin/sshd -f "$folder/sshd_config" -E "$STATE/log/sshd.log"
    until_ok 20 sshd "$STATE/log/sshd.log" ssh -F "$client/config" -o BatchMode=yes mlgun-cluster true
}

stop_ssh() { end "$STATE/run/sshd.pid"; }
