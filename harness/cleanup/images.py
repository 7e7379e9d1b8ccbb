"""Images that the recipes built. What was pulled is left: others may have asked for it, too."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import docker
from docker.errors import APIError, ImageNotFound
from docker.utils import parse_repository_tag

from harness.cleanup.leftovers import Left
from harness.engine import engine_errors
from harness.errors import ImageError
from harness.images.local import LABEL_RECIPE
from harness.images.recipe_hash import PREFIX
from harness.settings import Settings


def of_images(client: docker.DockerClient, settings: Settings) -> Iterator[Left]:
    """By every name that the harness gave it, the newest first, since one stands on another."""
    named = (parse_repository_tag(image.tag) for image in settings.images.values())
    given = {f"{repository}:{release or 'latest'}" for repository, release in named}
    with engine_errors("listing images"):
        built = client.api.images(filters={"label": LABEL_RECIPE})
    for image in sorted(built, key=lambda one: one["Created"], reverse=True):
        for tag in image["RepoTags"] or []:
            if tag.startswith(f"{PREFIX}/") or tag in given:
                yield Left("image", f"{tag} ({image['Size'] / 1e6:.0f} MB)", partial(_remove, client, tag))


def _remove(client: docker.DockerClient, tag: str) -> None:
    with engine_errors(f"removing image {tag}"):
        try:
            client.images.remove(tag)
        except ImageNotFound:
            pass
        except APIError as error:
            raise ImageError(f"image {tag} stays: {error.explanation}") from error
