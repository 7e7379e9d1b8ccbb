"""What a user is told of a stack: where it answers, and, where that is asked for, how to get in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from harness.services.stack import Stack


def started(stack: Stack) -> str:
    """How long its services took."""
    return f"ready ({', '.join(f'{name} {seconds:.1f} s' for name, seconds in stack.seconds.items())})"


def endpoints(stack: Stack) -> dict[str, str]:
    """By name the URL of each service, on this machine; without any secret."""
    told = {"minio": stack.minio.endpoint.url}
    if stack.minio.endpoint.console_url:
        told["minio console"] = stack.minio.endpoint.console_url
    for name in stack.postgres.names:
        scheme, _, address = stack.postgres.url(name).partition("://")
        told[f"postgres {name}"] = f"{scheme}://{address.partition('@')[2]}"
    told["aws"] = stack.aws.url
    if stack.relay.docker_host:
        told["relay"] = stack.relay.docker_host
    return told


def credentials(stack: Stack, connections: Mapping[str, str]) -> dict[str, str]:
    """By variable what a shell needs to use the stack: boto3 and `aws`, `psql`, and Airflow with the connections.

    Of what is in here MinIO's and Postgres' passwords are secret, and the connections, which hold them.
    """
    s3 = stack.minio.endpoint
    told = {
        "AWS_ACCESS_KEY_ID": s3.access_key,
        "AWS_SECRET_ACCESS_KEY": s3.secret_key,
        "AWS_DEFAULT_REGION": stack.aws.region,
        "AWS_ENDPOINT_URL": stack.aws.url,
        "AWS_ENDPOINT_URL_S3": s3.url,
        "S3_ENDPOINT": s3.url,
        "S3_ACCESS_KEY": s3.access_key,
        "S3_SECRET_KEY": s3.secret_key,
    }
    for name in stack.postgres.names:
        told[f"POSTGRES_{re.sub(r'[^A-Z0-9_]', '_', name.upper())}"] = stack.postgres.url(name)
    if len(stack.postgres.names) == 1:
        url = urlsplit(stack.postgres.url(stack.postgres.names[0]))
        told |= {"PGHOST": str(url.hostname), "PGPORT": str(url.port), "PGDATABASE": url.path.removeprefix("/")}
        told |= {"PGUSER": unquote(url.username or ""), "PGPASSWORD": unquote(url.password or "")}
    if stack.relay.docker_host:
        told["DOCKER_HOST"] = stack.relay.docker_host
    # A shell takes no dash in a name, and no letter beyond ASCII.
    usable = {name: value for name, value in connections.items() if name.isidentifier() and name.isascii()}
    return told | {f"AIRFLOW_CONN_{name.upper()}": value for name, value in usable.items()}
