"""The catalogue, and what options make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ImageError
from harness.images.catalogue import BUILT_IN, catalogue
from harness.settings import ProjectImage, Settings


def with_overrides(settings: Settings, **overrides: str) -> Settings:
    return settings.model_copy(update={"image_overrides": overrides})


def test_every_image_has_a_pinned_reference_and_a_recipe(settings: Settings) -> None:
    for name, image in catalogue(settings).items():
        # Nobody publishes the AWS twin, nor what it stands on.
        assert (image.reference is None) == (name in ("aws", "moto"))
        assert ":" in (image.reference or ":")
        assert not (image.reference or "").endswith(":latest")
        assert image.recipe is not None
        assert (image.recipe / "Dockerfile").is_file()


def test_a_plain_reference_replaces_image_and_recipe(settings: Settings) -> None:
    minio = catalogue(with_overrides(settings, minio="some/minio:tag"))["minio"]
    assert (minio.reference, minio.recipe, minio.forced) == ("some/minio:tag", None, False)


def test_the_default_reference_as_override_keeps_the_recipe(settings: Settings) -> None:
    assert catalogue(with_overrides(settings, relay="alpine/socat:1.8.0.3"))["relay"].recipe


def test_build_forces_the_recipe_of_a_release(settings: Settings) -> None:
    minio = catalogue(with_overrides(settings, minio="build:RELEASE.2025-10-15T17-29-55Z"))["minio"]
    assert minio.forced
    assert minio.release == "RELEASE.2025-10-15T17-29-55Z"


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("minio", "build:", "build:RELEASE.2025-09-07T16-13-09Z"),
        ("minio", "build:latest", "build:RELEASE.2025-09-07T16-13-09Z"),
        ("aws", "build:5.2.6", "build:5.2.5"),
        ("postgres", "build:17.6", "build:17"),
        ("postgres", "not a reference", "neither an image reference"),
        ("nosuch", "x:y", "there is no image 'nosuch'"),
    ],
)
def test_overrides_that_mean_nothing_are_refused_in_one_line(
    settings: Settings, name: str, value: str, word: str
) -> None:
    with pytest.raises(ImageError) as refused:
        catalogue(with_overrides(settings, **{name: value}))
    assert word in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_project_adds_images_that_are_built_from_its_context(settings: Settings) -> None:
    mine = ProjectImage(tag="me/mine", context=Path("a/b"), files=(Path("a/shared.py"),))
    own = settings.model_copy(update={"images": {"mine": mine}})
    image = catalogue(own)["mine"]
    assert (image.reference, image.recipe, image.tag) == (None, settings.root / "a/b", "me/mine")
    assert image.files == (settings.root / "a/shared.py",)
    assert tuple(catalogue(own)) == (*BUILT_IN, "mine")


def test_a_project_may_not_take_a_built_in_name(settings: Settings) -> None:
    own = settings.model_copy(update={"images": {"minio": ProjectImage(tag="me/minio", context=Path())}})
    with pytest.raises(ImageError, match="rename yours"):
        catalogue(own)
