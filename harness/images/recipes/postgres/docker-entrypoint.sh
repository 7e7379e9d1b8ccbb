#!/bin/bash
# Like the entrypoint of the official postgres image: the same variables, /docker-entrypoint-initdb.d and user.
# Without init files and a database to create, the server starts only once and reports only once that it is ready.
set -euo pipefail

# NAME_FILE is the path of a file with NAME's value (Docker secrets).
from_file() {
    local file="${1}_FILE"
    if [ -n "${!file:-}" ]; then
        [ -z "${!1:-}" ] || { echo "error: both $1 and $file are set; keep one" >&2; exit 1; }
        export "$1=$(< "${!file}")"
    fi
}

on_socket() { psql -v ON_ERROR_STOP=1 --no-password --no-psqlrc --username "$POSTGRES_USER" "$@"; }
docker_process_sql() { on_socket --dbname "$POSTGRES_DB" "$@"; }  # Sourced scripts call it by this name.

require_password() {
    if [ -z "$POSTGRES_PASSWORD" ] && [ "${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]; then
        echo 'error: the database is empty and POSTGRES_PASSWORD is not set: set it to any non-empty value,' \
             'or set POSTGRES_HOST_AUTH_METHOD=trust to accept connections without a password' >&2
        exit 1
    fi
}

create_cluster() {
    local arguments=()
    eval "arguments=(${POSTGRES_INITDB_ARGS:-})"
    [ -z "${POSTGRES_INITDB_WALDIR:-}" ] || arguments+=(--waldir "$POSTGRES_INITDB_WALDIR")
    initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") "${arguments[@]}"
    local method="${POSTGRES_HOST_AUTH_METHOD:-$(postgres -C password_encryption)}"
    printf '\nhost all all all %s\n' "$method" >> "$PGDATA/pg_hba.conf"
    # As in the official image. Clients expect the socket in /tmp or /var/run/postgresql, depending on their build.
    printf "listen_addresses = '*'\nunix_socket_directories = '/var/run/postgresql, /tmp'\n" >> "$PGDATA/postgresql.conf"
}

run_init_files() {
    local file
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
            *.sh)
                if [ -x "$file" ]; then echo "running $file"; "$file"
                else echo "sourcing $file"; . "$file"; fi ;;
            *.sql) echo "running $file"; docker_process_sql -f "$file" ;;
            *.sql.gz) echo "running $file"; gunzip -c "$file" | docker_process_sql ;;
            *.sql.xz) echo "running $file"; xzcat "$file" | docker_process_sql ;;
            *.sql.zst) echo "running $file"; zstd -dc "$file" | docker_process_sql ;;
            *) [ ! -e "$file" ] || echo "ignoring $file" ;;
        esac
    done
}

initialise_cluster() {
    # initdb created the database `postgres`. Without init files there is no work for a server.
    if [ "$POSTGRES_DB" = postgres ] && [ -z "$(ls -A /docker-entrypoint-initdb.d 2>/dev/null)" ]; then return; fi
    # Clients can't connect before initialisation ends: the server listens on the container's socket only, not on TCP.
    PGUSER="$POSTGRES_USER" pg_ctl -D "$PGDATA" -w start -o "$* -c listen_addresses='' -p ${PGPORT:-5432}"
    export PGPASSWORD="$POSTGRES_PASSWORD"
    if ! on_socket --dbname postgres -tAc "SELECT 1 FROM pg_database WHERE datname = '${POSTGRES_DB//\'/\'\'}'" | grep -q 1; then
        on_socket --dbname postgres --set db="$POSTGRES_DB" <<< 'CREATE DATABASE :"db";'
    fi
    unset PGHOST PGHOSTADDR
    run_init_files
    PGUSER="$POSTGRES_USER" pg_ctl -D "$PGDATA" -m fast -w stop
    unset PGPASSWORD
}

[ "${1:0:1}" != - ] || set -- postgres "$@"
[ "${1:-}" = postgres ] || exec "$@"
for argument; do
    case $argument in -V | --version | -'?' | --help | --describe-config) exec "$@" ;; esac
done

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" /var/run/postgresql
    chmod 700 "$PGDATA"
    chown -R postgres:postgres "$PGDATA" /var/run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups env HOME=/var/lib/postgresql "$0" "$@"
fi

for name in POSTGRES_USER POSTGRES_PASSWORD POSTGRES_DB POSTGRES_INITDB_ARGS; do from_file "$name"; done
export POSTGRES_USER="${POSTGRES_USER:-postgres}" POSTGRES_PASSWORD="${POSTGRES_PASSWORD:-}"
export POSTGRES_DB="${POSTGRES_DB:-$POSTGRES_USER}"

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    require_password
    create_cluster
    initialise_cluster "${@:2}"
    echo 'PostgreSQL init process complete; ready for start up.'
fi
exec "$@"
