"""Format a stack's endpoints and credentials for the terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from harness.services.stack import Stack


def format_start_times(stack: Stack) -> str:
    """Format how long each service took to start."""
    return f"ready ({', '.join(f'{name} {seconds:.1f} s' for name, seconds in stack.seconds.items())})"


def format_endpoints(stack: Stack) -> dict[str, str]:
    """Return each service's URL on this machine by name, without secrets."""
    urls = {"minio": stack.minio.endpoint.url}
    if stack.minio.endpoint.console_url:
        urls["minio console"] = stack.minio.endpoint.console_url
    for name in stack.postgres.names:
        scheme, _, address = stack.postgres.url(name).partition("://")
        urls[f"postgres {name}"] = f"{scheme}://{address.partition('@')[2]}"
    urls["aws"] = stack.aws.url
    if stack.relay.docker_host:
        urls["relay"] = stack.relay.docker_host
    return urls


def format_credentials(stack: Stack, connections: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables for boto3, `aws`, `psql` and Airflow's connections.

    The passwords of MinIO and Postgres are secret, and so are the connections, which contain them.
    """
    s3 = stack.minio.endpoint
    variables = {
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
        variables[f"POSTGRES_{re.sub(r'[^A-Z0-9_]', '_', name.upper())}"] = stack.postgres.url(name)
    if len(stack.postgres.names) == 1:
        url = urlsplit(stack.postgres.url(stack.postgres.names[0]))
        variables |= {"PGHOST": str(url.hostname), "PGPORT": str(url.port), "PGDATABASE": url.path.removeprefix("/")}
        variables |= {"PGUSER": unquote(url.username or ""), "PGPASSWORD": unquote(url.password or "")}
    if stack.relay.docker_host:
        variables["DOCKER_HOST"] = stack.relay.docker_host
    # A shell accepts only ASCII letters, digits and underscores in the name of a variable.
    usable = {name: value for name, value in connections.items() if name.isidentifier() and name.isascii()}
    return variables | {f"AIRFLOW_CONN_{name.upper()}": value for name, value in usable.items()}
