"""Query a registry for an image, without a login, over the OCI distribution API (v2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urljoin

import requests
from docker.utils import parse_repository_tag

from harness.images.pull import parse_registry

TIMEOUT = 5.0
MAX_PAGES = 20
"""The maximum number of pages of tags. A page has at most 1000 tags, at some registries fewer."""
DOCKER_HUB = "registry-1.docker.io"
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
)


@dataclass(frozen=True)
class TagStatus:
    """A registry's answer about a reference.

    `state` is `missing` if the image does not exist, and `token` if the registry requires a login. `newer` is the
    newest tag in the same format, or empty if the reference has the newest tag.
    """

    state: Literal["present", "missing", "token"]
    newer: str = ""


def query_registry(reference: str) -> TagStatus | None:
    """Return the status of an image reference; None if the registry gives no usable answer."""
    registry = parse_registry(reference)
    repository, tag = parse_repository_tag(reference)
    name = repository.removeprefix(f"{registry}/")
    host = DOCKER_HUB if registry == "docker.io" else registry
    if registry == "docker.io" and "/" not in name:
        name = f"library/{name}"
    scheme = "http" if host.partition(":")[0] in ("localhost", "127.0.0.1") else "https"
    with requests.Session() as session:
        try:
            return _query_tag(session, f"{scheme}://{host}/v2/{name}", tag or "latest")
        except (requests.RequestException, ValueError):
            return None


def _query_tag(session: requests.Session, base: str, tag: str) -> TagStatus | None:
    manifest = f"{base}/manifests/{tag}"
    answer = session.head(manifest, headers={"Accept": MANIFESTS}, timeout=TIMEOUT)
    if answer.status_code == 401 and _log_in(session, answer.headers.get("WWW-Authenticate", "")):
        answer = session.head(manifest, headers={"Accept": MANIFESTS}, timeout=TIMEOUT)
    if answer.status_code in (401, 403):
        return TagStatus("token")
    if answer.status_code == 404:
        return TagStatus("missing")
    answer.raise_for_status()
    return TagStatus("present", find_newer_tag(tag, _list_tags(session, base)))


def _log_in(session: requests.Session, challenge: str) -> bool:
    """Get an anonymous token for a public image; return whether that worked."""
    parameters = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    if not challenge.lower().startswith("bearer ") or "realm" not in parameters:
        return False
    answer = session.get(parameters.pop("realm"), params=parameters, timeout=TIMEOUT)
    if not answer.ok:
        return False
    content = answer.json()
    session.headers["Authorization"] = f"Bearer {content.get('token') or content.get('access_token')}"
    return True


def _list_tags(session: requests.Session, base: str) -> list[str]:
    tags: list[str] = []
    page: str | None = f"{base}/tags/list?n=1000"
    for _ in range(MAX_PAGES):
        answer = session.get(page or "", timeout=TIMEOUT)
        if not answer.ok:
            break
        tags += answer.json().get("tags") or []
        page = answer.links.get("next", {}).get("url")
        if page is None:
            break
        page = urljoin(base, page)
    return tags


def find_newer_tag(tag: str, tags: list[str]) -> str:
    """Return the tag with the greatest numbers among tags in the format of `tag`.

    The result is empty if `tag` itself is the newest. A word after a dash (`-slim`, `-python3.12`) is a variant, which
    must be equal.
    """
    numbers, *variant = re.split(r"(?=-[a-z])", tag, maxsplit=1)
    pattern = re.compile(re.sub(r"\d+", r"(\\d+)", re.escape(numbers)) + re.escape("".join(variant)))
    matches = filter(None, map(pattern.fullmatch, (tag, *tags)))
    versions = {match[0]: [int(number) for number in match.groups()] for match in matches}
    newest = max(versions, key=lambda name: versions[name])
    return newest if versions[newest] > versions[tag] else ""
