# A RabbitMQ node of our own on loopback ports, with its own port mapper; the guest user may come from here alone.

rabbitmq_env() {
    local folder=$STATE/rabbitmq
    RABBITMQ_ENV=(
        HOME="$folder"
        RABBITMQ_NODENAME=mlgun@localhost
        RABBITMQ_NODE_IP_ADDRESS=127.0.0.1
        RABBITMQ_NODE_PORT="$RABBITMQ_PORT"
        RABBITMQ_DIST_PORT="$RABBITMQ_DIST_PORT"
        RABBITMQ_MNESIA_BASE="$folder/mnesia"
        RABBITMQ_LOG_BASE="$folder/log"
        RABBITMQ_PID_FILE="$folder/pid"
        RABBITMQ_CONFIG_FILE="$folder/rabbitmq"
        RABBITMQ_ENABLED_PLUGINS_FILE="$folder/enabled_plugins"
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"
        ERL_EPMD_ADDRESS=127.0.0.1
        ERL_EPMD_PORT="$EPMD_PORT"
    )
}

start_rabbitmq() {
    local folder=$STATE/rabbitmq
    install -d -o rabbitmq -m 700 "$folder"
    rabbitmq_env
    # AiiDA holds a task as long as the process runs: RabbitMQ's own limit of 30 minutes would hand it out again
    echo 'consumer_timeout = 3600000000' > "$folder/rabbitmq.conf"
    echo '[].' > "$folder/enabled_plugins"
    rm -f "$folder/pid"
    as rabbitmq "${RABBITMQ_ENV[@]}" setsid --fork /usr/lib/rabbitmq/bin/rabbitmq-server \
        >"$STATE/log/rabbitmq.log" 2>&1 </dev/null
    until_ok 90 RabbitMQ "$STATE/log/rabbitmq.log" \
        as rabbitmq "${RABBITMQ_ENV[@]}" /usr/lib/rabbitmq/bin/rabbitmqctl --quiet await_startup --timeout 5
}

stop_rabbitmq() {
    rabbitmq_env
    end "$(pid_file rabbitmq)"
    as rabbitmq "${RABBITMQ_ENV[@]}" epmd -kill >/dev/null 2>&1 || true
}
