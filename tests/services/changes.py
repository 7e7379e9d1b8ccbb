"""All that a DAG can change in a service with the credentials it has, as far as this project's authors could think."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Callable, Mapping
from contextlib import suppress

import boto3
import docker
import psycopg
import requests
from botocore.config import Config
from minio.commonconfig import ENABLED, GOVERNANCE, Filter, Tags
from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule
from minio.minioadmin import MinioAdmin
from minio.retention import COMPLIANCE, Retention
from minio.versioningconfig import SUSPENDED, VersioningConfig
from psycopg import sql

from harness.services.minio import MinioService
from harness.services.postgres import PostgresService
from harness.services.stack import Stack
from tests.services.inventory import admin_of

KEYS = ("out", "out/part-0", "versioned", "part/ial")
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::%s/*"]}
    ],
}

OWN_POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]}]}


def change_buckets(minio: MinioService, bucket: str, other: str) -> None:
    """What S3 itself lets a DAG do, in the declared buckets `bucket` and `other` and in one of its own."""
    client = minio.client()
    for name in ("extra", "suspended"):
        client.make_bucket(name)
    for name in (bucket, "extra"):
        for key in ("out", "out/part-0"):
            client.put_object(name, key, io.BytesIO(b"x"), 1)
    client.set_bucket_versioning(bucket, VersioningConfig(ENABLED))
    client.set_bucket_versioning("suspended", VersioningConfig(ENABLED))
    for name in (bucket, "suspended"):
        for _ in range(2):
            client.put_object(name, "versioned", io.BytesIO(b"x"), 1)
        client.remove_object(name, "versioned")
    client.set_bucket_versioning("suspended", VersioningConfig(SUSPENDED))
    client.put_object("suspended", "versioned", io.BytesIO(b"x"), 1)
    client.remove_bucket(other)
    client.make_bucket(other)
    for name in (bucket, other, "extra"):
        client.set_bucket_policy(name, json.dumps(POLICY) % name)
        tags = Tags.new_bucket_tags()
        tags["made"] = "by a DAG"
        admin_of(minio).bucket_quota_set(name, 1 << 30)
        client.set_bucket_tags(name, tags)
        expiry = Rule(ENABLED, Filter(prefix="old/"), rule_id="expiry", expiration=Expiration(days=1))
        client.set_bucket_lifecycle(name, LifecycleConfig([expiry]))
    for name in (bucket, "extra"):
        for key in ("part/ial", "part/other"):
            upload = client._create_multipart_upload(name, key, {})
            client._upload_part(name, key, b"x", {}, upload, 1)
    cors = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}
    with suppress(Exception):  # MinIO has none
        _boto3(minio).put_bucket_cors(Bucket=bucket, CORSConfiguration=cors)


def _boto3(minio: MinioService) -> object:
    return boto3.client(
        "s3",
        endpoint_url=minio.endpoint.url,
        aws_access_key_id=minio.endpoint.access_key,
        aws_secret_access_key=minio.endpoint.secret_key,
        region_name="us-east-1",
        config=Config(proxies={}),
    )


def lock_a_bucket(minio: MinioService) -> None:
    minio.client().make_bucket("locked", object_lock=True)


def retain(mode: str) -> Callable[[MinioService], None]:
    def put(minio: MinioService) -> None:
        lock_a_bucket(minio)
        until = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
        minio.client().put_object("locked", "kept", io.BytesIO(b"x"), 1, retention=Retention(mode, until))

    return put


def as_admin(change: Callable[[MinioAdmin], object]) -> Callable[[MinioService], None]:
    return lambda minio: (change(admin_of(minio)), None)[1]


def add_a_group(admin: MinioAdmin) -> None:
    admin.user_add("member", "secret-of-member")
    admin.group_add("group", ["member"])


def attach_a_policy(admin: MinioAdmin) -> None:
    admin.user_add("reader", "secret-of-reader")
    admin.attach_policy(["readonly"], user="reader")


BEYOND_BUCKETS: Mapping[str, Callable[[MinioService], None]] = {
    "object lock": lock_a_bucket,
    "governance": retain(GOVERNANCE),
    "compliance": retain(COMPLIANCE),
    "user": as_admin(lambda admin: admin.user_add("user", "secret-of-user")),
    "group": as_admin(add_a_group),
    "attached policy": as_admin(attach_a_policy),
    "policy": as_admin(lambda admin: admin.policy_add("own", policy=OWN_POLICY)),
    "service account": as_admin(
        lambda admin: admin.add_service_account(access_key="service-account", secret_key="secret-of-account")
    ),
    "configuration": as_admin(lambda admin: admin.config_set("scanner", {"speed": "slow"})),
    "stopped": as_admin(lambda admin: admin.service_stop()),
}
"""Changes that can't be undone in place: each alone replaces the server."""


