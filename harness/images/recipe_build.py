"""One image by its recipe: prepared, built, asked for its version, labelled. Two processes never make the same one."""

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
from harness.images.build import ask, build, discard, label_and_tag
from harness.images.catalogue import Image
from harness.images.prepare import Bench, Parent, prepare
from harness.images.present import LABEL_ORIGIN, LABEL_RECIPE, LABEL_VERSION, Obtained, built_present
from harness.images.recipe_hash import built_tag, recipe_hash
from harness.images.tools import Log, full_disk_named
from harness.progress import Progress

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "s390x": "s390x", "ppc64le": "ppc64le"}
LONGEST_WAIT = 2400
"""Seconds to wait for another process that builds the same image."""


def make(
    client: docker.DockerClient,
    cache: Path,
    images: Mapping[str, Image],
    image: Image,
    parent: Callable[[str], Parent],
    progress: Progress,
) -> Obtained | None:
    """Builds `image`, unless another process did while we waited for it. Raises ImageError, EngineError.

    None: it was built and something else removed it at once.
    """
    work = cache / "work"
    with full_disk_named(image.name), _alone(work, image.name, progress):
        found = built_present(client, images, image)
        if found:
            return found
        # Under the lock nobody else works here: what lies about was left by a process that was killed.
        for left in work.glob(f"{image.name}-{8 * '?'}"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=f"{image.name}-", dir=work, ignore_cleanup_errors=True) as folder:
            _make_in(Path(folder), client, cache, images, image, parent, progress)
    return built_present(client, images, image)


@contextmanager
def _alone(work: Path, name: str, progress: Progress) -> Iterator[None]:
    work.mkdir(parents=True, exist_ok=True)
    lock = FileLock(work / f"{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress.step(name, "another process builds it, waiting")
        try:
            lock.acquire(timeout=LONGEST_WAIT)
        except Timeout as error:
            raise ImageError(
                f"image {name}: another process has been building it for {LONGEST_WAIT} s; end it, then run again"
            ) from error
    try:
        yield
    finally:
        lock.release()


def _make_in(
    folder: Path,
    client: docker.DockerClient,
    cache: Path,
    images: Mapping[str, Image],
    image: Image,
    parent: Callable[[str], Parent],
    progress: Progress,
) -> None:
    context, scratch = folder / "context", folder / "scratch"
    context.mkdir()
    scratch.mkdir()
    log = Log(cache / "logs", image.name, scratch)

    prepared = prepare(
        Bench(
            image=image,
            context=context,
            scratch=scratch,
            cache=cache,
            arch=_architecture(client),
            log=log,
            say=lambda text: progress.step(image.name, text),
            parent=parent,
        )
    )
    built = build(
        client,
        context,
        dockerfile=prepared.dockerfile,
        args=prepared.args,
        scratch=scratch,
        log=log,
        progress=progress,
    )
    try:
        version = prepared.version or ask(client, built, image.probe, image.name)
        if not version or "\n" in version:
            log.write(version)
            raise log.failure("it was built, but does not run")
        labels = {
            LABEL_RECIPE: recipe_hash(images, image.name),
            LABEL_VERSION: version,
            LABEL_ORIGIN: prepared.origin,
        }
        label_and_tag(client, built, built_tag(images, image.name), labels, log)
    except BaseException:
        discard(client, built)
        raise


def _architecture(client: docker.DockerClient) -> str:
    with engine_errors("asking the engine for its architecture"):
        machine = str(client.info().get("Architecture", ""))
    return ARCHITECTURES.get(machine, machine)
