# A PostgreSQL cluster of our own on a loopback port: user `aiida`, who may create databases.

start_postgres() {
    local folder=$STATE/postgres owner=postgres bin
    bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    install -d -o "$owner" -m 700 "$folder"
    if [ ! -s "$folder/data/PG_VERSION" ]; then
        # C.UTF-8: AiiDA's databases need a locale that is there
        as "$owner" "$bin/initdb" --pgdata="$folder/data" --locale=C.UTF-8 --encoding=UTF8 --auth-host=scram-sha-256 \
            --auth-local=peer --username="$owner" >"$STATE/log/initdb.log" 2>&1
        cat >> "$folder/data/postgresql.conf" <<E
listen_addresses = '127.0.0.1'
port = $POSTGRES_PORT
unix_socket_directories = '$folder'
max_connections = 300
E
    fi
    touch "$STATE/log/postgres.log"
    chown "$owner" "$STATE/log/postgres.log"
    as "$owner" "$bin/pg_ctl" --pgdata="$folder/data" --log="$STATE/log/postgres.log" --wait --timeout=60 start >/dev/null
    as "$owner" psql -q -h "$folder" -p "$POSTGRES_PORT" -d postgres >/dev/null <<'E'
do $$ begin
  if not exists (select from pg_roles where rolname = 'aiida') then
    create role aiida login createdb password 'aiida';
  end if;
end $$;
E
}

# Fast shutdown: sessions are cut, nothing is lost.
stop_postgres() { end "$(pid_file postgres)" INT; }
