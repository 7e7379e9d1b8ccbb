"""What a built image stands for, as one hash: another hash means that the image at hand is out of date."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.errors import ImageError
from harness.images import debian
from harness.images.catalogue import Image

PREFIX = "airflow-harness"


def recipe_hash(images: Mapping[str, Image], name: str) -> str:
    """64 hex digits over the recipe's files, release and parents. The same on every machine with the same sources."""
    image = images[name]
    digest = hashlib.sha256()
    for part in (image.name, image.release, image.reference or ""):
        digest.update(part.encode() + b"\0")
    if image.recipe is not None:
        for relative, file in recipe_files(image.recipe, image.files):
            digest.update(f"{relative}\0{file_mode(file):o}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
        if name == "base":
            digest.update(debian.fingerprint().encode())
        for parent in image.parents:
            digest.update(recipe_hash(images, parent).encode())
    return digest.hexdigest()


def built_tag(images: Mapping[str, Image], name: str) -> str:
    """The local name of what the recipe builds."""
    return f"{PREFIX}/{name}:{images[name].release}-{recipe_hash(images, name)[:12]}"


def recipe_files(recipe: Path, more: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """As context_files(), for a recipe with `more` files and folders, each under its own name beside the Dockerfile.

    Raises ImageError where one of them is missing.
    """
    yield from context_files(recipe)
    for one in more:
        if one.is_dir():
            for relative, file in context_files(one):
                yield f"{one.name}/{relative}", file
        elif one.is_file():
            yield one.name, one
        else:
            raise ImageError(f"an image is to be built with {one}, which does not exist: correct its `files`")


def context_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """(name inside the context, file) of everything that goes into a build, in a fixed order."""
    for file in sorted(folder.rglob("*")):
        relative = file.relative_to(folder)
        if file.is_file() and "__pycache__" not in relative.parts and file.suffix != ".pyc":
            yield relative.as_posix(), file


def file_mode(file: Path) -> int:
    """The mode that `file` gets in a build: readable by all, whatever this machine's umask was.

    A script is executable by its first line: the bit gets lost where the harness was installed from a wheel.
    """
    if file.stat().st_mode & 0o100:
        return 0o755
    with file.open("rb") as content:
        return 0o755 if content.read(2) == b"#!" else 0o644
