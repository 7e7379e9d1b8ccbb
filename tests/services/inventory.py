"""The state of a service as plain data, to compare a reset service with a fresh one."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import psycopg
import requests
import urllib3
from botocore.exceptions import ClientError
from minio import Minio
from minio.credentials import StaticProvider
from minio.error import MinioAdminException, S3Error
from minio.minioadmin import MinioAdmin
from psycopg import sql

from harness.engine import LABEL_STACK, connect
from harness.services.containers import label_filter, list_labelled
from harness.services.minio import MinioService
from harness.services.minio_admin import ADMIN, BUCKETS, CONFIGURATION, IAM, TIERS, call, sort_lists
from harness.services.postgres import PostgresService
from harness.services.postgres_server import SUPERUSER
from harness.services.stack import Stack

SITES = f"{ADMIN}/site-replication/info"
POOL = urllib3.PoolManager(timeout=30)
BUCKET_SETTINGS = (
    Minio.get_bucket_versioning,
    Minio.get_bucket_policy,
    Minio.get_bucket_lifecycle,
    Minio.get_bucket_tags,
    Minio.get_bucket_encryption,
    Minio.get_bucket_notification,
    Minio.get_bucket_replication,
    Minio.get_object_lock_config,
)


def of_minio(minio: MinioService, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return buckets with all contents, whether `keys` exist, and the admin API's data."""
    client, admin = minio.client(), admin_of(minio)
    exported = call(POOL, minio.endpoint, "GET", BUCKETS).data
    configuration = call(POOL, minio.endpoint, "GET", CONFIGURATION).data.splitlines()[-1]
    return {
        "buckets": {bucket.name: _bucket(client, bucket.name, keys) for bucket in client.list_buckets()},
        "metadata": _unpack(exported),
        "iam": {
            name: sort_lists(json.loads(content))
            for name, content in _unpack(call(POOL, minio.endpoint, "GET", IAM).data).items()
        },
        "users": json.loads(admin.user_list()),
        "groups": json.loads(admin.group_list()),
        "policies": sort_lists(json.loads(admin.policy_list())),
        "service accounts": json.loads(admin.list_service_account(minio.endpoint.access_key)),
        "configuration": json.loads(configuration)["minio"]["config"],
        "others": {path: call(POOL, minio.endpoint, "GET", path).data for path in (TIERS, SITES)},
    }


def admin_of(minio: MinioService) -> MinioAdmin:
    credentials = StaticProvider(minio.endpoint.access_key, minio.endpoint.secret_key)
    return MinioAdmin(endpoint=minio.endpoint.url.removeprefix("http://"), credentials=credentials, secure=False)


def _bucket(client: Minio, name: str, keys: tuple[str, ...]) -> dict[str, Any]:
    return {
        "versions": [entry.object_name for entry in client.list_objects(name, recursive=True, include_version=True)],
        "keys": {key: _answer(lambda key=key: client.stat_object(name, key).size) for key in keys},
        "uploads": [upload.object_name for upload in client._list_multipart_uploads(name).uploads],
        "uploads of keys": [
            upload.object_name for key in keys for upload in client._list_multipart_uploads(name, prefix=key).uploads
        ],
        **{get.__name__: _answer(lambda get=get: _plain(get(client, name))) for get in BUCKET_SETTINGS},
    }


def _plain(settings: Any) -> Any:
    return settings if settings is None or isinstance(settings, str) else vars(settings)


