"""The objects in buckets after a run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING

from harness.errors import MissingObjectError
from harness.evidence.contents import LARGEST_CONTENT, describe_object
from harness.evidence.document import ObjectDocument
from harness.evidence.nearest import format_nearest_first
from harness.evidence.tabular import find_format

if TYPE_CHECKING:  # this module is also imported where no service is used, and minio is slow to import
    from minio import Minio

SMALL = 10_000
"""Bytes of the largest object that has a preview."""
IN_MEMORY = 8 << 20
"""Bytes of an object that are kept in memory; a larger one is kept in a file until its table is summarised."""
PREVIEW_LINES, PREVIEW_CHARACTERS = 10, 1000


@dataclass(frozen=True)
class StoredObject:
    """An object in a bucket: its size in bytes and the SHA-256 of its content.

    `preview` has the first lines of a small text, with secrets masked.
    """

    size: int
    sha256: str
    preview: str | None = field(default=None, compare=False)


NAMES_COMPARED = 1000
"""One page of a listing; a bucket may hold many more objects."""
Objects = Mapping[str, Mapping[str, StoredObject]]
"""Stored objects by bucket, then key."""


@dataclass(frozen=True)
class GatheredObject:
    """An object after a run, and its document in recorded evidence.

    `incomplete`: what the document lacks, and why.
    """

    stored: StoredObject
    document: ObjectDocument | None = None
    incomplete: str | None = None


def gather_objects(
    client: Minio, show: Callable[[str], str], hide: Callable[[str], str] | None = None
) -> dict[str, dict[str, GatheredObject]]:
    """Return every object by bucket, then key.

    `show` masks the previews. `hide` masks secrets and changes nothing else; if it is given, the objects have
    documents.
    """
    return {
        bucket.name: {
            str(entry.object_name): _read_object(client, bucket.name, str(entry.object_name), show, hide)
            for entry in client.list_objects(bucket.name, recursive=True)
        }
        for bucket in client.list_buckets()
    }


def read_object(client: Minio, bucket: str, key: str) -> bytes:
    """Return the content of one object.

    Raises MissingObjectError, which names what the bucket holds.
    """
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


def _read_object(
    client: Minio, bucket: str, key: str, show: Callable[[str], str], hide: Callable[[str], str] | None
) -> GatheredObject:
    size, digest = 0, hashlib.sha256()
    with SpooledTemporaryFile(max_size=IN_MEMORY) as content:
        answer = client.get_object(bucket, key)
        form = find_format(key, answer.headers.get("Content-Type")) if hide else None
        try:
            for chunk in answer.stream(1024 * 1024):
                size += len(chunk)
                digest.update(chunk)
                # Beyond the largest content of a document, only the summary of a table needs the content.
                if size <= (LARGEST_CONTENT if hide else SMALL) or form:
                    content.write(chunk)
        finally:
            answer.close()
            answer.release_conn()
        content.seek(0)
        preview = preview_text(content.read(), show) if size <= SMALL else None
        stored = StoredObject(size, digest.hexdigest(), preview)
        if hide is None:
            return GatheredObject(stored)
        content.seek(0)
        tags = read_tags(client, bucket, key) if answer.headers.get("x-amz-tagging-count", "0") != "0" else {}
        document, incomplete = describe_object(size, stored.sha256, content, answer.headers, tags, key, hide)
    return GatheredObject(stored, document, incomplete and f"object {bucket}/{key}: {incomplete}")


def read_tags(client: Minio, bucket: str, key: str) -> dict[str, str]:
    """Return the tags of an object."""
    return dict(sorted((client.get_object_tags(bucket, key) or {}).items()))


def preview_text(content: bytes, show: Callable[[str], str]) -> str | None:
    """Return the first lines of a text with `show` applied.

    Return None if the content is empty or no text.
    """
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
