"""The resources of services other than S3, SageMaker and CloudWatch Logs.

The resources come from moto's backends.
"""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections.abc import Iterator
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID

SERVICES = (
    *("athena", "batch", "cloudformation", "dynamodb", "ecs", "emr", "events", "firehose", "glue", "kinesis"),
    *("redshift", "secretsmanager", "ses", "sns", "sqs", "ssm", "stepfunctions"),
)
"""Services whose backends start empty and keep their resources in dicts.

iam and kms are not among them, because their resources have random keys and ids without a fixed form; neither are ec2,
ecr and rds, which have entries before any call; nor lambda, whose functions are private attributes.
"""
CHANGING = re.compile(r"(?:^|_|[a-z])(?:[tT]ime(?:stamp)?|[dD]ate|created|modified|_at|visible_at|receipt_handles?)$")
"""Names of fields with times and random values."""
OTHER = ("account_id", "backend", "region", "region_name", "partition", "url_suffix")
DEPTH = 8


def list_resources() -> dict[str, dict[str, Any]]:
    """Return `service/kind` -> name -> fields of every resource, without times.

    Unused services have no entry.
    """
    found: dict[str, dict[str, Any]] = {}
    for service in SERVICES:
        module = sys.modules.get(f"moto.{service}.models")
        backends = getattr(module, f"{service}_backends", None)
        if backends is None:  # moto has not loaded the service, so no call was made
            continue
        for backend in list(backends[DEFAULT_ACCOUNT_ID].values()):
            for kind, resources in _public(backend):
                if isinstance(resources, dict):
                    described = {str(name): _describe(value, DEPTH) for name, value in resources.items()}
                    found.setdefault(f"{service}/{kind}", {}).update(described)
    return {kind: dict(sorted(resources.items())) for kind, resources in sorted(found.items()) if resources}


def _describe(value: Any, depth: int) -> Any:
    """Return a value of JSON types.

    A part that has another type, or lies too deep, is left out of its surroundings.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if not depth or isinstance(value, type | dt.datetime | dt.date) or callable(value):
        return None
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        return [_describe(item, depth - 1) for item in items]
    fields = value.items() if isinstance(value, dict) else _public(value)
    described = {str(name): _describe(inner, depth - 1) for name, inner in fields if not CHANGING.search(str(name))}
    return {name: inner for name, inner in described.items() if inner is not None}


def _public(resource: Any) -> Iterator[tuple[str, Any]]:
    """Yield the attributes of an object that describe it."""
    if hasattr(resource, "_messages"):  # a queue
        yield "messages", [message.body for message in resource._messages]
    for name, value in getattr(resource, "__dict__", {}).items():
        if not name.startswith("_") and name not in OTHER and not name.endswith("backend"):
            yield name, value
