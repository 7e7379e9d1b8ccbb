"""Evidence: objects, sidecars and warnings of a run. Plain data, JSON out; no client is kept in it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from minio import Minio

from harness.evidence.normalise import normalised
from harness.services.relay import Sidecar

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class StoredObject:
    """An object in a bucket: its size in bytes and the SHA-256 of its content."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Evidence:
    """`objects` by bucket, then key. `sidecars` in the order they were started. `warnings`: lines of the run's log."""

    objects: Mapping[str, Mapping[str, StoredObject]]
    sidecars: tuple[Sidecar, ...]
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Without what differs from run to run: ids, names, times."""
        return {
            "schema_version": SCHEMA_VERSION,
            "objects": {
                bucket: {key: asdict(stored) for key, stored in sorted(entries.items())}
                for bucket, entries in sorted(self.objects.items())
            },
            "sidecars": [
                {"image": sidecar.image, "exit_code": sidecar.exit_code, "output": normalised(sidecar.output)}
                for sidecar in self.sidecars
            ],
            "warnings": list(self.warnings),
        }


def gather_objects(client: Minio) -> dict[str, dict[str, StoredObject]]:
    """Every object of every bucket, read once in chunks."""
    return {
        bucket.name: {
            str(entry.object_name): _stored(client, bucket.name, str(entry.object_name))
            for entry in client.list_objects(bucket.name, recursive=True)
        }
        for bucket in client.list_buckets()
    }


def _stored(client: Minio, bucket: str, key: str) -> StoredObject:
    size, digest = 0, hashlib.sha256()
    answer = client.get_object(bucket, key)
    try:
        for chunk in answer.stream(1024 * 1024):
            size += len(chunk)
            digest.update(chunk)
    finally:
        answer.close()
        answer.release_conn()
    return StoredObject(size, digest.hexdigest())


def warnings_in(log: str, home: Path) -> tuple[str, ...]:
    """The lines with which Airflow (3.x: `[warning  ]`, 2.11: `WARNING - `) or Python (`...Warning:`) warns.

    Normalised; `home` is the run's own folder.
    """
    lines = (line for line in log.splitlines() if re.search(r"\[warning\s*\]|WARNING - |\b\w+Warning: ", line))
    return tuple(normalised(line, {str(home): "HOME"}) for line in lines)
