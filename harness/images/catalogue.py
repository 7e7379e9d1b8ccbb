"""The image catalogue: for each image the reference to pull and the recipe that builds it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.errors import ImageError
from harness.images import debian, minio
from harness.settings import Settings

RECIPES = Path(__file__).parent / "recipes"
AWS_MOCK = Path(__file__).parents[1] / "aws_mock"
BUILD = "build:"
MOTO_VERSION = ("python3", "-c", "import importlib.metadata as m; print(m.version('moto'))")


@dataclass(frozen=True)
class Image:
    """One image.

    - `reference`: the reference to pull; None if no registry has the image.
    - `release`: the version that the recipe builds.
    - `recipe`: the folder with the Dockerfile; None if the image can only be pulled.
    - `parents`: the images that the recipe may build on.
    - `forced`: the image is always built, never pulled.
    - `tag`: the tag that the project's DAGs use.
    - `probe`: the command that prints the version of the image's software.
    - `files`: further files and folders for the recipe, copied beside the Dockerfile under their own names.
    - `releases`: a pattern of the releases that `build:` accepts; empty means only `release`.
    """

    name: str
    reference: str | None
    release: str
    recipe: Path | None
    parents: tuple[str, ...] = ()
    forced: bool = False
    tag: str | None = None
    probe: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    releases: str = field(default="", repr=False)


_ALL = (
    Image("base", "debian:bookworm-slim", "", RECIPES / "base", probe=("cat", "/etc/debian_version")),
    Image(
        "python",
        "python:3.12-slim-bookworm",
        "debian",
        RECIPES / "python",
        ("base",),
        probe=("python3", "-c", "import platform; print(platform.python_version())"),
    ),
    Image(
        "relay",
        "alpine/socat:1.8.0.3",
        "debian",
        RECIPES / "relay",
        ("base",),
        probe=("sh", "-c", "socat -V | sed -n 's/^socat version //p' | cut -d' ' -f1"),
    ),
    Image(
        "postgres",
        "postgres:17.6",
        "17",
        RECIPES / "postgres",
        ("base",),
        probe=("sh", "-c", "initdb --version >/dev/null && psql --version >/dev/null && postgres -V | cut -d' ' -f3"),
        releases=r"\d+",
    ),
    # Registries have only plain moto, which lacks the mock's behaviour, so nothing is pulled.
    Image("moto", None, "5.2.5", RECIPES / "moto", ("python",), probe=MOTO_VERSION),
    Image("aws", None, "5.2.5", RECIPES / "aws", ("moto",), probe=MOTO_VERSION, files=(AWS_MOCK,)),
    Image(
        "minio",
        "quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z",
        "RELEASE.2025-09-07T16-13-09Z",
        RECIPES / "minio",
        ("base",),
        probe=("sh", "-c", "minio --version | head -1 | cut -d' ' -f3"),
        releases=f"{minio.RELEASE.pattern}|{minio.PSEUDO.pattern}",
    ),
    Image(
        "mc",
        "quay.io/minio/mc:RELEASE.2025-08-13T08-35-41Z",
        "RELEASE.2025-08-13T08-35-41Z",
        RECIPES / "mc",
        ("base",),
        probe=("sh", "-c", "mc --version | head -1 | cut -d' ' -f3"),
        releases=f"{minio.RELEASE.pattern}|{minio.PSEUDO.pattern}",
    ),
    Image(
        "airflow",
        "apache/airflow:3.3.2-python3.12",
        "3.3.2",
        RECIPES / "airflow",
        ("python",),
        probe=("python3", "-c", "import importlib.metadata as m; print(m.version('apache-airflow'))"),
    ),
    Image(
        "reaper",
        "testcontainers/ryuk:0.14.0",
        "0.14.0",
        RECIPES / "reaper",
        ("base", "python"),
        releases=r"\d+\.\d+\.\d+",
    ),
)
BUILT_IN = tuple(image.name for image in _ALL)


def load_catalogue(settings: Settings) -> dict[str, Image]:
    """Return every image by name, including the project's own images.

    The overrides in the settings are applied. Raises ImageError if an override is invalid.
    """
    images = {image.name: image for image in _ALL}
    # The base image has the Debian or Ubuntu release of this machine.
    images["base"] = replace(images["base"], release=debian.host_suite(), releases=r"[a-z]+")
    for name, own in settings.images.items():
        if name in images:
            raise ImageError(
                f"image {name}: the harness has a built-in image of that name; rename yours in pyproject.toml"
            )
        context = settings.root / own.context
        files = tuple(settings.root / file for file in own.files)
        images[name] = Image(name, None, "local", context, ("python",), forced=True, tag=own.tag, files=files)
    return images | _apply_overrides(images, settings.image_overrides)


def _apply_overrides(images: Mapping[str, Image], overrides: Mapping[str, str]) -> dict[str, Image]:
    changed = {}
    for name, value in overrides.items():
        image = images.get(name)
        if image is None:
            raise unknown_image_error(name, images)
        if value.startswith(BUILD):
            release = value.removeprefix(BUILD)
            allowed = image.releases or re.escape(image.release)
            if not re.fullmatch(allowed, release):
                raise ImageError(
                    f"image {name}: its recipe can't build {value!r}; write for example {BUILD}{image.release}"
                )
            changed[name] = replace(image, release=release, forced=True)
        elif not re.fullmatch(r"[\w][\w./:@-]*", value):
            raise ImageError(f"image {name}: {value!r} is not an image reference; write NAME:TAG or {BUILD}RELEASE")
        elif value != image.reference:
            changed[name] = replace(image, reference=value, recipe=None, forced=False, tag=None)
    return changed


def unknown_image_error(name: str, images: Mapping[str, Image]) -> ImageError:
    """Create the error for an image that the catalogue lacks."""
    return ImageError(f"image {name!r} is not in the catalogue: use {', '.join(images)}")
