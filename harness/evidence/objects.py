"""The objects in buckets after a run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from harness.errors import MissingObjectError
from harness.evidence.nearest import format_nearest_first

if TYPE_CHECKING:  # this module is also imported where no service is used, and minio is slow to import
    from minio import Minio

SMALL = 10_000
"""Bytes of the largest object that has a preview."""
PREVIEW_LINES, PREVIEW_CHARACTERS = 10, 1000


@dataclass(frozen=True)
class StoredObject:
    """An object in a bucket: its size in bytes and the SHA-256 of its content.

    `preview` has the first lines of a small text, with secrets masked.
    """

    size: int
    sha256: str
    preview: str | None = field(default=None, compare=False)

    def as_json(self) -> dict[str, Any]:
        """Return size and checksum, which identify the content."""
        return {"size": self.size, "sha256": self.sha256}


NAMES_COMPARED = 1000
"""One page of a listing; a bucket may hold many more objects."""
Objects = Mapping[str, Mapping[str, StoredObject]]
"""Stored objects by bucket, then key."""


def gather_objects(client: Minio, show: Callable[[str], str]) -> dict[str, dict[str, StoredObject]]:
    """Return every object by bucket, then key. `show` masks the previews."""
    return {
        bucket.name: {
            str(entry.object_name): _read_object(client, bucket.name, str(entry.object_name), show)
            for entry in client.list_objects(bucket.name, recursive=True)
        }
        for bucket in client.list_buckets()
    }


def read_object(client: Minio, bucket: str, key: str) -> bytes:
    """Return the content of one object. Raises MissingObjectError, which names what the bucket holds."""
    from minio.error import S3Error

    try:
        answer = client.get_object(bucket, key)
    except S3Error as error:
        if error.code not in ("NoSuchKey", "NoSuchBucket"):
            raise
        raise MissingObjectError(_explain_missing(client, bucket, key)) from error
    try:
        return bytes(answer.read())
    finally:
        answer.close()
        answer.release_conn()


def _explain_missing(client: Minio, bucket: str, key: str) -> str:
    if not client.bucket_exists(bucket):
        buckets = format_nearest_first(bucket, (each.name for each in client.list_buckets()))
        return f"there is no bucket {bucket!r} to read {key!r} from. The buckets are {buckets or '(none)'}"
    listing = client.list_objects(bucket, recursive=True)
    keys = [str(entry.object_name) for entry in islice(listing, NAMES_COMPARED)]
    more = " or more" if len(keys) == NAMES_COMPARED else ""
    holds = f"It holds {len(keys)}{more}: {format_nearest_first(key, keys)}" if keys else "It is empty"
    return f"bucket {bucket!r} has no object {key!r}. {holds}"


def _read_object(client: Minio, bucket: str, key: str, show: Callable[[str], str]) -> StoredObject:
    size, digest, beginning = 0, hashlib.sha256(), b""
    answer = client.get_object(bucket, key)
    try:
        for chunk in answer.stream(1024 * 1024):
            size += len(chunk)
            digest.update(chunk)
            if size <= SMALL:
                beginning += chunk
    finally:
        answer.close()
        answer.release_conn()
    preview = preview_text(beginning, show) if size <= SMALL else None
    return StoredObject(size, digest.hexdigest(), preview)


def preview_text(content: bytes, show: Callable[[str], str]) -> str | None:
    """Return the first lines of a text with `show` applied; None if the content is empty or no text."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    if not text.strip() or "\0" in text:
        return None
    # The whole text is masked before it is cut, because a cut could leave a part of a secret.
    lines = show(text).splitlines()
    shown = "\n".join(lines[:PREVIEW_LINES])
    cut = len(lines) > PREVIEW_LINES or len(shown) > PREVIEW_CHARACTERS
    return shown[:PREVIEW_CHARACTERS] + ("…" if cut else "")
