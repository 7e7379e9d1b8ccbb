"""The objects in buckets after a run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # this module is also imported where no service is used, and minio is slow to import
    from minio import Minio


@dataclass(frozen=True)
class StoredObject:
    """An object in a bucket: its size in bytes and the SHA-256 of its content."""

    size: int
    sha256: str


Objects = Mapping[str, Mapping[str, StoredObject]]
"""Stored objects by bucket, then key."""


def gather_objects(client: Minio) -> dict[str, dict[str, StoredObject]]:
    """Return size and checksum of every object, by bucket, then key."""
    return {
        bucket.name: {
            str(entry.object_name): _read_object(client, bucket.name, str(entry.object_name))
            for entry in client.list_objects(bucket.name, recursive=True)
        }
        for bucket in client.list_buckets()
    }


def _read_object(client: Minio, bucket: str, key: str) -> StoredObject:
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