def _answer(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except (S3Error, MinioAdminException) as error:
        return getattr(error, "code", str(error))


def _unpack(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as unzipped:
        return {name: unzipped.read(name) for name in unzipped.namelist()}


ROLE = """
SELECT rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit,
    rolvaliduntil, rolconfig, shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = %(own)s
"""
CLUSTER = {
    "role": ROLE,
    "roles": "SELECT rolname FROM pg_roles",
    "settings": "SELECT coalesce(datname, ''), setrole::regrole::text, setconfig FROM pg_db_role_setting"
    " LEFT JOIN pg_database ON pg_database.oid = setdatabase",
    "members": "SELECT roleid::regrole::text, member::regrole::text FROM pg_auth_members",
    "databases": "SELECT datname, datdba::regrole::text, datistemplate, datallowconn, datconnlimit, datacl::text,"
    " dattablespace, datcollate, shobj_description(oid, 'pg_database') FROM pg_database",
    "tablespaces": "SELECT spcname, spcacl::text FROM pg_tablespace",
    "sessions": "SELECT datname FROM pg_stat_activity WHERE usename = %(own)s",
    "locks": "SELECT locktype FROM pg_locks WHERE locktype = 'advisory'",
    "prepared": "SELECT gid FROM pg_prepared_xacts",
    "slots": "SELECT slot_name FROM pg_replication_slots",
}
DATABASE = {
    "namespaces": "SELECT nspname, nspowner::regrole::text, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_t'",
    "relations": "SELECT relname, relkind, relowner::regrole::text, relacl::text, relpersistence, reloptions,"
    " relrowsecurity, obj_description(oid) FROM pg_class WHERE relnamespace <> 'pg_catalog'::regnamespace"
    " AND relname !~ '^pg_toast'",
    "columns": "SELECT attname, atttypid::regtype::text, attnotnull FROM pg_attribute"
    " JOIN pg_class ON attrelid = pg_class.oid WHERE relnamespace = 'public'::regnamespace AND attnum > 0",
    "functions": "SELECT proname FROM pg_proc WHERE oid >= 16384",
    "types": "SELECT typname FROM pg_type WHERE oid >= 16384",
    "constraints": "SELECT conname FROM pg_constraint WHERE oid >= 16384",
    "triggers": "SELECT tgname FROM pg_trigger",
    "extensions": "SELECT extname FROM pg_extension",
    "large objects": "SELECT lomowner::regrole::text FROM pg_largeobject_metadata",
    "default privileges": "SELECT defaclrole::regrole::text, defaclacl::text FROM pg_default_acl",
    "publications": "SELECT pubname FROM pg_publication",
    "comments": "SELECT description FROM pg_description WHERE objoid >= 16384",
    "labels": "SELECT label FROM pg_seclabel",
}


def of_postgres(postgres: PostgresService, name: str, table: str) -> dict[str, Any]:
    """Return the cluster, the database `name`, the rows of `table`, and database `postgres`."""
    with postgres.connect(name) as connection:
        own = connection.info.dbname
        rows = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))).fetchall()
    state: dict[str, Any] = {"rows": rows}
    for database, kinds in ((own, DATABASE), ("postgres", {**DATABASE, **CLUSTER})):
        with postgres.connect(database) if database != own else _as_superuser(postgres, own) as connection:
            for kind, query in kinds.items():
                state[f"{database}: {kind}"] = sorted(connection.execute(query, {"own": own}).fetchall(), key=repr)
    return state


def _as_superuser(postgres: PostgresService, database: str) -> Any:
    url = postgres.direct_url(database)
    assert f"{SUPERUSER}:" in url
    return psycopg.connect(url, autocommit=True)


AWS_LISTS = {
    "s3": ("list_buckets", "Buckets"),
    "iam": ("list_users", "Users"),
    "sagemaker": ("list_endpoints", "Endpoints"),
    "logs": ("describe_log_groups", "logGroups"),
    "sqs": ("list_queues", "QueueUrls"),
}


def of_aws(stack: Stack) -> dict[str, Any]:
    """Return all instances of moto, its configuration, and resources that clients list."""
    state: dict[str, Any] = {"instances": of_moto(stack.aws.url), "state": stack.aws.state()}
    for service, (method, key) in AWS_LISTS.items():
        try:
            state[service] = getattr(stack.aws.client(service), method)().get(key)
        except ClientError as error:
            state[service] = error.response["Error"]["Code"]
    state["state"]["calls"] = []
    return state


DERIVED = {"AccountSummary"}
"""Models that moto derives from other instances on the first call of a service."""


def of_moto(url: str) -> dict[str, Any]:
    """Return the instances of a moto server by service and model, and its settings."""
    paths = ("data.json", "config", "state-manager/get-transition?model_name=support::case")
    state = {path: requests.get(f"{url}/moto-api/{path}", timeout=10).json() for path in paths}
    # The first call of a service adds it without instances.
    state["data.json"] = {
        (service, model): [{key: value for key, value in one.items() if "date" not in key} for one in instances]
        for service, models in state["data.json"].items()
        for model, instances in models.items()
        if instances and model not in DERIVED
    }
    return state


def of_engine(stack: Stack) -> dict[str, Any]:
    """Return the objects with the stack's label, and the recorded sidecars."""
    engine, labels = connect(), {LABEL_STACK: stack.stack_id}
    return {
        "containers": sorted(str(container.id) for container in list_labelled(engine, labels)),
        "networks": [network.name for network in engine.networks.list(filters=label_filter(labels))],
        "volumes": [volume.name for volume in engine.volumes.list(filters=label_filter(labels))],
        "sidecars": stack.relay.list_containers().sidecars,
    }
