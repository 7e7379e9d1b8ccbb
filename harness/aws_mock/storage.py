"""Read and write the mock's S3 with the permissions of a role."""

from __future__ import annotations

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import FakeKey, S3Backend, s3_backends

from .authorization import role_may


class DeniedError(Exception):
    """The role lacks a permission. The text is the action and its resource."""


class MissingError(Exception):
    """The bucket or object doesn't exist. The text is its name."""


def split_url(url: str) -> tuple[str, str]:
    """Split `s3://bucket/key` into bucket and key."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


def list_keys(role: str, bucket: str, prefix: str) -> list[str]:
    """List the keys under a prefix, sorted. Raises DeniedError, MissingError."""
    _check(role, "s3:ListBucket", f"arn:aws:s3:::{bucket}")
    if bucket not in _backend().buckets:
        raise MissingError(bucket)
    # A versioned bucket keeps a marker, not a FakeKey, for each deleted object.
    entries = _backend().buckets[bucket].keys.items()
    return sorted(key for key, value in entries if key.startswith(prefix) and isinstance(value, FakeKey))


def read(role: str, bucket: str, key: str) -> bytes:
    """Return an object's content. Raises DeniedError, MissingError."""
    _check(role, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")
    entry = _backend().buckets[bucket].keys.get(key) if bucket in _backend().buckets else None
    if not isinstance(entry, FakeKey):
        raise MissingError(f"{bucket}/{key}")
    return bytes(entry.value)


def write(role: str, bucket: str, key: str, content: bytes) -> None:
    """Write an object. Raises DeniedError, MissingError."""
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
