"""Everything that a scenario left in the twin, as one JSON document: one call, instead of dozens through clients."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import Any, cast

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.logs.models import logs_backends
from moto.s3.models import FakeKey, s3_backends
from moto.sagemaker.models import sagemaker_backends

from . import calls

RESOURCES = ("training_jobs", "models", "endpoint_configs", "endpoints")


def state() -> dict[str, Any]:
    """`objects`: bucket -> key -> size, sha256. `sagemaker`: kind (RESOURCES) -> name -> description without times.
    `logs`: group -> stream -> messages. `calls`: see calls.recorded().
    """
    return {"objects": _objects(), "sagemaker": _sagemaker(), "logs": _logs(), "calls": calls.recorded()}


def _objects() -> dict[str, dict[str, dict[str, Any]]]:
    buckets = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets
    return {
        name: {key: _stored(value) for key, value in sorted(bucket.keys.items()) if isinstance(value, FakeKey)}
        for name, bucket in sorted(buckets.items())
    }


def _stored(key: FakeKey) -> dict[str, Any]:
    content = key.value
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _sagemaker() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {kind: {} for kind in RESOURCES}
    for backend in list(sagemaker_backends[DEFAULT_ACCOUNT_ID].values()):
        for kind, described in cast(Any, backend).resources().items():
            found[kind] |= {name: _timeless(value) for name, value in sorted(described.items())}
    return found


def _timeless(value: Any) -> Any:
    """Without what the clock says, which no two runs share."""
    if isinstance(value, dict):
        return {
            key: _timeless(part)
            for key, part in value.items()
            if not isinstance(part, dt.datetime) and not key.endswith(("Time", "Timestamp", "TimeInSeconds"))
        }
    if isinstance(value, list | tuple):
        return [_timeless(part) for part in value]
    return json.loads(json.dumps(value, default=str))


def _logs() -> dict[str, dict[str, list[str]]]:
    return {
        name: {stream.log_stream_name: [event.message for event in stream.events] for stream in group.streams.values()}
        for backend in list(logs_backends[DEFAULT_ACCOUNT_ID].values())
        for name, group in sorted(backend.groups.items())
    }
