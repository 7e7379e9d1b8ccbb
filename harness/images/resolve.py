"""An image, by whatever way there is: present, else pulled, else built."""

from __future__ import annotations

from collections.abc import Mapping

import docker

from harness.errors import ImageError
from harness.images.build import ask
from harness.images.catalogue import Image, catalogue, unknown
from harness.images.make import make
from harness.images.prepare import Parent
from harness.images.present import Obtained, may_build, may_pull, name_for_project, present, reference_present
from harness.images.pull import PullError, pull
from harness.progress import SILENT, Progress
from harness.settings import Settings

__all__ = ["Obtained", "obtain"]


def obtain(client: docker.DockerClient, settings: Settings, name: str, progress: Progress = SILENT) -> Obtained:
    """Image `name` of the catalogue, made available in the engine. Raises ImageError, EngineError."""
    images = catalogue(settings)
    if name not in images:
        raise unknown(name, images)
    image = images[name]
    found = present(client, settings, images, name) or _get(client, settings, images, image, progress)
    if image.tag:
        name_for_project(client, found.reference, image.tag)
    return found


def _get(
    client: docker.DockerClient, settings: Settings, images: Mapping[str, Image], image: Image, progress: Progress
) -> Obtained:
    """Pulls the image, else builds it."""
    name = image.name
    why = "" if image.reference else " (it has nothing to pull)"
    if image.reference and may_pull(settings, image):
        try:
            pull(client, image.reference, name, progress)
        except PullError as error:
            if not may_build(settings, image):
                raise _unobtainable(image, error) from error
            why = f" ({error})"
        else:
            return reference_present(client, image) or _gone(image)

    def parent(wanted: str) -> Parent:
        obtained = obtain(client, settings, wanted, progress)
        # A pulled image carries no label of ours, so the one whose version matters is asked.
        asked = wanted == "python"
        version = ask(client, obtained.reference, images[wanted].probe, wanted) if asked else obtained.version
        return Parent(obtained.reference, version)

    progress.step(name, f"building{why}")
    built = make(client, settings.cache_dir, images, image, parent, progress) or _gone(image)
    progress.step(name, f"built, version {built.version}, {built.size / 1e6:.0f} MB", last=True)
    return built


def _unobtainable(image: Image, error: PullError) -> ImageError:
    if error.missing:
        return ImageError(
            f"image {image.name} does not exist: {error}; check the name, or leave --{image.name}-image out"
        )
    return ImageError(
        f"image {image.name} is not present and can't be pulled: {error}; "
        f"{'use --image-mode auto to build it' if image.recipe else 'load it with `docker load`, or name another'}"
    )


def _gone(image: Image) -> Obtained:
    raise ImageError(f"image {image.name} was there and is gone: something else removes images from this engine")
