"""What the engine has already of the catalogue. Looking changes nothing; `name_for_project` alone moves a name."""

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
class Obtained:
    """An image that the engine has.

    `reference` is what to give to `docker run`. `origin` says how it came: `pulled`, `built: ...`, or `present` for
    one that somebody else made. `version` is its software's. `size` is in bytes.
    """

    name: str
    reference: str
    origin: str
    version: str
    size: int


def may_pull(settings: Settings, image: Image) -> bool:
    """Whether the settings let `image` be pulled, or used as pulled. What has no recipe can come in no other way."""
    wanted = settings.image_mode != "build" or image.recipe is None
    return image.reference is not None and not image.forced and wanted


def may_build(settings: Settings, image: Image) -> bool:
    """Whether the settings let the recipe's image be built, or used as built: always, if nothing can be pulled."""
    needed = image.forced or image.reference is None
    return image.recipe is not None and (needed or settings.image_mode != "pull")


def present(client: docker.DockerClient, settings: Settings, images: Mapping[str, Image], name: str) -> Obtained | None:
    """Image `name` if the engine has it in a form that the settings allow; nothing is pulled or built."""
    image = images[name]
    found = reference_present(client, image) if may_pull(settings, image) else None
    if found is None and may_build(settings, image):
        found = built_present(client, images, image)
    return found


def reference_present(client: docker.DockerClient, image: Image) -> Obtained | None:
    """The image under the name that is pulled."""
    if image.reference is None:
        return None
    attrs = _inspect(client, image.reference)
    if attrs is None:
        return None
    _, tag = parse_repository_tag(image.reference)
    origin = "pulled" if attrs.get("RepoDigests") else "present"
    return Obtained(image.name, image.reference, origin, tag or "latest", int(attrs["Size"]))


def built_present(client: docker.DockerClient, images: Mapping[str, Image], image: Image) -> Obtained | None:
    """What the recipe built, if the recipe is still the same."""
    tag = built_tag(images, image.name)
    attrs = _inspect(client, tag)
    if attrs is None:
        return None
    labels = attrs["Config"].get("Labels") or {}
    return Obtained(
        image.name,
        tag,
        f"built: {labels.get(LABEL_ORIGIN, 'unknown')}",
        labels.get(LABEL_VERSION, image.release),
        int(attrs["Size"]),
    )


def name_for_project(client: docker.DockerClient, built: str, tag: str) -> None:
    """Gives the name that the project's DAGs have by default to this build, unless it names somebody else's image.

    Leaving theirs does no harm: a run is given the exact name, `built`.
    """
    ours, named = _inspect(client, built), _inspect(client, tag)
    if ours is None:
        return
    if named is not None:
        labels = named["Config"].get("Labels") or {}
        if named["Id"] == ours["Id"] or LABEL_RECIPE not in labels:
            return
    repository, release = parse_repository_tag(tag)
    with engine_errors(f"naming {tag}"):
        client.api.tag(built, repository, release or "latest", force=True)


def _inspect(client: docker.DockerClient, reference: str) -> dict[str, Any] | None:
    with engine_errors(f"looking for {reference}"):
        try:
            attrs: dict[str, Any] = client.images.get(reference).attrs
        except ImageNotFound:
            return None
        except APIError as error:
            raise ImageError(f"the engine does not take {reference!r} as an image: {error.explanation}") from error
    return attrs
