"""The mock's state as one JSON document: one call instead of dozens through boto3."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from base64 import b64encode
from typing import Any, cast

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.logs.models import logs_backends
from moto.s3.models import FakeKey, s3_backends
from moto.sagemaker.models import sagemaker_backends

from . import calls
from .resources import list_resources

RESOURCES = ("training_jobs", "models", "endpoint_configs", "endpoints")
LARGEST_CONTENT = 1 << 20
"""Bytes of the largest object whose content the state has."""


def collect_state(whole: bool = False) -> dict[str, Any]:
    """Return all resources, logs and calls since the last reset.

    `objects`: bucket -> key -> size, sha256. `sagemaker`: kind (RESOURCES) -> name -> description without times.
    `logs`: group -> stream -> messages. `calls`: see calls.list_calls(). With `whole` an object also has headers, tags
    and, if it is at most LARGEST_CONTENT, its content as base64; and `resources` has those of other services: see
    resources.list_resources().
    """
    more = {"resources": list_resources()} if whole else {}
    return {"objects": _objects(whole), "sagemaker": _sagemaker(), "logs": _logs(), "calls": calls.list_calls(), **more}


def _objects(whole: bool) -> dict[str, dict[str, dict[str, Any]]]:
    buckets = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets
    return {
        name: {
            key: _describe_object(value, whole)
            for key, value in sorted(bucket.keys.items())
            if isinstance(value, FakeKey)
        }
        for name, bucket in sorted(buckets.items())
    }


def _describe_object(key: FakeKey, whole: bool) -> dict[str, Any]:
    content = key.value
    described = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    if not whole:
        return described
    if len(content) <= LARGEST_CONTENT:
        described["content"] = b64encode(content).decode()
    headers = {str(name): str(value) for name, value in cast(Any, key.metadata).items()}
    tags = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].tagger.get_tag_dict_for_resource(key.arn)
    return {**described, "headers": headers, "tags": tags}


def _sagemaker() -> dict[str, dict[str, Any]]:
    resources: dict[str, dict[str, Any]] = {kind: {} for kind in RESOURCES}
    for backend in list(sagemaker_backends[DEFAULT_ACCOUNT_ID].values()):
        for kind, described in cast(Any, backend).describe_all().items():
            resources[kind] |= {name: _without_times(value) for name, value in sorted(described.items())}
    return resources


def _without_times(value: Any) -> Any:
    """Drop the timestamps, which differ between any two runs."""
    if isinstance(value, dict):
        return {
            key: _without_times(part)
            for key, part in value.items()
            if not isinstance(part, dt.datetime) and not key.endswith(("Time", "Timestamp", "TimeInSeconds"))
        }
    if isinstance(value, list | tuple):
        return [_without_times(part) for part in value]
    return json.loads(json.dumps(value, default=str))


def _logs() -> dict[str, dict[str, list[str]]]:
    return {
        name: {stream.log_stream_name: [event.message for event in stream.events] for stream in group.streams.values()}
        for backend in list(logs_backends[DEFAULT_ACCOUNT_ID].values())
        for name, group in sorted(backend.groups.items())
    }