def change_postgres(postgres: PostgresService, name: str, table: str) -> list[psycopg.Connection]:
    """What the owner of the database `name` can change; the sessions that are returned stay open."""
    connection = postgres.connect(name)
    own = sql.Identifier(connection.info.dbname)
    elsewhere = psycopg.connect(at(postgres.url(name), "postgres"), autocommit=True)
    for statement in (
        "ALTER TABLE {table} ADD COLUMN added int",
        "CREATE SCHEMA more CREATE TABLE t (n int)",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TYPE mood AS ENUM ('fine')",
        "CREATE EXTENSION IF NOT EXISTS hstore",
        "CREATE PUBLICATION p FOR TABLE {table}",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
        "GRANT ALL ON {table} TO PUBLIC",
        "COMMENT ON TABLE {table} IS 'changed'",
        "COMMENT ON DATABASE {own} IS 'changed'",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT pg_advisory_lock(1)",
        "PREPARE q AS SELECT 1",
        "ALTER DATABASE {own} SET search_path = more",
        "ALTER DATABASE {own} CONNECTION LIMIT 5",
        "ALTER DATABASE {own} IS_TEMPLATE true",
        "GRANT CREATE ON DATABASE {own} TO PUBLIC",
        "ALTER ROLE CURRENT_USER SET search_path = more",
        "ALTER ROLE CURRENT_USER IN DATABASE {own} SET search_path = more",
        "ALTER ROLE CURRENT_USER IN DATABASE postgres SET statement_timeout = 1000",
        "ALTER ROLE CURRENT_USER IN DATABASE template1 SET statement_timeout = 1000",
    ):
        connection.execute(sql.SQL(statement).format(own=own, table=sql.Identifier(table)))  # type: ignore[arg-type]
    for statement in (
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT pg_advisory_lock(2)",
        "CREATE TEMPORARY TABLE temporary (n int)",
        "LISTEN news",
        "ALTER ROLE CURRENT_USER PASSWORD 'changed'",
    ):
        elsewhere.execute(statement)  # type: ignore[call-overload]
    return [connection, elsewhere]


def at(url: str, database: str) -> str:
    return f"{url.rpartition('/')[0]}/{database}"


def change_aws(stack: Stack) -> None:
    """Create resources of some services, configure jobs, enforce IAM, and change moto's settings."""
    aws = stack.aws
    s3 = aws.client("s3")
    where = {"LocationConstraint": aws.region}
    s3.create_bucket(Bucket="theirs", CreateBucketConfiguration=where, ObjectLockEnabledForBucket=True)
    s3.put_object(Bucket="theirs", Key="kept", Body=b"x")
    s3.create_multipart_upload(Bucket="theirs", Key="partial")
    s3.put_bucket_policy(Bucket="theirs", Policy=json.dumps(POLICY) % "theirs")
    aws.client("sqs").create_queue(QueueName="queue")
    aws.client("logs").create_log_group(logGroupName="group")
    aws.client("iam").create_user(UserName="user")
    aws.client("iam").create_access_key(UserName="user")
    aws.configure(training={"fail": "as configured"}, endpoint={"polls": 3})
    change_moto(aws.url)
    aws.enforce_iam()


def change_moto(url: str) -> None:
    transition = {"model_name": "support::case", "transition": {"progression": "manual", "times": 7}}
    for path, content in (
        ("config", {"batch": {"use_docker": False}, "lambda": {"use_docker": False}}),
        ("state-manager/set-transition", transition),
        ("recorder/start-recording", None),
    ):
        assert requests.post(f"{url}/moto-api/{path}", json=content, timeout=10).ok


def change_engine(stack: Stack) -> None:
    """What goes through the relay: containers, a network, volumes, also such as a container brings."""
    through = docker.DockerClient(base_url=stack.relay.docker_host)
    image, ident = stack.images["python"].reference, stack.stack_id
    through.volumes.create(f"made-{ident}")
    through.networks.create(f"made-{ident}")
    brought = {f"bound-{ident}": {"bind": "/bound", "mode": "rw"}}
    mount = docker.types.Mount("/mounted", f"mounted-{ident}", type="volume")
    through.containers.run(image, ["sleep", "600"], detach=True, volumes=brought, mounts=[mount])
    through.containers.create(image, name=f"unstarted-{ident}")
    through.close()
