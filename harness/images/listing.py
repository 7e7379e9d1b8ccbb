"""The list of images, and obtaining several with progress: what `python -m harness images` shows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import docker
from rich.console import Console
from rich.table import Column, Table

from harness.images.catalogue import Image, catalogue, unknown
from harness.images.obtain import Obtained, obtain
from harness.images.present import present
from harness.progress import Progress
from harness.settings import Settings


@dataclass(frozen=True)
class Line:
    """One image in the list. `origin` and `version` are empty and `size` (bytes) is 0 while it is absent."""

    name: str
    reference: str
    present: bool
    origin: str
    version: str
    size: int


def lines(client: docker.DockerClient, settings: Settings) -> list[Line]:
    """Every image of the catalogue as the engine has it now. Raises ImageError, EngineError."""
    images = catalogue(settings)
    return [_line(image, present(client, settings, images, name)) for name, image in images.items()]


def _line(image: Image, found: Obtained | None) -> Line:
    if found is None:
        wanted = image.tag or image.reference
        if image.forced and not image.tag:
            wanted = f"build:{image.release}"
        return Line(image.name, wanted or "", False, "", "", 0)
    return Line(image.name, found.reference, True, found.origin, found.version, found.size)


def render(rows: Sequence[Line], as_json: bool, console: Console | None = None) -> None:
    """Prints the list: a table on a terminal, else plain lines with tabs between the columns, or JSON."""
    console = console or Console()
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2), file=console.file)
        return
    header = ("image", "reference", "present", "came from", "version", "size")
    cells = [
        (row.name, row.reference, "yes" if row.present else "no", row.origin, row.version, _size(row.size))
        for row in rows
    ]
    if not console.is_terminal:
        for line in (header, *cells):
            print("\t".join(line), file=console.file)
        return
    # Folded, never cut: a reference is there to be copied.
    table = Table(*(Column(name, overflow="fold") for name in header))
    for line in cells:
        table.add_row(*line)
    console.print(table)


def _size(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size else ""


def get(client: docker.DockerClient, settings: Settings, names: Iterable[str], progress: Progress) -> None:
    """Obtains `names` (none given: all) one after the other: builds would only slow each other down."""
    images = catalogue(settings)
    chosen = list(names) or list(images)
    for name in chosen:
        if name not in images:
            raise unknown(name, images)
    for name in chosen:
        found = obtain(client, settings, name, progress)
        progress.step(name, f"{found.reference}: {found.origin}", last=True)
