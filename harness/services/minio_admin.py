"""Detect changes in MinIO beside objects, by MinIO's admin API."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from minio.credentials.credentials import Credentials
from minio.signer import sign_v4_s3
from minio.time import to_amz_date, utcnow
from urllib3 import PoolManager
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

if TYPE_CHECKING:
    from harness.services.minio import S3Endpoint

REGION = "us-east-1"
ADMIN = "/minio/admin/v3"
# These calls answer unencrypted. Decrypting the answers of similar calls would take 70 ms each.
IAM, CONFIGURATION = f"{ADMIN}/export-iam", f"{ADMIN}/healthinfo?minioconfig=true"
POLICIES, TIERS, BUCKETS = f"{ADMIN}/list-canned-policies", f"{ADMIN}/tier", f"{ADMIN}/export-bucket-metadata"


def administration(pool: PoolManager, endpoint: S3Endpoint) -> dict[str, str]:
    """Return digests of users, policies, sites, configuration and tiers, by their source.

    Two results are equal if nothing changed in between. Calls that this release of MinIO lacks are left out.
    Raises urllib3's HTTPError if the server fails.
    """
    tiers = call(pool, endpoint, "GET", TIERS)
    parts = {TIERS: _digest([tiers.status, tiers.data.decode()])}
    iam = call(pool, endpoint, "GET", IAM)
    if iam.status == 200:
        with zipfile.ZipFile(io.BytesIO(iam.data)) as archive:
            parts |= {name: _digest(sort_lists(json.loads(archive.read(name)))) for name in archive.namelist()}
    configuration = call(pool, endpoint, "GET", CONFIGURATION)
    if configuration.status == 200:
        last = json.loads(configuration.data.splitlines()[-1])  # Each line is the document so far.
        parts[CONFIGURATION] = _digest(last["minio"]["config"])
    return parts


def bucket_settings(pool: PoolManager, endpoint: S3Endpoint) -> dict[str, str]:
    """Return digests of settings by bucket name, equal for all buckets without settings.

    The result is empty if this release of MinIO lacks the call. Raises urllib3's HTTPError if the server fails.
    """
    answer = call(pool, endpoint, "GET", BUCKETS)
    if answer.status != 200:
        return {}
    settings: dict[str, dict[str, str]] = defaultdict(dict)
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        for path in archive.namelist():
            bucket, _, setting = path.partition("/")
            settings[bucket][setting] = archive.read(path).decode()
    return {bucket: _digest(values) for bucket, values in settings.items()}


def call(
    pool: PoolManager, endpoint: S3Endpoint, method: str, path: str, headers: Mapping[str, str] | None = None
) -> BaseHTTPResponse:
    """Call an API as root that the MinIO client has no method for, and return the answer.

    Raises urllib3's HTTPError if the server fails (5xx) or can't be reached.
    """
    url = urlsplit(endpoint.url + path)
    date, empty = utcnow(), hashlib.sha256(b"").hexdigest()
    signed = sign_v4_s3(
        method=method,
        url=url,
        region=REGION,
        headers={"Host": url.netloc, "x-amz-content-sha256": empty, "x-amz-date": to_amz_date(date), **(headers or {})},
        credentials=Credentials(endpoint.access_key, endpoint.secret_key),
        content_sha256=empty,
        date=date,
    )
    answer = pool.request(method, url.geturl(), headers={name: str(value) for name, value in signed.items()})
    if answer.status >= 500:
        raise HTTPError(f"{method} {path}: HTTP {answer.status}")
    return answer


def sort_lists(value: Any) -> Any:
    """Return `value` with sorted lists, as MinIO writes a policy's actions in random order."""
    if isinstance(value, dict):
        return {key: sort_lists(part) for key, part in value.items()}
    if isinstance(value, list):
        return sorted(map(sort_lists, value), key=json.dumps)
    return value


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
