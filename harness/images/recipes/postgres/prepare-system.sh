#!/bin/sh
# Create the user, directories, locale and time zones of the official image.
# Arguments: names of Debian's server package. The first name that Debian has is installed.
set -eu
groupadd --system --gid 999 postgres
useradd --system --uid 999 --gid postgres --home-dir /var/lib/postgresql --shell /bin/bash postgres
apt-get update
server=
for package; do
    if [ -z "$server" ] && apt-cache show "$package" >/dev/null 2>&1; then server=$package; fi
done
[ "$#" = 0 ] || [ -n "$server" ] || { echo "Debian has none of: $*" >&2; exit 1; }
# Without this setting, installing Debian's server creates a cluster.
mkdir -p /etc/postgresql-common
echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    -o Dpkg::Options::=--force-confold locales tzdata $server
localedef -i en_US -c -f UTF-8 -A /usr/share/locale/locale.alias en_US.UTF-8
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt
mkdir -p /docker-entrypoint-initdb.d /var/lib/postgresql /var/run/postgresql
chown postgres:postgres /var/lib/postgresql /var/run/postgresql
chmod 3777 /var/run/postgresql
