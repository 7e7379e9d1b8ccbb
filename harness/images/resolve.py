"""Make an image available: use the local image, else pull it, else build it."""

from __future__ import annotations

from collections.abc import Mapping

import docker

from harness.errors import ImageError
from harness.images.build import run_probe
from harness.images.catalogue import Image, load_catalogue, unknown_image_error
from harness.images.local import ResolvedImage, find_local, find_pulled, may_build, may_pull, tag_for_project
from harness.images.prepare import ParentImage
from harness.images.pull import PullError, pull
from harness.images.recipe_build import build_recipe
from harness.progress import SILENT, Progress
from harness.settings import Settings

__all__ = ["ResolvedImage", "resolve_image"]


def resolve_image(
    client: docker.DockerClient, settings: Settings, name: str, progress: Progress = SILENT
) -> ResolvedImage:
    """Make image `name` of the catalogue available in the engine and return it.

    Raises ImageError, EngineError.
    """
    images = load_catalogue(settings)
    if name not in images:
        raise unknown_image_error(name, images)
    image = images[name]
    local = find_local(client, settings, images, name)
    resolved = local or _pull_or_build(client, settings, images, image, progress)
    if image.tag:
        tag_for_project(client, resolved.reference, image.tag)
    return resolved


def _pull_or_build(
    client: docker.DockerClient, settings: Settings, images: Mapping[str, Image], image: Image, progress: Progress
) -> ResolvedImage:
    name = image.name
    reason = "" if image.reference else " (no registry has it)"
    if image.reference and may_pull(settings, image):
        try:
            pull(client, image.reference, name, progress)
        except PullError as error:
            if not may_build(settings, image):
                raise _pull_failed_error(image, error) from error
            reason = f" ({error})"
        else:
            return _require(find_pulled(client, image), image)

    def resolve_parent(parent: str) -> ParentImage:
        resolved = resolve_image(client, settings, parent, progress)
        # A pulled image has no version label of ours. Only Python's version matters to a build.
        probe = parent == "python"
        version = run_probe(client, resolved.reference, images[parent].probe, parent) if probe else resolved.version
        return ParentImage(resolved.reference, version)

    progress.step(name, f"building{reason}")
    built = _require(build_recipe(client, settings.cache_dir, images, image, resolve_parent, progress), image)
    progress.step(name, f"built, version {built.version}, {built.size / 1e6:.0f} MB", last=True)
    return built


def _pull_failed_error(image: Image, error: PullError) -> ImageError:
    if error.missing:
        return ImageError(
            f"image {image.name} does not exist: {error}; correct the name, or leave out the setting {image.name}_image"
        )
    todo = "set image_mode to auto to build it" if image.recipe else "load it with `docker load`, or name another image"
    return ImageError(f"image {image.name} is not present and can't be pulled: {error}; {todo}")


def _require(resolved: ResolvedImage | None, image: Image) -> ResolvedImage:
    if resolved is None:
        raise ImageError(
            f"image {image.name} disappeared after it was pulled or built: stop the program that removes images, "
            "then run again"
        )
    return resolved
