"""Find the catalogue's images that the engine already has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import docker
from docker.errors import APIError, ImageNotFound
from docker.utils import parse_repository_tag

from harness.engine import engine_errors
from harness.errors import ImageError
from harness.images.catalogue import Image
from harness.images.recipe_hash import PREFIX, built_tag
from harness.settings import Settings

LABEL_RECIPE = f"{PREFIX}.recipe"
LABEL_VERSION = f"{PREFIX}.version"
LABEL_ORIGIN = f"{PREFIX}.origin"


@dataclass(frozen=True)
class ResolvedImage:
    """An image that the engine has.

    `reference` is the argument for `docker run`. `origin` is `pulled`, `built: ...`, or `present` for an image that
    was neither pulled nor built by the harness. `version` is the version of the image's software. `size` is in bytes.
    """

    name: str
    reference: str
    origin: str
    version: str
    size: int


def may_pull(settings: Settings, image: Image) -> bool:
    """Return whether the settings allow the pulled `image`.

    An image without a recipe can only be pulled.
    """
    allowed = settings.image_mode != "build" or image.recipe is None
    return image.reference is not None and not image.forced and allowed


def may_build(settings: Settings, image: Image) -> bool:
    """Return whether the settings allow the built `image`.

    An image without a reference can only be built.
    """
    required = image.forced or image.reference is None
    return image.recipe is not None and (required or settings.image_mode != "pull")


def find_local(
    client: docker.DockerClient, settings: Settings, images: Mapping[str, Image], name: str
) -> ResolvedImage | None:
    """Return image `name` if the engine has it in a form that the settings allow.

    Raises ImageError, EngineError.
    """
    image = images[name]
    resolved = find_pulled(client, image) if may_pull(settings, image) else None
    if resolved is None and may_build(settings, image):
        resolved = find_built(client, images, image)
    return resolved


def find_pulled(client: docker.DockerClient, image: Image) -> ResolvedImage | None:
    """Return the local image that has the reference of `image`.

    Raises ImageError, EngineError.
    """
    if image.reference is None:
        return None
    attrs = _inspect(client, image.reference)
    if attrs is None:
        return None
    _, tag = parse_repository_tag(image.reference)
    origin = "pulled" if attrs.get("RepoDigests") else "present"
    return ResolvedImage(image.name, image.reference, origin, tag or "latest", int(attrs["Size"]))


def find_built(client: docker.DockerClient, images: Mapping[str, Image], image: Image) -> ResolvedImage | None:
    """Return the local image that the current recipe built. Raises ImageError, EngineError."""
    tag = built_tag(images, image.name)
    attrs = _inspect(client, tag)
    if attrs is None:
        return None
    labels = attrs["Config"].get("Labels") or {}
    return ResolvedImage(
        image.name,
        tag,
        f"built: {labels.get(LABEL_ORIGIN, 'unknown')}",
        labels.get(LABEL_VERSION, image.release),
        int(attrs["Size"]),
    )


def tag_for_project(client: docker.DockerClient, built: str, tag: str) -> None:
    """Give the built image `built` the tag that the project's DAGs use.

    If an image that the harness did not build has that tag, the tag stays there.
    Runs work in both cases, because a run gets the exact reference `built`.
    """
    ours, tagged = _inspect(client, built), _inspect(client, tag)
    if ours is None:
        return
    if tagged is not None:
        labels = tagged["Config"].get("Labels") or {}
        if tagged["Id"] == ours["Id"] or LABEL_RECIPE not in labels:
            return
    repository, release = parse_repository_tag(tag)
    with engine_errors(f"tagging {tag}"):
        client.api.tag(built, repository, release or "latest", force=True)


def _inspect(client: docker.DockerClient, reference: str) -> dict[str, Any] | None:
    with engine_errors(f"inspecting {reference}"):
        try:
            attrs: dict[str, Any] = client.images.get(reference).attrs
        except ImageNotFound:
            return None
        except APIError as error:
            raise ImageError(
                f"the engine rejects the image reference {reference!r}: {error.explanation}; correct it"
            ) from error
    return attrs
