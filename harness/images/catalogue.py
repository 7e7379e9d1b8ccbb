"""What images there are: the reference to pull, and the recipe for machines that can't pull it."""

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

    `reference` is what to pull (None: nothing), `release` what a recipe would build, `recipe` the folder that the
    recipe starts from (None: it can only be pulled), `parents` the images it may stand on. `forced`: the user asked
    for the recipe. `tag` is the name that a project's own DAGs use. `probe`, run inside, prints the version. `files`
    are files and folders from elsewhere that the recipe needs; each is put beside its Dockerfile, by its own name.
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
    """A pattern of what may follow `build:`, where that is not the release alone."""


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


def catalogue(settings: Settings) -> dict[str, Image]:
    """Every image by name, the project's own included, as the settings want it.

    Raises ImageError for an override that means nothing.
    """
    images = {image.name: image for image in _ALL}
    # The base is whatever Debian or Ubuntu this machine runs.
    images["base"] = replace(images["base"], release=debian.own_suite(), releases=r"[a-z]+")
    for name, own in settings.images.items():
        if name in images:
            raise ImageError(f"image {name}: the harness brings one of that name; rename yours in pyproject.toml")
        context = settings.root / own.context
        files = tuple(settings.root / file for file in own.files)
        images[name] = Image(name, None, "local", context, ("python",), forced=True, tag=own.tag, files=files)
    return images | _overridden(images, settings.image_overrides)


def _overridden(images: Mapping[str, Image], overrides: Mapping[str, str]) -> dict[str, Image]:
    changed = {}
    for name, value in overrides.items():
        image = images.get(name)
        if image is None:
            raise unknown(name, images)
        if value.startswith(BUILD):
            release = value.removeprefix(BUILD)
            allowed = image.releases or re.escape(image.release)
            if not re.fullmatch(allowed, release):
                raise ImageError(
                    f"image {name}: {value!r} names nothing that its recipe can build; "
                    f"the default is {BUILD}{image.release}"
                )
            changed[name] = replace(image, release=release, forced=True)
        elif not re.fullmatch(r"[\w][\w./:@-]*", value):
            raise ImageError(f"image {name}: {value!r} is neither an image reference nor {BUILD}RELEASE")
        elif value != image.reference:
            changed[name] = replace(image, reference=value, recipe=None, forced=False, tag=None)
    return changed


def unknown(name: str, images: Mapping[str, Image]) -> ImageError:
    return ImageError(f"there is no image {name!r} in the catalogue; it holds {', '.join(images)}")
