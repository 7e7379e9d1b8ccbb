"""The image catalogue and the options that override it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ImageError
from harness.images.catalogue import BUILT_IN, load_catalogue
from harness.settings import ProjectImage, Settings


def with_overrides(settings: Settings, **overrides: str) -> Settings:
    return settings.model_copy(update={"image_overrides": overrides})


def test_every_image_has_a_pinned_reference_and_a_recipe(settings: Settings) -> None:
    for name, image in load_catalogue(settings).items():
        # No registry has the AWS mock or the image with its packages.
        assert (image.reference is None) == (name in ("aws", "moto"))
        assert ":" in (image.reference or ":")
        assert not (image.reference or "").endswith(":latest")
        assert image.recipe is not None
        assert (image.recipe / "Dockerfile").is_file()


def test_a_reference_replaces_image_and_recipe(settings: Settings) -> None:
    minio = load_catalogue(with_overrides(settings, minio="some/minio:tag"))["minio"]
    assert (minio.reference, minio.recipe, minio.forced) == ("some/minio:tag", None, False)


def test_the_default_reference_as_override_keeps_the_recipe(settings: Settings) -> None:
    assert load_catalogue(with_overrides(settings, relay="alpine/socat:1.8.0.3"))["relay"].recipe


def test_build_override_forces_the_recipe(settings: Settings) -> None:
    minio = load_catalogue(with_overrides(settings, minio="build:RELEASE.2025-10-15T17-29-55Z"))["minio"]
    assert minio.forced
    assert minio.release == "RELEASE.2025-10-15T17-29-55Z"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("minio", "build:", "build:RELEASE.2025-09-07T16-13-09Z"),
        ("minio", "build:latest", "build:RELEASE.2025-09-07T16-13-09Z"),
        ("aws", "build:5.2.6", "build:5.2.5"),
        ("postgres", "build:17.6", "build:17"),
        ("postgres", "not a reference", "is not an image reference"),
        ("nosuch", "x:y", "image 'nosuch' is not in the catalogue"),
    ],
)
def test_an_invalid_override_gives_a_one_line_error(settings: Settings, name: str, value: str, message: str) -> None:
    with pytest.raises(ImageError) as refused:
        load_catalogue(with_overrides(settings, **{name: value}))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_project_image_is_built_from_its_context(settings: Settings) -> None:
    mine = ProjectImage(tag="me/mine", context=Path("a/b"), files=(Path("a/shared.py"),))
    own = settings.model_copy(update={"images": {"mine": mine}})
    image = load_catalogue(own)["mine"]
    assert (image.reference, image.recipe, image.tag) == (None, settings.root / "a/b", "me/mine")
    assert image.files == (settings.root / "a/shared.py",)
    assert tuple(load_catalogue(own)) == (*BUILT_IN, "mine")


def test_a_project_image_with_a_built_in_name_is_an_error(settings: Settings) -> None:
    own = settings.model_copy(update={"images": {"minio": ProjectImage(tag="me/minio", context=Path())}})
    with pytest.raises(ImageError, match="rename yours"):
        load_catalogue(own)
