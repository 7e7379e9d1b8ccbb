"""Refuse connections that Airflow or its amazon provider would misread."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

from harness.errors import RunRefusedError

PREFIX = "AIRFLOW_CONN_"
ECR_IMAGE = re.compile(r"\b\d{12}\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/[\w./:@-]+")


class Connection(NamedTuple):
    """Where a connection leads, parsed from its URI or JSON."""

    kind: str
    has_host: bool
    extra: Mapping[str, Any]


def refuse_misleading_connections(env: Mapping[str, str]) -> None:
    """Raise RunRefusedError for a misleading connection; no message shows a password."""
    connections = {name: _parse(name, value) for name, value in env.items() if name.startswith(PREFIX)}
    for name, connection in connections.items():
        _check_endpoint(name, connection)
    for variable, value in env.items():
        if image := ECR_IMAGE.search(value):
            for name, connection in connections.items():
                if connection.kind == "aws" and _leads_to_aws(connection, env):
                    _check_region(name, connection, env, f"{variable} ({image[0]})", image[1])


def _check_endpoint(name: str, connection: Connection) -> None:
    """Refuse endpoints outside the extras `endpoint_url` and `service_config`.

    Today's amazon provider ignores the form of 2021 (`s3://...?host=...`) and a connection's host, and its hook then
    calls the real AWS. For other types than `aws` the provider only warns.
    """
    kind, has_host, extra = connection
    if extra.get("endpoint_url") or "endpoint_url" in str(extra.get("service_config")):
        return
    if kind == "s3" or (kind == "aws" and (has_host or "host" in extra)):
        host = str(extra.get("host"))
        # Other values may contain a password, so the message does not repeat them.
        endpoint = host if re.fullmatch(r"https?://[\w.-]+(:\d+)?/?", host) else "http://HOST:PORT"
        works = f"aws://LOGIN:PASSWORD@/?endpoint_url={quote(endpoint, safe='')}"
        raise RunRefusedError(
            f"{name} has a form that today's amazon provider ignores, and it would call the real AWS: write {works}"
        )


def _leads_to_aws(connection: Connection, env: Mapping[str, str]) -> bool:
    """Return whether the connection leads to the run's AWS, not to another S3."""
    endpoint = connection.extra.get("endpoint_url")
    return not endpoint or endpoint == env.get("AWS_ENDPOINT_URL")


def _check_region(name: str, connection: Connection, env: Mapping[str, str], image: str, needed: str) -> None:
    """Refuse a region other than the image's: SageMaker pulls from its own region only."""
    region = connection.extra.get("region_name") or env.get("AWS_DEFAULT_REGION")
    if not region:
        raise RunRefusedError(
            f"{name} has no region, and {image} needs {needed}: add region_name={needed} to the connection or set "
            f"AWS_DEFAULT_REGION={needed}"
        )
    if region != needed:
        raise RunRefusedError(
            f"{name} has region {region}, but {image} is in {needed}: SageMaker pulls images from its own region only, "
            "so make the two regions the same"
        )


def _parse(name: str, value: str) -> Connection:
    if value.lstrip().startswith("{"):
        fields = _json_object(name, value)
        extra = _json_object(f"{name}'s extra", fields.get("extra") or {})
        return Connection(str(fields.get("conn_type") or "").lower(), bool(fields.get("host")), extra)
    _check_credentials(name, value)
    # Airflow makes the same check, but its error message prints the password into the log.
    _, *rest = value.split("://")
    if len(rest) > 2 or (len(rest) == 2 and set(rest[0]) & set("@:")):
        raise RunRefusedError(f"{name} is not a valid URI: percent-encode URLs in it, as endpoint_url=http%3A%2F%2F...")
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises if Airflow's own parser would raise
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:  # its text may contain the password
        raise RunRefusedError(f"{name} is not a valid URI: percent-encode special characters in its parts") from None
    # Airflow too ignores the rest of the query if __extra__ is given.
    extra = _json_object(f"{name}'s __extra__", query.get("__extra__", query))
    return Connection(parts.scheme, bool(parts.hostname), extra)


def _check_credentials(name: str, value: str) -> None:
    """Refuse the guide's errors: a missing `@` after the secret, a bare `/` in the secret.

    AWS secrets are base64, so about half of them contain `/`. The corrected form shows only the encoded characters.
    """
    kind, _, rest = value.partition("://")
    if kind != "aws" or ":" not in (authority := re.split("[/?#]", rest, maxsplit=1)[0]) or "@" in authority:
        return
    credentials, at, tail = rest.partition("@")
    if not at:
        credentials, query, tail = rest.partition("?")
        tail = query + tail
    login, _, secret = credentials.partition(":")
    if secret.startswith("//") or (not at and secret.rstrip("/").isdigit()):
        return  # a URL, or a host and a port: other checks report these
    encoded = re.sub(
        r"%[0-9A-F]{2}|[^%]+", lambda part: part[0] if part[0][0] == "%" else "***", quote(secret, safe="%")
    )
    why = "a character in the credentials ends them too early" if at else "the @ that ends the credentials is missing"
    corrected = f"{kind}://{login}:{encoded}@/{tail.removeprefix('/')}"
    raise RunRefusedError(f"{name} is not a valid URI ({why}): write {corrected}, where *** stands for unchanged text")


def _json_object(what: str, value: object) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value or "null")
        except (ValueError, RecursionError) as error:
            raise RunRefusedError(f"{what} is not valid JSON: {error}") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RunRefusedError(f"{what} is not a JSON object: write {{...}}")
    return value
