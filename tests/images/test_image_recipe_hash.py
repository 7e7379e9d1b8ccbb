"""A built image is used again exactly as long as its recipe is the same."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from harness.images import debian
from harness.images.catalogue import Image, catalogue
from harness.images.recipe_hash import built_tag, recipe_hash
from harness.settings import Settings


@pytest.fixture
def images(settings: Settings, tmp_path: Path) -> dict[str, Image]:
    """The catalogue over a copy of the recipes, so that they can be changed."""
    copied = {}
    for name, image in catalogue(settings).items():
        assert image.recipe
        shutil.copytree(image.recipe, tmp_path / name)
        copied[name] = dataclasses.replace(image, recipe=tmp_path / name)
    return copied


def test_the_same_recipe_has_the_same_hash(images: dict[str, Image]) -> None:
    assert recipe_hash(images, "aws") == recipe_hash(images, "aws")
    assert built_tag(images, "aws") == f"airflow-harness/aws:5.2.5-{recipe_hash(images, 'aws')[:12]}"


def test_a_file_its_mode_and_its_name_count(images: dict[str, Image], tmp_path: Path) -> None:
    seen = {recipe_hash(images, "minio")}
    entrypoint = tmp_path / "minio" / "docker-entrypoint.sh"
    entrypoint.write_text(entrypoint.read_text() + "# changed\n")
    seen.add(recipe_hash(images, "minio"))
    (tmp_path / "minio" / "Dockerfile").chmod(0o755)
    seen.add(recipe_hash(images, "minio"))
    entrypoint.rename(entrypoint.with_name("other.sh"))
    seen.add(recipe_hash(images, "minio"))
    assert len(seen) == 4


def test_a_lost_bit_or_another_umask_makes_no_difference(images: dict[str, Image], tmp_path: Path) -> None:
    before = recipe_hash(images, "minio")
    for file in (tmp_path / "minio").iterdir():
        file.chmod(0o600)
    assert recipe_hash(images, "minio") == before


def test_a_parent_counts_however_far_away(images: dict[str, Image], tmp_path: Path) -> None:
    before = {name: recipe_hash(images, name) for name in images}
    (tmp_path / "python" / "Dockerfile").write_text("FROM nothing\n")
    after = {name: recipe_hash(images, name) for name in images}
    assert {name for name in images if before[name] != after[name]} == {"python", "aws", "reaper"}


def test_release_and_reference_count(images: dict[str, Image]) -> None:
    before = recipe_hash(images, "minio")
    release = dataclasses.replace(images["minio"], release="RELEASE.2025-10-15T17-29-55Z")
    assert recipe_hash(images | {"minio": release}, "minio") != before
    base = dataclasses.replace(images["base"], reference="other:1", recipe=None)
    assert recipe_hash(images | {"base": base}, "minio") != before


def test_the_machines_certificates_count_for_all_that_stand_on_the_base(
    images: dict[str, Image], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = recipe_hash(images, "relay")
    bundle = tmp_path / "ca.crt"
    bundle.write_text("another authority")
    monkeypatch.setattr(debian, "CA_BUNDLE", bundle)
    assert recipe_hash(images, "relay") != before


def test_what_python_leaves_in_a_folder_does_not_count(images: dict[str, Image], tmp_path: Path) -> None:
    before = recipe_hash(images, "reaper")
    cache = tmp_path / "reaper" / "__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "stand_in.cpython-311.pyc").write_bytes(b"x")
    assert recipe_hash(images, "reaper") == before
