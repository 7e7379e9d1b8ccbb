"""List the catalogue's images and resolve several of them, for `harness images`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import docker
from rich.console import Console
from rich.table import Column, Table

from harness.images.catalogue import Image, load_catalogue, unknown_image_error
from harness.images.local import find_local
from harness.images.resolve import ResolvedImage, resolve_image
from harness.progress import Progress
from harness.settings import Settings


@dataclass(frozen=True)
class ImageRow:
    """One image of the list.

    `size` is in bytes. If the image is absent, `origin` and `version` are empty and `size` is 0.
    """

    name: str
    reference: str
    present: bool
    origin: str
    version: str
    size: int


def list_images(client: docker.DockerClient, settings: Settings) -> list[ImageRow]:
    """Return a row for each image of the catalogue. Raises ImageError, EngineError."""
    images = load_catalogue(settings)
    return [_create_row(image, find_local(client, settings, images, name)) for name, image in images.items()]


def _create_row(image: Image, resolved: ResolvedImage | None) -> ImageRow:
    if resolved is None:
        reference = image.tag or image.reference
        if image.forced and not image.tag:
            reference = f"build:{image.release}"
        return ImageRow(image.name, reference or "", False, "", "", 0)
    return ImageRow(image.name, resolved.reference, True, resolved.origin, resolved.version, resolved.size)


def print_images(rows: Sequence[ImageRow], as_json: bool, console: Console | None = None) -> None:
    """Print the list as JSON, as a table (on a terminal) or as tab-separated lines."""
    console = console or Console()
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2), file=console.file)
        return
    header = ("image", "reference", "present", "came from", "version", "size")
    cells = [
        (row.name, row.reference, "yes" if row.present else "no", row.origin, row.version, _format_size(row.size))
        for row in rows
    ]
    if not console.is_terminal:
        for line in (header, *cells):
            print("\t".join(line), file=console.file)
        return
    # Long references are wrapped and never cut off, because users copy them.
    table = Table(*(Column(name, overflow="fold") for name in header))
    for line in cells:
        table.add_row(*line)
    console.print(table)


def _format_size(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size else ""


def resolve_images(client: docker.DockerClient, settings: Settings, names: Iterable[str], progress: Progress) -> None:
    """Resolve the images `names` (default: all) one after the other.

    Parallel builds would slow each other down.
    Raises ImageError, EngineError.
    """
    images = load_catalogue(settings)
    selected = list(names) or list(images)
    for name in selected:
        if name not in images:
            raise unknown_image_error(name, images)
    for name in selected:
        resolved = resolve_image(client, settings, name, progress)
        progress.step(name, f"{resolved.reference}: {resolved.origin}", last=True)
