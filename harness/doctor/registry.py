"""What a registry says of a reference: asked as anybody may, over the registry API (OCI distribution spec, v2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urljoin

import requests
from docker.utils import parse_repository_tag

from harness.images.pull import parse_registry

TIMEOUT = 5.0
PAGES = 20
"""Of tags, a thousand each at most; some registries give fewer."""
DOCKER_HUB = "registry-1.docker.io"
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
)


@dataclass(frozen=True)
class Said:
    """`gone`: there is no such image. `token`: nobody gets it without logging in. `newer`: the newest tag of the same
    form, where that is newer than the reference's own.
    """

    state: Literal["there", "gone", "token"]
    newer: str = ""


def ask(reference: str) -> Said | None:
    """None where the registry can't be reached, or answers something else."""
    registry = parse_registry(reference)
    repository, tag = parse_repository_tag(reference)
    name = repository.removeprefix(f"{registry}/")
    host = DOCKER_HUB if registry == "docker.io" else registry
    if registry == "docker.io" and "/" not in name:
        name = f"library/{name}"
    scheme = "http" if host.partition(":")[0] in ("localhost", "127.0.0.1") else "https"
    with requests.Session() as session:
        try:
            return _asked(session, f"{scheme}://{host}/v2/{name}", tag or "latest")
        except (requests.RequestException, ValueError):
            return None


def _asked(session: requests.Session, base: str, tag: str) -> Said | None:
    manifest = f"{base}/manifests/{tag}"
    answer = session.head(manifest, headers={"Accept": MANIFESTS}, timeout=TIMEOUT)
    if answer.status_code == 401 and _log_in(session, answer.headers.get("WWW-Authenticate", "")):
        answer = session.head(manifest, headers={"Accept": MANIFESTS}, timeout=TIMEOUT)
    if answer.status_code in (401, 403):
        return Said("token")
    if answer.status_code == 404:
        return Said("gone")
    answer.raise_for_status()
    return Said("there", newest(tag, _tags(session, base)))


def _log_in(session: requests.Session, challenge: str) -> bool:
    """As nobody: registries give everybody a token for what is public."""
    asked = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    if not challenge.lower().startswith("bearer ") or "realm" not in asked:
        return False
    answer = session.get(asked.pop("realm"), params=asked, timeout=TIMEOUT)
    if not answer.ok:
        return False
    told = answer.json()
    session.headers["Authorization"] = f"Bearer {told.get('token') or told.get('access_token')}"
    return True


def _tags(session: requests.Session, base: str) -> list[str]:
    found: list[str] = []
    page: str | None = f"{base}/tags/list?n=1000"
    for _ in range(PAGES):
        answer = session.get(page or "", timeout=TIMEOUT)
        if not answer.ok:
            break
        found += answer.json().get("tags") or []
        page = answer.links.get("next", {}).get("url")
        if page is None:
            break
        page = urljoin(base, page)
    return found


def newest(tag: str, tags: list[str]) -> str:
    """The tag with the greatest numbers among those that are written as `tag` is; empty where that is `tag` itself.

    What follows a dash and is a word (`-slim`, `-python3.12`) names a variant, and has to be the same.
    """
    numbers, *variant = re.split(r"(?=-[a-z])", tag, maxsplit=1)
    form = re.compile(re.sub(r"\d+", r"(\\d+)", re.escape(numbers)) + re.escape("".join(variant)))
    matches = filter(None, map(form.fullmatch, (tag, *tags)))
    fitting = {match[0]: [int(number) for number in match.groups()] for match in matches}
    best = max(fitting, key=lambda one: fitting[one])
    return best if fitting[best] > fitting[tag] else ""
