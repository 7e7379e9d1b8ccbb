"""The objects in buckets after a run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

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
