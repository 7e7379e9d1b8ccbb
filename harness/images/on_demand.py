"""The images of a stack. A declared image is obtained when something names it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import docker
from docker.utils import parse_repository_tag

from harness.errors import ImageError
from harness.images.catalogue import Image, load_catalogue
from harness.images.recipe_hash import built_tag
from harness.images.resolve import ResolvedImage, resolve_image
from harness.progress import Progress
from harness.settings import Settings


class StackImages(dict[str, ResolvedImage]):
    """The obtained images by name. Looking up a declared image obtains it.

    A failure is kept, so an image that can't be built costs one attempt and disturbs only what needs it.
    """

    def __init__(
        self,
        obtain: Callable[[str], ResolvedImage] | None = None,
        declared: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        """`declared` maps a name to the references of its image; the first one is exact."""
        super().__init__()
        self._obtain, self._declared = obtain, declared or {}
        self._failures: dict[str, ImageError] = {}

    def __missing__(self, name: str) -> ResolvedImage:
        if self._obtain is None:
            raise KeyError(name)
        if name in self._failures:
            raise self._failures[name]
        try:
            self[name] = image = self._obtain(name)
        except ImageError as error:
            self._failures[name] = error
            raise
        return image

    @property
    def references(self) -> dict[str, str]:
        """The exact reference of every image by name, also of declared images not obtained yet."""
        declared = {name: references[0] for name, references in self._declared.items()}
        return {**declared, **{name: image.reference for name, image in self.items()}}

    def obtain_named(self, texts: Iterable[str]) -> None:
        """Obtain the declared images whose references occur in `texts`.

        The texts are read only if needed. A text may name an image that the run does not use, so a failure is left to
        explain().
        """
        missing = [name for name in self._declared if name not in self and name not in self._failures]
        whole = "\n".join(texts) if missing else ""
        for name in missing:
            if self._is_named(name, whole):
                with suppress(ImageError):
                    self[name]

    def explain(self, log: str) -> str | None:
        """Return why an image that the log of a failed run names was not obtained, or None."""
        for name in self._declared:
            if name not in self and self._is_named(name, log):
                unnamed = f"image {name!r} was not built, because no variable and no file of the DAGs names it"
                return str(self._failures.get(name, f"{unnamed}: declare a variable with the value ${{images.{name}}}"))
        return None

    def _is_named(self, name: str, text: str) -> bool:
        return any(parse_repository_tag(reference)[0] in text for reference in self._declared.get(name, ()))


def obtain_images(
    client: docker.DockerClient, settings: Settings, services: Iterable[str], progress: Progress
) -> StackImages:
    """Obtain the images `services`; return them with the project's declared images, for later.

    Raises ImageError, EngineError.
    """
    catalogue = load_catalogue(settings)
    declared = {name: _list_references(catalogue, catalogue[name]) for name in settings.images}
    images = StackImages(lambda name: resolve_image(client, settings, name, progress), declared)
    for name in services:
        images[name]
    return images


def _list_references(catalogue: Mapping[str, Image], image: Image) -> tuple[str, ...]:
    """Return the exact reference of a declared image, then the tag that DAGs use."""
    exact = image.reference
    if image.recipe is not None:
        with suppress(ImageError):  # A file is missing, which resolve_image() reports.
            exact = built_tag(catalogue, image.name)
    return tuple(filter(None, (exact, image.tag)))
