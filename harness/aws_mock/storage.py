"""The twin's S3, read and written on behalf of a role."""

from __future__ import annotations

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import FakeKey, S3Backend, s3_backends

from .authorization import role_may


class DeniedError(Exception):
    """The role has no right to it. The text is the action and its resource."""


class MissingError(Exception):
    """There is no such bucket or object."""


def split(url: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


def keys(role: str, bucket: str, prefix: str) -> list[str]:
    """The keys under a prefix, sorted. Raises DeniedError, MissingError."""
    _check(role, "s3:ListBucket", f"arn:aws:s3:::{bucket}")
    if bucket not in _backend().buckets:
        raise MissingError(bucket)
    # In a bucket with versions, what was deleted has a marker in its place.
    found = _backend().buckets[bucket].keys.items()
    return sorted(key for key, value in found if key.startswith(prefix) and isinstance(value, FakeKey))


def read(role: str, bucket: str, key: str) -> bytes:
    """Raises DeniedError, MissingError."""
    _check(role, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")
    found = _backend().buckets[bucket].keys.get(key) if bucket in _backend().buckets else None
    if not isinstance(found, FakeKey):
        raise MissingError(f"{bucket}/{key}")
    return bytes(found.value)


def write(role: str, bucket: str, key: str, content: bytes) -> None:
    """Raises DeniedError, MissingError."""
    _check(role, "s3:PutObject", f"arn:aws:s3:::{bucket}/{key}")
    if not has_bucket(bucket):
        raise MissingError(bucket)
    _backend().put_object(bucket, key, content)


def has_bucket(bucket: str) -> bool:
    return bucket in _backend().buckets


def _check(role: str, action: str, resource: str) -> None:
    if not role_may(role, action, resource):
        raise DeniedError(f"{action} on {resource}")


def _backend() -> S3Backend:
    return s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
