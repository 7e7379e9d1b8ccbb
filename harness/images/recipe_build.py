"""Build one image by its recipe: prepare, build, probe, label.

A lock keeps two processes from building the same image.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import docker
from filelock import FileLock, Timeout

from harness.engine import engine_errors
from harness.errors import ImageError
from harness.images import debian
from harness.images.build import build, label_and_tag, remove_image, run_probe
from harness.images.catalogue import Image
from harness.images.local import LABEL_ORIGIN, LABEL_RECIPE, LABEL_VERSION, ResolvedImage, find_built
from harness.images.prepare import BuildContext, ParentImage, prepare
from harness.images.recipe_hash import built_tag, recipe_hash
from harness.images.tools import BuildLog, translate_disk_full
from harness.progress import Progress

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "s390x": "s390x", "ppc64le": "ppc64le"}
LOCK_TIMEOUT = 2400
"""Seconds to wait for another process that builds the same image."""


def build_recipe(
    client: docker.DockerClient,
    cache: Path,
    images: Mapping[str, Image],
    image: Image,
    resolve_parent: Callable[[str], ParentImage],
    progress: Progress,
) -> ResolvedImage | None:
    """Build `image`, unless another process built it in the meantime.

    Raises ImageError, EngineError.
    Returns None if another program removed the image right after the build.
    """
    work = cache / "work"
    with translate_disk_full(image.name), _locked(work, image.name, progress):
        built = find_built(client, images, image)
        if built:
            return built
        # We hold the lock, so a killed process left these folders.
        for abandoned in work.glob(f"{image.name}-{8 * '?'}"):
            shutil.rmtree(abandoned, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=f"{image.name}-", dir=work, ignore_cleanup_errors=True) as folder:
            _build_in(Path(folder), client, cache, images, image, resolve_parent, progress)
    return find_built(client, images, image)


@contextmanager
def _locked(work: Path, name: str, progress: Progress) -> Iterator[None]:
    work.mkdir(parents=True, exist_ok=True)
    lock = FileLock(work / f"{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress.step(name, "another process builds it, waiting")
        try:
            lock.acquire(timeout=LOCK_TIMEOUT)
        except Timeout as error:
            raise ImageError(
                f"image {name}: another process has been building it for {LOCK_TIMEOUT} s; end it, then run again"
            ) from error
    try:
        yield
    finally:
        lock.release()


def _build_in(
    folder: Path,
    client: docker.DockerClient,
    cache: Path,
    images: Mapping[str, Image],
    image: Image,
    resolve_parent: Callable[[str], ParentImage],
    progress: Progress,
) -> None:
    context, scratch = folder / "context", folder / "scratch"
    context.mkdir()
    scratch.mkdir()
    log = BuildLog(cache / "logs", image.name, scratch)

    spec = prepare(
        BuildContext(
            image=image,
            folder=context,
            scratch=scratch,
            cache=cache,
            arch=_read_architecture(client),
            log=log,
            report=lambda text: progress.step(image.name, text),
            resolve_parent=resolve_parent,
        )
    )
    built = build(
        client,
        context,
        dockerfile=spec.dockerfile,
        args={**debian.proxy_arguments(), **spec.args},
        scratch=scratch,
        log=log,
        progress=progress,
    )
    try:
        version = spec.version or run_probe(client, built, image.probe, image.name)
        if not version or "\n" in version:
            log.write(version)
            raise log.failure("it was built, but does not run")
        labels = {
            LABEL_RECIPE: recipe_hash(images, image.name),
            LABEL_VERSION: version,
            LABEL_ORIGIN: spec.origin,
        }
        label_and_tag(client, built, built_tag(images, image.name), labels, log)
    except BaseException:
        remove_image(client, built)
        raise


def _read_architecture(client: docker.DockerClient) -> str:
    with engine_errors("reading the engine's architecture"):
        machine = str(client.info().get("Architecture", ""))
    return ARCHITECTURES.get(machine, machine)
