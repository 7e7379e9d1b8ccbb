"""What root can change in MinIO beside objects, told by MinIO's admin API."""

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
# Of several calls that tell the same, these give an answer that is not encrypted: to decrypt one takes 70 ms.
IAM, CONFIGURATION = f"{ADMIN}/export-iam", f"{ADMIN}/healthinfo?minioconfig=true"
POLICIES, TIERS, BUCKETS = f"{ADMIN}/list-canned-policies", f"{ADMIN}/tier", f"{ADMIN}/export-bucket-metadata"


def administration(pool: PoolManager, endpoint: S3Endpoint) -> dict[str, str]:
    """Digests of all that does not belong to a bucket: users, policies, replicating sites, configuration, tiers.

    Two of them are equal if nothing was changed in between. What this release of MinIO does not tell is left out.
    Raises urllib3's HTTPError where the server fails.
    """
    tiers = call(pool, endpoint, "GET", TIERS)
    parts = {TIERS: _digest([tiers.status, tiers.data.decode()])}
    iam = call(pool, endpoint, "GET", IAM)
    if iam.status == 200:
        with zipfile.ZipFile(io.BytesIO(iam.data)) as archive:
            parts |= {name: _digest(ordered(json.loads(archive.read(name)))) for name in archive.namelist()}
    configuration = call(pool, endpoint, "GET", CONFIGURATION)
    if configuration.status == 200:
        last = json.loads(configuration.data.splitlines()[-1])  # each line is the document so far
        parts[CONFIGURATION] = _digest(last["minio"]["config"])
    return parts


def bucket_settings(pool: PoolManager, endpoint: S3Endpoint) -> dict[str, str]:
    """A digest of each bucket's settings, by the bucket's name; those of buckets without any setting are equal.

    Empty where this release of MinIO does not tell. Raises urllib3's HTTPError where the server fails.
    """
    answer = call(pool, endpoint, "GET", BUCKETS)
    if answer.status != 200:
        return {}
    settings: dict[str, dict[str, str]] = defaultdict(dict)
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        for path in archive.namelist():
            bucket, _, setting = path.partition("/")
            settings[bucket][setting] = archive.read(path).decode()
    return {bucket: _digest(found) for bucket, found in settings.items()}


def call(
    pool: PoolManager, endpoint: S3Endpoint, method: str, path: str, headers: Mapping[str, str] | None = None
) -> BaseHTTPResponse:
    """The answer to one call as root, for what the client has no public method for.

    Raises urllib3's HTTPError where the server fails (5xx) or can't be reached.
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


def ordered(value: Any) -> Any:
    """`value` with every list sorted: a policy's actions are a set, which MinIO writes in a random order."""
    if isinstance(value, dict):
        return {key: ordered(part) for key, part in value.items()}
    if isinstance(value, list):
        return sorted(map(ordered, value), key=json.dumps)
    return value


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
