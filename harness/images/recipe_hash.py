"""The hash that identifies a built image. An image with another hash is out of date."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.errors import ImageError
from harness.images import debian
from harness.images.catalogue import Image

PREFIX = "airflow-harness"


def recipe_hash(images: Mapping[str, Image], name: str) -> str:
    """Return 64 hex digits over the recipe's files, release and parents.

    Machines with the same files and package sources get the same hash. Raises ImageError if a file is missing.
    """
    image = images[name]
    digest = hashlib.sha256()
    for part in (image.name, image.release, image.reference or ""):
        digest.update(part.encode() + b"\0")
    if image.recipe is not None:
        for relative, file in list_recipe_files(image.recipe, image.files):
            digest.update(f"{relative}\0{file_mode(file):o}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
        if name == "base":
            digest.update(debian.fingerprint().encode())
        for parent in image.parents:
            digest.update(recipe_hash(images, parent).encode())
    return digest.hexdigest()


def built_tag(images: Mapping[str, Image], name: str) -> str:
    """Return the local tag of the image that the recipe builds."""
    return f"{PREFIX}/{name}:{images[name].release}-{recipe_hash(images, name)[:12]}"


def list_recipe_files(recipe: Path, extra: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Yield (name inside the context, file) of a recipe's files and its `extra` paths.

    Each file or folder of `extra` keeps its own name and lies beside the Dockerfile.
    Raises ImageError if one of `extra` does not exist.
    """
    yield from list_context_files(recipe)
    for path in extra:
        if path.is_dir():
            for relative, file in list_context_files(path):
                yield f"{path.name}/{relative}", file
        elif path.is_file():
            yield path.name, path
        else:
            raise ImageError(f"{path}, which an image lists in `files`, does not exist: correct the list")


def list_context_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield (name inside the context, file) of a folder's files, in a fixed order."""
    for file in sorted(folder.rglob("*")):
        relative = file.relative_to(folder)
        if file.is_file() and "__pycache__" not in relative.parts and file.suffix != ".pyc":
            yield relative.as_posix(), file


def file_mode(file: Path) -> int:
    """Return the mode that `file` gets in a build, independent of this machine's umask.

    A file that starts with `#!` is executable too, because installing from a wheel loses the executable bit.
    """
    if file.stat().st_mode & 0o100:
        return 0o755
    with file.open("rb") as content:
        return 0o755 if content.read(2) == b"#!" else 0o644
