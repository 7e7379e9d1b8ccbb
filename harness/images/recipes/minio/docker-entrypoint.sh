#!/bin/sh
# `docker run IMAGE server /data` and `docker run IMAGE minio server /data` mean the same.
set -eu
[ "${1:-minio}" = minio ] || set -- minio "$@"
[ "$#" -gt 0 ] || set -- minio
# Read secrets from files, like the official image. A relative name is below /run/secrets.
for name in MINIO_ROOT_USER MINIO_ROOT_PASSWORD; do
    eval "file=\${${name}_FILE:-}"
    [ -n "$file" ] || continue
    case $file in /*) ;; *) file=/run/secrets/$file ;; esac
    [ -f "$file" ] && export "$name=$(cat "$file")"
done
exec "$@"
