"""A declared image is obtained when something names it, and its failure disturbs nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import ImageError
from harness.images import on_demand
from harness.images.local import ResolvedImage
from harness.images.on_demand import StackImages, obtain_images
from harness.progress import SILENT
from harness.settings import ProjectImage, Settings


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the images that are obtained; `broken` can't be built."""
    names: list[str] = []

    def resolve(client: object, settings: Settings, name: str, progress: object) -> ResolvedImage:
        names.append(name)
        if name == "broken":
            raise ImageError("image broken can't be built: no Dockerfile")
        return ResolvedImage(name, f"airflow-harness/{name}:1", "built", "1", 7)

    monkeypatch.setattr(on_demand, "resolve_image", resolve)
    return names


@pytest.fixture
def images(settings: Settings, tried: list[str]) -> StackImages:
    declared = {name: ProjectImage(tag=f"me/{name}:2", context=Path(name)) for name in ("cruncher", "broken")}
    return obtain_images(None, settings.model_copy(update={"images": declared}), ["minio"], SILENT)  # type: ignore[arg-type]


def test_only_the_services_images_are_obtained_at_the_start(images: StackImages, tried: list[str]) -> None:
    assert list(images) == tried == ["minio"]


def test_declarations_get_the_reference_of_an_image_that_is_not_obtained(images: StackImages, tried: list[str]) -> None:
    assert images.references["minio"] == "airflow-harness/minio:1"
    assert images.references["broken"].startswith("airflow-harness/broken:local-")
    assert tried == ["minio"]


@pytest.mark.parametrize("by", ["the tag", "the reference", "a scenario"])
def test_an_image_is_obtained_once_when_it_is_named(images: StackImages, tried: list[str], by: str) -> None:
    text = images.references["cruncher"] if by == "the reference" else 'DockerOperator(image="me/cruncher")'
    for _ in range(2):
        if by == "a scenario":
            assert images["cruncher"].version == "1"
        else:
            images.obtain_named(["PATH=/bin", text])
    assert tried == ["minio", "cruncher"]


def test_a_run_that_names_no_image_obtains_none(images: StackImages, tried: list[str]) -> None:
    images.obtain_named(["a cruncher is broken"])
    assert tried == ["minio"]


def test_the_failure_of_an_image_is_kept_for_who_needs_it(images: StackImages, tried: list[str]) -> None:
    for _ in range(2):
        images.obtain_named([images.references["broken"]])
    assert tried == ["minio", "broken"], "one attempt"
    assert images.explain("NoSuchBucket: data") is None
    assert images.explain("404: No such image: me/broken:2") == "image broken can't be built: no Dockerfile"
    with pytest.raises(ImageError, match="image broken can't be built"):
        images["broken"]
    assert tried == ["minio", "broken"]


def test_texts_are_not_read_if_all_images_are_there(images: StackImages) -> None:
    images["cruncher"]
    images.obtain_named(["me/broken"])

    def read() -> Iterator[str]:
        raise AssertionError("read without need")
        yield ""

    images.obtain_named(read())


def test_an_embedded_stack_has_no_images() -> None:
    with pytest.raises(KeyError):
        StackImages()["python"]
    assert StackImages().references == {}
