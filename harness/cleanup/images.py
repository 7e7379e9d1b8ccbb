"""Find images that the recipes built.

Pulled images stay, because other programs may use them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import docker
from docker.errors import APIError, ImageNotFound
from docker.utils import parse_repository_tag

from harness.cleanup.leftovers import Leftover
from harness.engine import engine_errors
from harness.errors import ImageError
from harness.images.local import LABEL_RECIPE
from harness.images.recipe_hash import PREFIX
from harness.settings import Settings


def find_built_images(client: docker.DockerClient, settings: Settings) -> Iterator[Leftover]:
    """Find every tag that the harness gave to a built image.

    The newest image comes first, because images depend on older ones. Raises EngineError.
    """
    parsed = (parse_repository_tag(image.tag) for image in settings.images.values())
    project_tags = {f"{repository}:{release or 'latest'}" for repository, release in parsed}
    with engine_errors("listing images"):
        built = client.api.images(filters={"label": LABEL_RECIPE})
    for image in sorted(built, key=lambda image: image["Created"], reverse=True):
        for tag in image["RepoTags"] or []:
            if tag.startswith(f"{PREFIX}/") or tag in project_tags:
                yield Leftover("image", f"{tag} ({image['Size'] / 1e6:.0f} MB)", partial(_remove, client, tag))


def _remove(client: docker.DockerClient, tag: str) -> None:
    with engine_errors(f"removing image {tag}"):
        try:
            client.images.remove(tag)
        except ImageNotFound:
            pass
        except APIError as error:
            raise ImageError(f"image {tag} can't be removed: {error.explanation}") from error
