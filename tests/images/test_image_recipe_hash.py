"""A built image is reused exactly as long as its recipe is the same."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from harness.errors import ImageError
from harness.images import debian
from harness.images.catalogue import Image, load_catalogue
from harness.images.recipe_hash import built_tag, list_recipe_files, recipe_hash
from harness.settings import Settings


@pytest.fixture
def images(settings: Settings, tmp_path: Path) -> dict[str, Image]:
    """Return the catalogue with a copy of the recipes, which the tests change."""
    copied = {}
    for name, image in load_catalogue(settings).items():
        assert image.recipe
        shutil.copytree(image.recipe, tmp_path / name)
        copied[name] = dataclasses.replace(image, recipe=tmp_path / name)
    return copied


def test_the_same_recipe_has_the_same_hash(images: dict[str, Image]) -> None:
    assert recipe_hash(images, "aws") == recipe_hash(images, "aws")
    assert built_tag(images, "aws") == f"airflow-harness/aws:5.2.5-{recipe_hash(images, 'aws')[:12]}"


def test_content_mode_and_name_of_a_file_change_the_hash(images: dict[str, Image], tmp_path: Path) -> None:
    hashes = {recipe_hash(images, "minio")}
    entrypoint = tmp_path / "minio" / "docker-entrypoint.sh"
    entrypoint.write_text(entrypoint.read_text() + "# changed\n")
    hashes.add(recipe_hash(images, "minio"))
    (tmp_path / "minio" / "Dockerfile").chmod(0o755)
    hashes.add(recipe_hash(images, "minio"))
    entrypoint.rename(entrypoint.with_name("other.sh"))
    hashes.add(recipe_hash(images, "minio"))
    assert len(hashes) == 4


def test_executable_bit_and_umask_do_not_change_the_hash(images: dict[str, Image], tmp_path: Path) -> None:
    before = recipe_hash(images, "minio")
    for file in (tmp_path / "minio").iterdir():
        file.chmod(0o600)
    assert recipe_hash(images, "minio") == before


def test_an_ancestor_changes_the_hash(images: dict[str, Image], tmp_path: Path) -> None:
    before = {name: recipe_hash(images, name) for name in images}
    (tmp_path / "python" / "Dockerfile").write_text("FROM nothing\n")
    after = {name: recipe_hash(images, name) for name in images}
    assert {name for name in images if before[name] != after[name]} == {"python", "moto", "aws", "airflow", "reaper"}


def test_release_and_reference_change_the_hash(images: dict[str, Image]) -> None:
    before = recipe_hash(images, "minio")
    release = dataclasses.replace(images["minio"], release="RELEASE.2025-10-15T17-29-55Z")
    assert recipe_hash(images | {"minio": release}, "minio") != before
    base = dataclasses.replace(images["base"], reference="other:1", recipe=None)
    assert recipe_hash(images | {"base": base}, "minio") != before


def test_certificates_change_the_hash_of_every_image_on_the_base(
    images: dict[str, Image], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = recipe_hash(images, "relay")
    bundle = tmp_path / "ca.crt"
    bundle.write_text("another authority")
    monkeypatch.setattr(debian, "CA_BUNDLE", bundle)
    assert recipe_hash(images, "relay") != before


def test_bytecode_does_not_change_the_hash(images: dict[str, Image], tmp_path: Path) -> None:
    before = recipe_hash(images, "reaper")
    cache = tmp_path / "reaper" / "__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "stand_in.cpython-311.pyc").write_bytes(b"x")
    assert recipe_hash(images, "reaper") == before


def test_name_and_content_of_extra_files_change_the_hash(images: dict[str, Image], tmp_path: Path) -> None:
    shared, package = tmp_path / "shared.py", tmp_path / "package"
    shared.write_text("1")
    (package / "__pycache__").mkdir(parents=True)
    (package / "module.py").write_text("1")
    extended = {"relay": dataclasses.replace(images["relay"], files=(shared, package))}
    hashes = {recipe_hash(images, "relay"), recipe_hash(images | extended, "relay")}
    (package / "__pycache__" / "module.cpython-311.pyc").write_bytes(b"x")
    assert recipe_hash(images | extended, "relay") in hashes
    (package / "module.py").write_text("2")
    hashes.add(recipe_hash(images | extended, "relay"))
    shared.write_text("2")
    hashes.add(recipe_hash(images | extended, "relay"))
    assert len(hashes) == 4
    assert [name for name, _ in list_recipe_files(images["relay"].recipe or tmp_path, (shared, package))] == [
        "Dockerfile",
        "shared.py",
        "package/module.py",
    ]


def test_a_missing_extra_file_is_named(images: dict[str, Image], tmp_path: Path) -> None:
    gone = dataclasses.replace(images["relay"], files=(tmp_path / "gone.py",))
    with pytest.raises(ImageError, match=r"gone\.py, which an image lists in `files`, does not exist"):
        recipe_hash(images | {"relay": gone}, "relay")
